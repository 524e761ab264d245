"""What `spillover rebuild` says: what does not follow from the books, and what was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spillover.cli.naming import Names, as_arguments, named
from spillover.cli.output import write
from spillover.pictures.wording import counted

if TYPE_CHECKING:
    from spillover.engine.rebuilding import Rebuilt
    from spillover.engine.restoring import Astray, Total


def say_astray(found: Sequence[Astray], names: Names, most: int) -> None:
    """Which accounts do not follow from the books, and which events are lost from them."""
    from spillover.pictures.tables import table

    if not found:
        write("The hot state of every account follows from the books.")
        return
    rows = [
        (
            named(names, one.account),
            one.what,
            _place(one.books),
            _place(one.hot),
            ", ".join(map(str, one.lost[:8])) or one.target,
        )
        for one in found[:most]
    ]
    more = f"and {counted(len(found) - most, 'account')} more (--json lists all)" if len(found) > most else ""
    title = f"{counted(len(found), 'account')} whose hot state does not follow from the books"
    write(table(("account", "hot state", ">books", ">hot", "~not in the books, nor in the stream"), rows, title=title))
    if more:
        write(more)


def say_total(
    total: Total, done: Sequence[Rebuilt], names: Names, found: Sequence[Astray], *, bound: bool = False
) -> None:
    """What rebuilding came to. `found` says where accounts live that were moved away; `bound`: the books go with
    another hot state since."""
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
            write(f"account {named(names, one.account)}: lost from the books: {', '.join(map(str, one.lost[:8]))}")
        for finding in one.differed[:8]:
            what = f"{finding.kind} {finding.what} was {finding.hot}, is {finding.expected}"
            write(f"account {named(names, one.account)}: {what}")
    if total.away:
        left = "is left as it is: it was" if total.away == 1 else "are left as they are: they were"
        where = next((f"to {one.target}; run it there" for one in found if one.target), "away; run it there")
        write(f"{counted(total.away, 'account')} {left} moved {where}.")
    for account, why in list(total.failed.items())[:8]:
        write(f"account {named(names, account)}: not rebuilt: {why}")
    if bound:
        write("The books go with the hot state at this address now; any other one is refused.")
        write("Stop engines that still run on another one: what they decide there is not booked.")


def say_binding() -> None:
    """That the books do not go with the hot state that was looked at: perhaps it is the wrong one."""
    write("The books do not go with the hot state at this address: is it the right host and database?")
    write("`spillover rebuild --all` would bind the books to it: any other hot state is refused from then on.")


def say_next(found: Sequence[Astray], total: Total | None, done: Sequence[Rebuilt], names: Names) -> None:
    """The next command, if there is something left to do. `total` is None where nothing was rebuilt."""
    if total is None:
        if any(one.lost for one in found):
            keep = "spillover rebuild --all --check --json > missing.json"
            write(f"Next: {keep}; keep that file, it says what is lost; then spillover rebuild --all")
        elif any(one.what != "moved" for one in found):
            write("Next: spillover rebuild --all")
    elif total.failed:
        write(f"Next: spillover rebuild {as_arguments(names, list(total.failed)) or '--all'}")
    elif total.quarantined or total.lost:
        write("Next: spillover audit")
    elif any(one.differed for one in done):
        write(f"Next: spillover reconcile {as_arguments(names, [one.account for one in done])}".rstrip())


def document_of(
    found: Sequence[Astray] | None,
    total: Total | None,
    done: Sequence[Rebuilt],
    names: Names,
    *,
    bound: bool = False,
) -> dict[str, object]:
    """The same for programs; a name is null for an account that was erased."""
    said: dict[str, object] = {}
    if found is not None:
        said["astray"] = _with_names(found, names)
    if total is not None:
        from msgspec import to_builtins

        said |= {"rebuilt": to_builtins(total, str_keys=True), "accounts": _with_names(done, names), "bound": bound}
    return said


def _with_names(found: Sequence[Astray] | Sequence[Rebuilt], names: Names) -> list[dict[str, object]]:
    from msgspec import to_builtins

    return [{"account": one.account, "name": names.get(one.account)} | to_builtins(one) for one in found]


def _place(place: tuple[int, int]) -> str:
    return f"{place[0]}.{place[1]}"
