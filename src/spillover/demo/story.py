"""The demonstration as numbered acts: one request, one job, a day of thousands, the books, the proof."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.text import Text

from spillover.audit import AuditReport, audit
from spillover.bootstrap.connect import connect
from spillover.demo.day import DAY_START, HOUR, requests, write_trace
from spillover.demo.job import one_job
from spillover.demo.one import one_request
from spillover.demo.people import people
from spillover.demo.scenes import day_table, facts_table, payers_table
from spillover.demo.stage import Stage
from spillover.pictures.audit import books_table
from spillover.pictures.paper import paper
from spillover.pictures.progress import progress, waiting
from spillover.pictures.wording import number
from spillover.replay import Summary, replay

AGAIN_MAX = 5_000
"""Requests that are sent a second time."""


def tell(folder: Path, users: int, seed: int, *, kept: bool) -> bool:
    """Tell the whole story, with all files in `folder`; whether everything was as it must be."""
    began = time.perf_counter()
    stage = Stage(Console(file=paper(), highlight=False))
    for name in ("policy.yaml", "map.yaml"):
        (folder / name).write_text(files("spillover.demo").joinpath(name).read_text("utf-8"), "utf-8")
    url = f"sqlite:///{quote(str(folder / 'demo.db'))}"

    with connect(url, policy=folder / "policy.yaml", clock=lambda: DAY_START + 14 * HOUR, settle=False) as access:
        one_request(stage, access)
        one_job(stage, access)

    stage.act("A day of two products", f"{number(users)} accounts on three plans, made up from seed {seed}.")
    made = requests(people(users, seed), seed)
    write_trace(str(folder / "day.csv"), made)
    stage.console.print(day_table(made))

    summary = _decide_the_day(stage, folder, url)
    first, second, again = _check_the_books(stage, folder, url)
    proved = {
        "every book sums to zero": first.ok and not _off_balance(first),
        "the audit found nothing": first.ok and second.ok,
        "requests sent twice were charged once": again.granted == 0 and first.digest == second.digest,
        "every request was answered": summary.granted + summary.denials == len(made) and not summary.refusals,
    }
    stage.act(
        "What this showed",
        "Counted, not claimed. The same seed makes the same day, the same counts and the same digest.",
    )
    stage.console.print(facts_table(summary, second, proved))
    stage.console.print(Text(f"\nAll of this took {time.perf_counter() - began:.1f} s."))
    if kept:
        stage.console.print(Text(f"The files are in {folder}. Try: spillover audit --db {url}"))
    return all(proved.values())


def _decide_the_day(stage: Stage, folder: Path, url: str) -> Summary:
    stage.act(
        "The day, decided and settled",
        "Each request at its own time, in groups, durable before it is answered; settlement runs beside.",
    )
    with progress("deciding") as moved:
        summary = replay(folder / "day.csv", folder / "map.yaml", folder / "policy.yaml", url, progress=moved)
    stage.console.print(payers_table(summary))
    return summary


def _check_the_books(stage: Stage, folder: Path, url: str) -> tuple[AuditReport, AuditReport, Summary]:
    stage.act(
        "The books against themselves",
        "From what was done alone, everything is computed again by code that shares no rule with the engine.",
    )
    with progress("auditing") as moved:
        first = audit(str(folder / "demo.db"), progress=moved)
    stage.console.print(books_table(first))
    for finding in first.findings:
        stage.console.print(Text(str(finding), "red"))

    stage.act(
        "The same requests once more",
        f"Up to {number(AGAIN_MAX)} requests of the day are sent again under the same keys; then another audit.",
    )
    with waiting("once more"):
        again = replay(folder / "day.csv", folder / "map.yaml", folder / "policy.yaml", url, limit=AGAIN_MAX)
        second = audit(str(folder / "demo.db"))
    said = f"{number(again.granted_before)} answered as before, {number(again.granted)} granted anew"
    stage.console.print(
        f"{said}; the digest of all books is {'the same' if first.digest == second.digest else 'ANOTHER'}:"
    )
    stage.console.print(f"{second.digest}")
    return first, second, again


def _off_balance(report: AuditReport) -> dict[str, int]:
    """Measures whose books do not sum to zero."""
    sums: dict[str, int] = {}
    for book in report.books:
        sums[book.measure] = sums.get(book.measure, 0) + book.amount
    return {measure: total for measure, total in sums.items() if total}
