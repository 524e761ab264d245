"""The doctor's look at journals of outages: what waits there, for how long and for which books; what was refused."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from spillover.bootstrap.addresses import Address
from spillover.engine.drive import drive
from spillover.engine.examining import LAG_ACT_MS, LAG_WATCH_MS, LOOKED_MAX
from spillover.journal.looking import Contents, contents
from spillover.model.errors import SpilloverError
from spillover.model.health import Level, Sign
from spillover.ports import Ledger

GIVE = "give the path that the program was given: journal=FILE"


def journal_signs(files: Sequence[str], address: Address | None, now: int, timeout_ms: int) -> list[Sign]:
    """How each journal stands. `address`: the books that they are compared with, None where these cannot be opened."""
    signs, found = list[Sign](), dict[str, Contents]()
    for file in dict.fromkeys(files):
        what, missing = _what(file), not os.path.isfile(file) or not os.path.getsize(file)
        if missing:
            signs.append(Sign(what, "no journal there; one is made when its program starts", "watch", GIVE))
            continue
        try:
            found[file] = contents(file, LOOKED_MAX)
        except SpilloverError as error:
            said, _, advice = str(error).rpartition("; ")
            signs.append(
                Sign(what, said.removeprefix(f"{os.path.realpath(file)}: ").removeprefix(f"{file}: "), "act", advice)
            )
    signs += [_sign(file, one, now) for file, one in found.items()]
    if address is not None and any(one.origins for one in found.values()):
        from spillover.bootstrap.noticing import open_ledger

        ledger = open_ledger(address, timeout_ms)
        try:
            signs += [sign for file, one in found.items() for sign in _foreign(file, one, ledger)]
        finally:
            drive(ledger.close())
    return signs


def _what(file: str) -> str:
    return f"journal {file}"


def _list(file: str) -> str:
    return f"spillover journal list {shlex.quote(file)}"


def _sign(file: str, one: Contents, now: int) -> Sign:
    if not one.waiting and not one.refused:
        return Sign(_what(file), "nothing waits")
    late = max(now - one.oldest, 0) if one.waiting else 0
    level: Level = "act" if one.refused or late >= LAG_ACT_MS else "watch" if late >= LAG_WATCH_MS else "fine"
    found = f"{one.waiting:,} waiting" + (f", the oldest for {late / 1000:,.1f} s" if one.waiting else "")
    if one.refused:
        return Sign(_what(file), f"{found}; {one.refused:,} refused", level, _list(file))
    if level == "fine":
        return Sign(_what(file), found)
    who = "client" if one.of_client else "engine"
    return Sign(_what(file), f"{found}: no {who} that has the file open gets through", level, _list(file))


def _foreign(file: str, one: Contents, ledger: Ledger) -> list[Sign]:
    """What waits for other books than these: an engine's by its policies, a client's by its accounts."""
    if one.of_client:
        names = sorted({account for account, _ in one.origins})
        unknown = [name for name in names if drive(ledger.find_account(name)) is None]
        what = "accounts"
    else:
        names = sorted({policy for _, policy in one.origins})
        unknown = [name for name in names if drive(ledger.policy_document(name)) is None]
        what = "policies"
    if not unknown:
        return []
    of = f"{len(unknown)} of {len(names)} {what} of what waits are not of these books, such as {unknown[0][:20]}"
    return [
        Sign(_what(file), f"{of}: another service's?", "watch", "spillover doctor --db URL, of that service's books")
    ]
