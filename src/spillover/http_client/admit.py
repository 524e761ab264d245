"""What a client is told to admit while its service cannot be reached."""

from __future__ import annotations

import os
from collections.abc import Mapping

from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import InvalidInput, shown

ACCOUNTS_MAX = 10_000
"""Accounts that are admitted in one outage, unless it is said otherwise."""
FILE = "the path of a file"


class Admit:
    """`connect("https://...", when_unreachable=Admit({"chat.messages": 20}, journal="app.journal"))`.

    `features`: so many units of each an account is admitted in one outage; what is left out is closed. A feature that
    is counted by cost has its usage counts added up instead: a client knows no prices. `journal`: the file in which
    what is admitted stands until it is recorded, one for each process. `switch`: a file by which operators open for all
    (`Client.open_until`). `accounts`: so many at most are admitted in one outage. Raises InvalidInput.
    """

    def __init__(
        self, features: Mapping[str, int], *, journal: str | os.PathLike[str],
        switch: str | os.PathLike[str] | None = None, accounts: int = ACCOUNTS_MAX,
    ) -> None:  # fmt: skip
        if not isinstance(features, Mapping):
            raise InvalidInput("when_unreachable", shown(features), 'features and units, such as {"chat.messages": 20}')
        for name, units in features.items():
            if not isinstance(name, str):
                raise InvalidInput("when_unreachable", shown(name), "a feature's name")
            if type(units) is not int or not 0 < units <= AMOUNT_MAX:
                raise InvalidInput(f"when_unreachable.{name}", shown(units), "units, a whole number from 1 to 2^53 - 1")
        if type(accounts) is not int or accounts < 1:
            raise InvalidInput("when_unreachable.accounts", shown(accounts), "a whole number from 1")
        self.features, self.accounts = dict(features), accounts
        self.journal = _path("journal", journal)
        self.switch = None if switch is None else _path("switch", switch)

    def __repr__(self) -> str:
        return f"Admit({self.features!r}, journal={self.journal!r})"


def _path(field: str, value: object) -> str:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise InvalidInput(f"when_unreachable.{field}", shown(value), FILE)
    return os.fsdecode(value)


def admit_given(given: object) -> Admit | None:
    """What `when_unreachable` was given; None for closed. Raises InvalidInput."""
    if given is None or isinstance(given, Admit):
        return given
    raise InvalidInput("when_unreachable", shown(given), 'spillover.Admit({"feature": 20}, journal="app.journal")')
