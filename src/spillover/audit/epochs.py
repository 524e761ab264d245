"""An account's epochs: each but the first was raised on record, where the settled events of the one before ended."""

from __future__ import annotations

from itertools import islice

from spillover.audit.report import Report
from spillover.audit.tables import Row

NAMED_MAX = 20
"""Epochs without a row that are named; more are named together."""


class Epochs:
    """The rows of `epochs` of an account, taken one after the other as its events go on."""

    def __init__(self, rows: list[Row], report: Report) -> None:
        self._report = report
        self._rows = {row[1]: row for row in rows}

    def ended(self, epoch: int) -> int | None:
        """The last sequence of the epoch before this one; None where nobody said."""
        row = self._rows.get(epoch)
        return None if row is None else int(row[2])

    def between(self, before: int, epoch: int) -> list[int]:
        """Epochs on record after `before` and up to this one, in their order."""
        return sorted(one for one in self._rows if before < one <= epoch)

    def lacking(self, before: int, epoch: int) -> None:
        """Epochs after `before` and up to this one that nobody raised on record."""
        missing = (one for one in range(before + 1, epoch + 1) if one not in self._rows)
        for one in islice(missing, NAMED_MAX):
            self._report(
                "complete", "epochs", f"epoch {one}", "no row", "who raised it, and where the one before ended"
            )
        more = epoch - before - len(self.between(before, epoch)) - NAMED_MAX
        if more > 0:
            found = f"no rows of {more} more epochs up to {epoch}"
            self._report("complete", "epochs", "", found, f"those after {before}, one by one")

    def parted(self, epoch: int, found: int) -> None:
        """The epoch before this one ended elsewhere than its row says."""
        self._report(
            "complete", "epochs", f"epoch {epoch}", f"ended {self.ended(epoch)}", f"{found}, the last event before it"
        )

    def finish(self, epoch: int) -> None:
        """None is raised that the account has not reached, and each later than the one before."""
        latest = -1
        for one, (_, _, _, at, _, _) in sorted(self._rows.items()):
            if not 0 < one <= epoch:
                self._report("phantom", "epochs", f"epoch {one}", f"epoch {one}", f"at most {epoch}, the account's own")
            if at < latest:
                self._report("history", "epochs", f"epoch {one}", f"raised at {at}", f"after {latest}, as the others")
            latest = max(latest, at)
