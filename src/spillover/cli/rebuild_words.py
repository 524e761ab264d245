"""What `spillover rebuild` says: what does not follow from the books, and what was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spillover.cli.output import write
from spillover.pictures.wording import counted

if TYPE_CHECKING:
    from spillover.engine.rebuilding import Rebuilt
    from spillover.engine.restoring import Astray, Total


def say_astray(found: Sequence[Astray], most: int) -> None:
    """Which accounts do not follow from the books, and which events are lost from them."""
    from spillover.pictures.tables import table

    if not found:
        write("The hot state of every account follows from the books.")
        return
    rows = [
        (
            str(one.account),
            one.what,
            _place(one.books),
            _place(one.hot),
            ", ".join(map(str, one.lost[:8])) or one.target,
        )
        for one in found[:most]
    ]
    more = f"and {counted(len(found) - most, 'account')} more (--json lists all)" if len(found) > most else ""
    title = f"{counted(len(found), 'account')} whose hot state does not follow from the books"
    write(table((">account", "hot state", ">books", ">hot", "~not in the books, nor in the stream"), rows, title=title))
    if more:
        write(more)


def say_total(total: Total, done: Sequence[Rebuilt]) -> None:
    """What rebuilding came to."""
    parts = [f"Rebuilt {counted(total.accounts, 'account')}", f"{counted(total.settled, 'waiting event')} settled"]
    if total.pushed:
        parts.append(f"{counted(total.pushed, 'version')} of terms pushed again")
    if total.differed:
        parts.append(f"{total.differed} differed from the books")
    if total.quarantined:
        parts.append(f"{counted(total.quarantined, 'event')} in quarantine")
    write("; ".join(parts) + ".")
    for one in done:
        if one.lost:
            write(f"account {one.account}: lost from the books: {', '.join(map(str, one.lost[:8]))}")
        for finding in one.differed[:8]:
            write(f"account {one.account}: {finding.kind} {finding.what} was {finding.hot}, is {finding.expected}")
    if total.away:
        left = "is left as it is: it was" if total.away == 1 else "are left as they are: they were"
        write(f"{counted(total.away, 'account')} {left} moved away.")
    for account, why in list(total.failed.items())[:8]:
        write(f"account {account}: not rebuilt: {why}")


def document_of(found: Sequence[Astray] | None, total: Total | None, done: Sequence[Rebuilt]) -> dict[str, object]:
    """The same for programs."""
    from msgspec import to_builtins

    said: dict[str, object] = {}
    if found is not None:
        said["astray"] = to_builtins(found)
    if total is not None:
        said |= {"rebuilt": to_builtins(total, str_keys=True), "accounts": to_builtins(done)}
    return said


def _place(place: tuple[int, int]) -> str:
    return f"{place[0]}.{place[1]}"
