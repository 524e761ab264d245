"""The simulation behind docs/SCALING.md: nothing is lost in it, and it finds what queueing theory says."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from statistics import fmean, pvariance

import pytest
from click.testing import CliRunner

from benchmarks import shards
from benchmarks.shards import Account, Client, Costs, Engines

CLIENTS = [Client(0.52, 3.0), Client(0.3, 1.0), Client(0.18, 0.5)]


@pytest.mark.parametrize("how", ["together", "divide"])
def test_accounts_have_all_the_units_and_none_more_decisions_than_the_most(how: shards.How) -> None:
    accounts = shards.placed(CLIENTS, 10_000, 700, how, random.Random(1))
    assert sum(account.rate * account.units for account in accounts) == pytest.approx(10_000)
    assert max(account.rate for account in accounts) <= 700
    assert len(accounts) == (3 if how == "together" else 8 + 5 + 3)


def test_every_shard_is_on_one_node_and_the_busiest_are_not_together() -> None:
    accounts = [Account(rate, 1, 1.0, shard) for shard, rate in enumerate([50, 40, 10, 10, 10])]
    where = shards.laid_out(accounts, 3)
    assert sorted(where) == [0, 1, 2, 3, 4]
    assert len({where[0], where[1]}) == 2
    assert [sum(a.rate for a in accounts if where[a.shard] == node) for node in range(3)] == [50, 40, 30]


def test_all_work_that_came_was_done_or_is_left() -> None:
    accounts = shards.placed(CLIENTS, 60_000, 5_000, "divide", random.Random(2))
    found = shards.simulate(
        accounts, nodes=2, engines=Engines(6), costs=Costs(), seconds=0.5, rng=random.Random(3)
    )  # fmt: skip
    assert found.worked + found.left == pytest.approx(found.offered)
    by_kind = (found.calls * Costs().node_call + found.decisions * Costs().node_decision) / 1e6
    assert found.offered == pytest.approx(by_kind)
    assert found.decisions == pytest.approx(30_000, rel=0.1)
    assert found.left > 0  # more than two nodes can do


def test_waits_of_a_node_with_steady_work_are_those_of_an_m_d_1_queue() -> None:
    """Poisson arrivals, service of 5 ms, load 0.8: on the mean 10 ms of wait, and half of a service to its middle."""
    costs = Costs(node_call=0, node_decision=5_000)
    found = shards.simulate(
        [Account(160, 1, 1.0, 0)], nodes=1, engines=Engines(1), costs=costs, seconds=600, rng=random.Random(4),
        tick=0.0005,
    )  # fmt: skip
    assert found.loads[0] == pytest.approx(0.8, rel=0.03)
    assert found.mean == pytest.approx(12.5, rel=0.1)


@pytest.mark.parametrize(("mean", "spread"), [(5.0, 1.0), (5.0, 3.0), (200.0, 2.0)])
def test_counts_are_as_spread_as_the_gaps_between_requests(mean: float, spread: float) -> None:
    rng = random.Random(5)
    counts = [shards.arrivals(mean, spread, rng) for _ in range(20_000)]
    assert fmean(counts) == pytest.approx(mean, rel=0.05)
    assert pvariance(counts) == pytest.approx(mean * spread**2, rel=0.1)


def test_a_shard_gets_one_call_for_a_decision_when_little_comes_and_one_an_engine_when_much() -> None:
    engines = Engines(10, gather=0.005)
    assert shards.calls_of(1, engines, 0.005) == pytest.approx(1)
    assert shards.calls_of(1_000, engines, 0.005) == pytest.approx(10)
    assert shards.calls_of(200, engines, 0.001) == pytest.approx(2)


def test_shares_are_those_of_the_file_and_an_unknown_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "windows.csv.gz"
    rows = ["model,client,window_start_s,rate_rps,iat_cv", "m,a,0,1,2", "m,b,0,3,1", "m,a,600,12,4", "other,c,0,9,1"]
    with gzip.open(path, "wt") as file:
        file.write("\n".join(rows) + "\n")
    whole, busiest = shards.clients_of(path, "m", "whole"), shards.clients_of(path, "m", "busiest")
    assert [client.share for client in whole] == [13 / 16, 3 / 16]
    assert whole[0].spread == pytest.approx((1 * 2 + 12 * 4) / 13)
    assert busiest == [Client(1.0, 4.0)]
    said = CliRunner().invoke(shards.main, [str(path), "--model", "none"])
    assert said.exit_code == 1
    assert "'none'" in said.output
