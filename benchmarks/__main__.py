"""The benchmark's command line; see `python -m benchmarks --help`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import click
import msgspec
from rich.console import Console

from benchmarks import (
    booking,
    cores,
    crowding,
    deciding,
    embedded,
    holds,
    networked,
    peers,
    report,
    serving,
    settlement,
    space,
    starting,
    weighing,
)  # fmt: skip
from benchmarks.figures import Group
from benchmarks.grounds import Grounds
from benchmarks.machine import describe
from benchmarks.scenario import Files
from benchmarks.settings import FULL, QUICK, Settings

EMBEDDED = ("decide", "embedded", "alone", "memory", "holds", "settlement", "audit", "space", "start")
NETWORKED = ("valkey", "valkey-alone", "postgres", "postgres-alone", "cores", "books", "hot", "weight")
SERVED = ("http",)
NAMES = (*EMBEDDED, *NETWORKED, *SERVED)


@click.command()
@click.option("--quick", is_flag=True, help="Less of everything: for a first impression.")
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Just this measurement; may be repeated.")
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write every sample there too.")
@click.option(
    "--directory", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the SQLite databases lie; the temporary directory, if left out. Servers always have theirs there.",
)  # fmt: skip
def main(quick: bool, only: tuple[str, ...], target: Path | None, directory: Path | None) -> None:
    """Measure Spillover beside a limit or a peer, in turn, on this machine. A missed aim is shown; nothing fails."""
    settings = QUICK if quick else FULL
    console = Console()
    if not console.is_terminal:
        console.width = 160
    with tempfile.TemporaryDirectory(prefix="spillover-bench-", dir=directory) as made, Grounds(settings) as grounds:
        place = Path(made)
        machine = describe(place)
        report.show_machine(console, machine)
        begun = perf_counter()
        groups = []
        for name, measure in measurements(settings, place, grounds).items():
            if only and name not in only:
                continue
            with console.status(f"measuring {name} ..."):
                group = measure()
            groups.append(group)
            report.show(console, group)
        took = perf_counter() - begun
        console.print(
            f"\n{settings.rounds} rounds, in turn with what stands beside; ratio: pair by pair; {took:.0f} s in all"
        )
    if target:
        target.write_bytes(msgspec.json.format(msgspec.json.encode(report.as_json(machine, groups))))


def measurements(settings: Settings, place: Path, grounds: Grounds) -> dict[str, Callable[[], Group]]:
    """Each by its name, in the order of the report."""
    files = Files(place, settings.accounts)
    books = settlement.Books(files, settings.events)
    found: dict[str, Callable[[], Group]] = {
        "decide": lambda: deciding.measure(settings),
        "embedded": lambda: embedded.measure_many(settings, files),
        "alone": lambda: embedded.measure_alone(settings, files),
        "memory": lambda: peers.measure(settings),
        "holds": lambda: holds.measure(settings, files),
        "settlement": lambda: settlement.measure_settlement(settings, books),
        "audit": lambda: settlement.measure_audit(settings, settlement.Books(files, settings.audited)),
        "space": lambda: space.measure(settings, files, books),
        "start": lambda: starting.measure(settings, place),
        "valkey": lambda: networked.measure_many(settings, grounds, "valkey"),
        "valkey-alone": lambda: networked.measure_alone(settings, grounds, "valkey"),
        "postgres": lambda: networked.measure_many(settings, grounds, "postgres"),
        "postgres-alone": lambda: networked.measure_alone(settings, grounds, "postgres"),
        "cores": lambda: cores.measure(settings, grounds),
        "books": lambda: booking.measure(settings, grounds),
        "hot": lambda: crowding.measure(settings, grounds),
        "weight": lambda: weighing.measure(settings, grounds),
        "http": lambda: serving.measure(settings, files),
    }
    assert tuple(found) == NAMES
    return found


if __name__ == "__main__":
    main()
