"""What a rate of decisions would take: a simulation of shards, nodes and hot accounts with a recorded skew.

    python -m benchmarks.shards windows.csv.gz --model m-mid --rate 1000000

`windows.csv.gz`: per client and window of ten minutes its rate and the spread of its arrivals (columns model, client,
window_start_s, rate_rps, iat_cv), as in the ServeGen data set (arXiv 2505.09999). Its busiest window is scaled to the
rate; each client is an account. An account that one node could not carry is divided into several, as its operator would
have to; the table says how many. Then time is simulated in ticks: arrivals of each account (Poisson, with a rate that
itself varies as the recorded spread says), gathered by engines into one call a shard and tick, served by each node one call
after the other. So the figures are semi-synthetic: shares and spread are real, instants are drawn by a seed.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import ceil
from pathlib import Path
from typing import NamedTuple

import click

SEED = 20


class Costs(NamedTuple):
    """What was measured, in microseconds of one core (docs/SCALING.md says where and how)."""

    engine: float = 45.0
    node_call: float = 30.0
    node_decision: float = 17.0
    settler: float = 45.0
    books: float = 30.0


class Client(NamedTuple):
    """One account's share of the traffic, and the coefficient of variation of its arrivals."""

    share: float
    spread: float


class Account(NamedTuple):
    """An account, or a part of one that was divided: its decisions per second, its spread, its shard."""

    rate: float
    spread: float
    shard: int


class Outcome(NamedTuple):
    """What the simulation found."""

    accounts: int
    divided: int
    hottest: float
    busiest: float
    mean: float
    p50: float
    p99: float
    late: float


def busiest_window(path: Path, model: str) -> list[Client]:
    """The clients of the model's busiest window, by share. Raises ClickException for a model that is not in it."""
    windows: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            if row["model"] == model:
                windows[row["window_start_s"]][row["client"]] = (float(row["rate_rps"]), float(row["iat_cv"] or 1))
    if not windows:
        raise click.ClickException(f"{path}: found no rows of model {model!r}, expected one of those in the file")
    busiest = max(windows.values(), key=lambda clients: sum(rate for rate, _ in clients.values()))
    total = sum(rate for rate, _ in busiest.values())
    return sorted((Client(rate / total, spread) for rate, spread in busiest.values()), reverse=True)


def placed(clients: Iterable[Client], rate: float, most: float, shards: int, rng: random.Random) -> list[Account]:
    """The accounts with their shards; one above `most` decisions a second is divided into equal parts."""
    found = []
    for client in clients:
        parts = max(1, ceil(client.share * rate / most))
        for _ in range(parts):
            found.append(Account(client.share * rate / parts, client.spread, rng.randrange(shards)))
    return found


def simulate(
    accounts: list[Account], *, nodes: int, shards: int, engines: int, costs: Costs, seconds: float, tick: float,
    rng: random.Random,
) -> Outcome:  # fmt: skip
    """Each node serves its calls in order; a decision waits for its tick to end, then for the calls before its own."""
    backlog = [0.0] * nodes
    busy = [0.0] * nodes
    waits: dict[int, int] = defaultdict(int)  # tens of microseconds -> decisions
    pace = [1.0] * len(accounts)
    for step in range(round(seconds / tick)):
        if step % round(0.1 / tick) == 0:  # a client's rate changes with its bursts, here ten times a second
            pace = [_pace(account.spread, rng) for account in accounts]
        calls: dict[int, int] = defaultdict(int)
        for account, faster in zip(accounts, pace, strict=True):
            arrived = _poisson(account.rate * faster * tick, rng)
            if arrived:
                calls[account.shard] += arrived
        for shard, decisions in calls.items():
            node = shard * nodes // shards
            work = (min(engines, decisions) * costs.node_call + decisions * costs.node_decision) / 1e6
            backlog[node] += work
            busy[node] += work
            waits[round((tick / 2 + backlog[node]) * 1e5)] += decisions
        backlog = [max(0.0, left - tick) for left in backlog]
    total = sum(waits.values())
    loads = [spent / seconds for spent in busy]
    return Outcome(
        len(accounts), 0, max(account.rate for account in accounts), max(loads), sum(loads) / nodes,
        _quantile(waits, 0.5), _quantile(waits, 0.99), sum(n for wait, n in waits.items() if wait > 10_000) / total,
    )  # fmt: skip


def _pace(spread: float, rng: random.Random) -> float:
    """How much faster than its mean a client is for a while: gamma, mean 1, as spread as its arrivals (at most 3)."""
    variation = min(spread, 3.0) ** 2 / 10
    return rng.gammavariate(1 / variation, variation) if variation > 0.001 else 1.0


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


@click.command()
@click.argument("windows", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="m-mid", show_default=True, help="Whose clients and skew.")
@click.option("--rate", default=1_000_000, show_default=True, type=click.IntRange(1), help="Decisions a second.")
@click.option("--shards", default=1024, show_default=True, type=click.IntRange(1))
@click.option("--load", default=0.6, show_default=True, type=click.FloatRange(0.05, 0.95), help="A node's mean load.")
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0.2, 600))
def main(windows: Path, model: str, rate: int, shards: int, load: float, seconds: float) -> None:
    """Say what a rate of decisions takes, for the skew of a model's clients."""
    costs, rng = Costs(), random.Random(SEED)
    clients = busiest_window(windows, model)
    per_node = 1e6 / costs.node_decision
    nodes = max(1, ceil(rate / (per_node * load)))
    engines = ceil(rate * costs.engine / 1e6 / 0.7)
    accounts = placed(clients, rate, per_node * load / 4, shards, rng)
    found = simulate(
        accounts, nodes=nodes, shards=shards, engines=engines, costs=costs, seconds=seconds, tick=0.001, rng=rng
    )
    rows = {
        "decisions a second": f"{rate:,}",
        "engine processes (one core each, 70 % busy)": f"{engines:,}",
        "Valkey nodes (one core each)": f"{nodes:,} with {shards:,} shards",
        "settlers (one core each, 70 % busy)": f"{ceil(rate * costs.settler / 1e6 / 0.7):,}",
        "PostgreSQL cores for the books": f"{ceil(rate * costs.books / 1e6 / 0.7):,}",
        "clients; accounts after dividing the largest": f"{len(clients):,}; {found.accounts:,}",
        "largest client's share; its rate": f"{clients[0].share:.0%}; {clients[0].share * rate:,.0f}/s",
        "hottest account after dividing": f"{found.hottest:,.0f}/s of {per_node:,.0f}/s that a node decides",
        "busiest node; mean": f"{found.busiest:.0%}; {found.mean:.0%}",
        "wait in a node, p50; p99": f"{found.p50:.1f} ms; {found.p99:.1f} ms",
        "decisions that waited over 100 ms": f"{found.late:.2%}",
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        click.echo(f"{name:<{width}}  {value}")


if __name__ == "__main__":
    main()
