"""The load of the benchmark over HTTP asks for all that it was told, and looks at what is answered."""

from __future__ import annotations

import pytest

from benchmarks import serving
from benchmarks.settings import QUICK

SMALL = QUICK._replace(decisions=640, alone=20, accounts=10)


@pytest.mark.parametrize("interface", ["rsgi", "asgi"])
def test_all_is_asked_and_answered_at_any_number_of_connections(interface: str) -> None:
    told = serving._Answer([("content-type", "application/json")], '{"allowed":true}')
    with serving._echo(interface, told) as server, serving.Load(SMALL) as load:
        for connections, together in ((1, 1), (32, 1), (4, 100)):
            run = load.run(server, connections, together)
            assert run.found["rate"] > 0
            assert 0 < run.found["p50"] <= run.found["p95"] <= run.found["p99"]


def test_an_answer_that_grants_nothing_ends_the_benchmark(capfd: pytest.CaptureFixture[str]) -> None:
    told = serving._Answer([], '{"allowed":false}')
    with (
        serving._echo("rsgi", told) as server,
        serving.Load(SMALL) as load,
        pytest.raises(RuntimeError, match="the load ended"),
    ):
        load.run(server, 1)
    assert '"allowed":false' in capfd.readouterr().err
