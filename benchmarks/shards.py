"""What a rate of decisions would take: a simulation of shards, nodes and hot accounts with a recorded skew.

    python -m benchmarks.shards windows.csv.gz --model m-mid --rate 1000000

`windows.csv.gz`: per client and window of ten minutes its rate and the spread of its arrivals (columns model, client,
window_start_s, rate_rps, iat_cv), as in the ServeGen data set (arXiv 2505.09999). Shares of all that was recorded, or
of the busiest window, are scaled to the rate; each client is an account, which lives in one shard. One that is too
large for that either asks for many units in one decision (`together`; holds do the same), or is divided by its operator
into accounts of their own (`divide`).

Time goes in ticks. In each, arrivals are drawn: as many as a renewal process has, whose gaps are as spread as recorded.
Engines gather what comes during their round trip, so a shard gets one call from each engine that has something for it.
A node serves its calls in order. Waits are told from node to answer, and not finer than a tick. The figures are
semi-synthetic: shares and spread are real, instants are drawn by a seed.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Literal, NamedTuple

import click

from spillover.core.shards import SHARDS

SEED = 20
SPREAD_MAX = 10.0
"""What is recorded beyond comes of single long pauses, not of bursts."""
TICK_S = 0.001
BUSY = 0.7
"""Of a core: how much of it engines, settlers and databases are to use."""
How = Literal["together", "divide"]
Over = Literal["whole", "busiest"]


class Costs(NamedTuple):
    """Microseconds of one core, as measured (docs/SCALING.md says where and how).

    A call is what an engine sends to one shard at a time; a decision is what comes on top for each in it.
    """

    engine_call: float = 15
    engine_decision: float = 33
    node_call: float = 20
    node_decision: float = 23
    settler: float = 30
    books: float = 12


class Client(NamedTuple):
    """One account's share of the traffic, and the coefficient of variation of the gaps between its requests."""

    share: float
    spread: float


class Account(NamedTuple):
    """An account: decisions per second, units in each, how spread they come, and its shard."""

    rate: float
    units: int
    spread: float
    shard: int


class Engines(NamedTuple):
    """How many, and the seconds for which each gathers while a batch is under way."""

    count: int
    gather: float = 0.005


class Outcome(NamedTuple):
    """Decisions and seconds of work that came, were done, were left; loads of nodes; waits in milliseconds."""

    decisions: int
    calls: float
    offered: float
    worked: float
    left: float
    loads: Sequence[float]
    mean: float
    p50: float
    p99: float
    late: float


def clients_of(path: Path, model: str, over: Over) -> list[Client]:
    """The model's clients, by share: of all that was recorded, or of the busiest window. Raises ClickException."""
    windows: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            if row["model"] == model:
                spread = min(float(row["iat_cv"] or 1), SPREAD_MAX)
                windows[row["window_start_s"]][row["client"]] = float(row["rate_rps"]), spread
    if not windows:
        raise click.ClickException(f"{path}: found no rows of model {model!r}, expected one of those in the file")
    if over == "busiest":
        chosen = [max(windows.values(), key=lambda clients: sum(rate for rate, _ in clients.values()))]
    else:
        chosen = list(windows.values())
    rates: dict[str, float] = defaultdict(float)
    spreads: dict[str, float] = defaultdict(float)
    for clients in chosen:
        for client, (rate, spread) in clients.items():
            rates[client] += rate
            spreads[client] += rate * spread
    total = sum(rates.values())
    return sorted((Client(rate / total, spreads[client] / rate) for client, rate in rates.items()), reverse=True)


def placed(
    clients: Iterable[Client], rate: float, most: float, how: How, rng: random.Random, shards: int = SHARDS
) -> list[Account]:
    """The accounts in their shards, none with more than `most` decisions a second; units come at `rate` in all."""
    found = []
    for client in clients:
        times = max(1, ceil(client.share * rate / most))
        parts, units = (1, times) if how == "together" else (times, 1)
        for _ in range(parts):
            found.append(Account(client.share * rate / times, units, client.spread, rng.randrange(shards)))
    return found


def laid_out(accounts: Iterable[Account], nodes: int) -> dict[int, int]:
    """Shard -> node: the busiest first, each on the node with least, as moving slots by load ends up."""
    rates: dict[int, float] = defaultdict(float)
    for account in accounts:
        rates[account.shard] += account.rate
    loads, found = [0.0] * nodes, {}
    for shard in sorted(rates, key=lambda shard: (-rates[shard], shard)):
        found[shard] = min(range(nodes), key=loads.__getitem__)
        loads[found[shard]] += rates[shard]
    return found


def calls_of(decisions: float, engines: Engines, seconds: float) -> float:
    """Calls in which so many decisions of a shard come in that time: each engine sends at most one a round trip."""
    in_a_trip = decisions * engines.gather / seconds
    return engines.count * (1 - (1 - 1 / engines.count) ** in_a_trip) * seconds / engines.gather


def simulate(
    accounts: Iterable[Account], *, nodes: int, engines: Engines, costs: Costs, seconds: float, rng: random.Random,
    tick: float = TICK_S,
) -> Outcome:  # fmt: skip
    """Each node serves its calls in order; decisions wait for the work before their own, and half of their tick's."""
    where = laid_out(accounts := list(accounts), nodes)
    streams = _merged(accounts)
    backlog, worked = [0.0] * nodes, [0.0] * nodes
    waits: dict[int, int] = defaultdict(int)  # tens of microseconds -> decisions
    offered = calls = 0.0
    for _ in range(round(seconds / tick)):
        came: dict[int, int] = defaultdict(int)
        for (shard, spread), rate in streams:
            came[shard] += arrivals(rate * tick, spread, rng)
        work, decisions = [0.0] * nodes, [0] * nodes
        for shard, count in came.items():
            sent = calls_of(count, engines, tick)
            work[where[shard]] += (sent * costs.node_call + count * costs.node_decision) / 1e6
            decisions[where[shard]] += count
            calls += sent
        for node in range(nodes):
            if decisions[node]:
                wait = max(0.0, backlog[node] - tick / 2) + work[node] / 2
                waits[round(wait * 1e5)] += decisions[node]
            done = min(tick, backlog[node] + work[node])
            worked[node] += done
            backlog[node] += work[node] - done
        offered += sum(work)
    total = sum(waits.values())
    return Outcome(
        total, calls, offered, sum(worked), sum(backlog), [spent / seconds for spent in worked],
        sum(wait * count for wait, count in waits.items()) / total / 100, _quantile(waits, 0.5), _quantile(waits, 0.99),
        sum(count for wait, count in waits.items() if wait > 10_000) / total,
    )  # fmt: skip


def _merged(accounts: Iterable[Account]) -> list[tuple[tuple[int, float], float]]:
    """Accounts of a shard that are equally spread, together: what they draw adds up to what one of all would draw."""
    rates: dict[tuple[int, float], float] = defaultdict(float)
    for account in accounts:
        rates[account.shard, account.spread] += account.rate
    return list(rates.items())


def arrivals(mean: float, spread: float, rng: random.Random) -> int:
    """How many come: with gaps of that coefficient of variation, counts have `spread`^2 times a Poisson's variance."""
    excess = spread**2 - 1
    return _poisson(rng.gammavariate(mean / excess, excess) if excess > 0.01 else mean, rng)


def _poisson(mean: float, rng: random.Random) -> int:
    if mean > 30:
        return max(0, round(rng.gauss(mean, mean**0.5)))
    count, left = 0, rng.expovariate(1)
    while left < mean:
        count += 1
        left += rng.expovariate(1)
    return count


def _quantile(waits: Mapping[int, int], part: float) -> float:
    """Milliseconds that this part of the decisions waited at most."""
    left = part * sum(waits.values())
    for wait in sorted(waits):
        left -= waits[wait]
        if left <= 0:
            return wait / 100
    return 0.0


def _table(rate: int, clients: Sequence[Client], accounts: Sequence[Account], nodes: int, engines: Engines,
           costs: Costs, found: Outcome, seconds: float) -> dict[str, str]:  # fmt: skip
    decisions = sum(account.rate for account in accounts)
    shards: dict[int, float] = defaultdict(float)
    for account in accounts:
        shards[account.shard] += account.rate
    return {
        "units a second; decisions": f"{rate:,}; {decisions:,.0f}",
        "clients; accounts; largest client's share": f"{len(clients)}; {len(accounts):,}; {clients[0].share:.0%}",
        "units in a decision, at most": f"{max(account.units for account in accounts):,}",
        "engine processes (a core each)": f"{engines.count:,}",
        "Valkey nodes (a core each)": f"{nodes} with {SHARDS} shards",
        "settlers (a core each)": f"{_cores(decisions * costs.settler)}",
        "PostgreSQL cores for the books": f"{_cores(decisions * costs.books)}",
        "busiest shard; mean": f"{max(shards.values()):,.0f}/s; {decisions / SHARDS:,.0f}/s",
        "busiest node; mean": f"{max(found.loads):.0%}; {sum(found.loads) / nodes:.0%}",
        "decisions in a call": f"{found.decisions / found.calls:.1f}",
        "wait at a node, p50; p99": f"{found.p50:.1f} ms; {found.p99:.1f} ms",
        "decisions that waited over 100 ms": f"{found.late:.2%}",
        "left behind at the end": f"{abs(found.left) / max(found.offered, 1e-9):.1%} of {seconds:g} s of work",
    }


def _cores(microseconds: float) -> int:
    return ceil(microseconds / 1e6 / BUSY)


def engines_for(decisions: float, costs: Costs) -> Engines:
    """As many as keep below BUSY of a core each, with about one call a decision."""
    return Engines(max(1, _cores(decisions * (costs.engine_call + costs.engine_decision))))


@click.command()
@click.argument("windows", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="m-mid", show_default=True, help="Whose clients and skew.")
@click.option("--rate", default=1_000_000, show_default=True, type=click.IntRange(1), help="Units a second.")
@click.option("--how", default="together", show_default=True, type=click.Choice(["together", "divide"]),
              help="What an account does that is too large for one shard.")  # fmt: skip
@click.option("--most", default=2_000.0, show_default=True, type=click.FloatRange(1),
              help="Decisions a second of one account.")  # fmt: skip
@click.option("--load", default=0.6, show_default=True, type=click.FloatRange(0.05, 0.95), help="A node's mean load.")
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0.2, 600))
@click.option("--over", default="whole", show_default=True, type=click.Choice(["whole", "busiest"]),
              help="Shares of all that was recorded, or of the busiest window.")  # fmt: skip
def main(
    windows: Path, model: str, rate: int, how: How, most: float, load: float, seconds: float, over: Over
) -> None:  # fmt: skip
    """Say what a rate of decisions takes, for the skew of a model's clients."""
    costs, rng = Costs(), random.Random(SEED)
    clients = clients_of(windows, model, over)
    accounts = placed(clients, rate, most, how, rng)
    decisions = sum(account.rate for account in accounts)
    work = decisions * (costs.node_call + costs.node_decision) / 1e6
    nodes = min(SHARDS, max(1, ceil(work / load)))
    engines = engines_for(decisions, costs)
    found = simulate(accounts, nodes=nodes, engines=engines, costs=costs, seconds=seconds, rng=rng)
    rows = _table(rate, clients, accounts, nodes, engines, costs, found, seconds)
    width = max(map(len, rows))
    for name, value in rows.items():
        click.echo(f"{name:<{width}}  {value}")


if __name__ == "__main__":
    main()
