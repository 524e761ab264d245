"""From rows to checked requests: each with its own time and a stable key, in the order they are asked in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import NamedTuple

from spillover.core.intake import Ask, check_usage, take_in
from spillover.model.errors import BoundExceeded, InvalidInput, TraceError
from spillover.model.policy import Policy
from spillover.replay.binding import Bound
from spillover.replay.ends import End
from spillover.replay.events import event_rows
from spillover.replay.expressions import Cells, Count, Unfit, dealt, fits
from spillover.replay.rows import Fault, Row, csv_rows

SORTED_MAX = 1_000_000
"""Requests that are sorted by time in memory, about a kilobyte each; a larger trace has to be sorted before."""
SHOWN_MAX = 5
"""Bad rows that a summary repeats."""

_NOTHING: Cells = {}


class Entry(NamedTuple):
    """A request and where it stands in the trace. In this order they are sorted by time.

    `cells` is the row, where the map says an account's plan by its columns; else it is empty. A request that opens a
    hold has its `end`, unless it never ended.
    """

    at: int
    number: int
    line: int
    ask: Ask
    cells: Cells
    end: End | None = None


class Requests:
    """The requests of a trace. Counts what it met on the way: rows, skipped ones and bad ones."""

    def __init__(self, file: str, bound: Bound, policy: Policy, *, skip_bad: bool) -> None:
        self.file = file
        self._bound, self._policy, self._skip_bad = bound, policy, skip_bad
        self.rows = self.skipped = self.bad = self._given = 0
        self.first_bad: list[str] = []
        self.reached = 0
        self.whole = False

    def entries(self, limit: int | None = None, part: tuple[int, int] | None = None) -> Iterator[Entry]:
        """The first `limit` requests; of these `part` (i, n) takes the accounts whose hash falls into part i of n.

        `reached` is the newest instant among the requests so far, other parts' too; `whole` says in the end that there
        are no more. Raises TraceError for a bad row, unless these are skipped, and for what cannot be read on.
        """
        found: Iterable[Entry] = self._read()
        if self._bound.sorted:
            found = sorted(islice(found, SORTED_MAX + 1))
            if len(found) > SORTED_MAX:
                raise TraceError(
                    f"{self.file}: found more than {SORTED_MAX:,} requests, expected fewer to sort in memory;"
                    " sort the file by time and take order: file"
                )
        for entry in islice(found, limit):
            self._given += 1
            self.reached = max(self.reached, entry.at)
            if part is None or dealt("part", [entry.ask.account], part[1]) == part[0] - 1:
                yield entry
        self.whole = limit is None or self._given < limit

    @property
    def passed(self) -> int:
        """Rows that are done with: asked, skipped, bad, or another part's."""
        return self._given + self.skipped + self.bad

    def refuse(self, fault: Fault) -> None:
        """Stop at a bad row, or count it. Raises TraceError."""
        shown = f"{self.file}:{fault.line}: {fault}"
        if not self._skip_bad:
            raise TraceError(f"{shown}; mend it, or skip bad rows")
        self.bad += 1
        if len(self.first_bad) < SHOWN_MAX:
            self.first_bad.append(shown)

    def _read(self) -> Iterator[Entry]:
        bound, last = self._bound, 0
        rows = csv_rows(self.file, set(bound.columns)) if bound.format == "csv" else event_rows(self.file)
        for row, later in bound.time.placed(rows):
            self.rows += 1
            if isinstance(row, Fault):
                self.refuse(row)
                continue
            if any(fits(condition, row.cells) for condition in bound.skip):
                self.skipped += 1
                continue
            try:
                entry = self._entry(row, later)
                if bound.ends and not bound.sorted:
                    last = self._in_order(entry, last)
                yield entry
            except Unfit as unfit:
                self.refuse(Fault(row.line, unfit.column, unfit.found, unfit.expected))
            except InvalidInput as error:
                self.refuse(Fault(row.line, error.field, error.found, error.expected))
            except BoundExceeded as error:
                self.refuse(Fault(row.line, error.bound, str(error.found), f"at most {error.most}"))

    def _in_order(self, entry: Entry, last: int) -> int:
        # Ends take their places between the requests by time, so these must come by time themselves.
        if entry.at < last:
            found = f"an instant {last - entry.at:,} ms before that of a row above"
            raise Unfit(self._bound.time.column, found, "rows by time, as the map has hold (or order: time)")
        return entry.at

    def _entry(self, row: Row, later: int) -> Entry:
        bound, cells = self._bound, row.cells
        at = bound.time.at(cells, later)
        feature = bound.feature(cells)
        attributes = {name: value for name, text in bound.attributes.items() if (value := text(cells))}
        rule = bound.ends
        end = rule.end(cells, at, later, partial(self._true_usage, feature, cells)) if rule else None
        counts = bound.usage if rule is None or rule.estimate is None else rule.estimate
        ask = take_in(
            self._policy,
            bound.account(cells),
            feature,
            self._usage(feature, cells, counts),
            key=bound.key(cells),
            subject=(bound.subject(cells) or None) if bound.subject else None,
            attributes=attributes,
            at=at,
            hold=rule.lasts if rule else 0,
        )
        reads_rows = bound.newcomers is not None and bound.newcomers.reads_rows
        return Entry(at, row.number, row.line, ask, cells if reads_rows else _NOTHING, end)

    def _true_usage(self, feature: str, cells: Cells) -> dict[str, int]:
        """What a row's hold is committed with; for a feature that there is not the request says so."""
        known = self._policy.features.get(feature)
        return check_usage(known, self._usage(feature, cells, self._bound.usage)) if known else {}

    def _usage(self, feature: str, cells: Cells, counts: Mapping[str, Count]) -> dict[str, int] | None:
        """The counts that this feature is counted by; None leaves it to the feature: one request."""
        known = self._policy.features.get(feature)
        names = known.usage_names if known else ()
        usage = {}
        for name, count in counts.items():
            if name in names:
                counted = count(cells)
                if counted is None:
                    raise Unfit(f"usage.{name}", "an empty cell", "a whole number (or when_empty in the map)")
                usage[name] = counted
        return usage or None
