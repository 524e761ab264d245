"""Random worlds played in memory, and each answer in them written as a document and read back."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import apsw
import msgspec
from msgspec import Struct

from spillover import documents
from spillover.backtest import Comparison, backtest
from spillover.documents.accounts import AccountPage, Profile
from spillover.documents.audits import AuditReport
from spillover.documents.backtests import Backtest
from spillover.documents.balances import Balance, PastBalance
from spillover.documents.decision import Decision
from spillover.documents.endings import Ending
from spillover.documents.explanation import Explanation
from spillover.documents.holds import Holds, OpenedHold
from spillover.documents.lots import Lot, Lots
from spillover.documents.orders import Ordered, Refunded, Reversed
from spillover.documents.overview import Overview
from spillover.documents.packs import Packs
from spillover.documents.progress import Progress
from spillover.documents.publications import Policy, Publications, Published, Withdrawn
from spillover.documents.statement import StatementPage
from spillover.documents.usage import DenialCounts, UsagePage
from spillover.model.errors import SpilloverError
from spillover.model.policy import Policy as PolicyNoun
from spillover.policy import read_policy_text
from tests.rungs.opening import ORACLE, Opened, opened
from tests.rungs.worlds import World, world

DECISIONS = {"consume", "open_hold", "holds.extend", "check"}
PROFILES = {"accounts.put", "accounts.plan", "accounts.suspend"}
ORDERED = {"lots.revoke", "lots.adjust", "limits.set", "windows.reset"}


class Written(NamedTuple):
    """A noun that a verb gave, and its document."""

    verb: str
    noun: Any
    document: Any

    def read(self) -> Any:
        """The noun as whoever got the document's JSON reads it."""
        return msgspec.json.decode(msgspec.json.encode(self.document), type=type(self.document)).noun()


def kinds() -> list[type[Struct]]:
    """Every struct of the documents' room."""
    found = []
    for module in pkgutil.iter_modules(documents.__path__):
        inside = importlib.import_module(f"{documents.__name__}.{module.name}")
        for one in vars(inside).values():
            if isinstance(one, type) and issubclass(one, Struct) and one.__module__ == inside.__name__:
                found.append(one)
    return [one for one in found if not one.__name__.startswith("Told")]


def played(seed: int, decisions: int) -> Iterator[Written]:
    """Every answer of one world, and of all that is asked at its end."""
    one = world(seed, decisions, denials=True)
    one = one._replace(policy=selling(one.policy))
    with opened(ORACLE, _none, one.policy, one.steps[0].at) as engine:
        for step in one.steps:
            engine.clock.at = step.at
            try:
                found = _verb(engine, step.verb)(*step.args, **step.options)
            except SpilloverError:
                continue
            yield from _written(engine, step.verb, found, step.args, dict(step.options))
        yield from _afterwards(engine, one)


def selling(policy: PolicyNoun) -> PolicyNoun:
    """The same policy, with packs: a small one, one for whatever is missing, and units of every feature."""
    document = json.loads(policy.document)
    document["packs"] = {
        "small": {"credits": "0.5", "price": "1.00 EUR"},
        "large": {"credits": 9_000_000_000, "price": "79.00 EUR", "expires": "365d", "priority": 7},
    } | {
        f"units{place}": {"units": 9_000_000, "of": name, "price": "5.00 EUR", "kind": "promotional"}
        for place, name in enumerate(document["features"])
    }
    return read_policy_text(json.dumps(document))


def _afterwards(engine: Opened, one: World) -> Iterator[Written]:
    access, now = engine.access, engine.clock.at
    yield Written("audit", report := engine.audit(), AuditReport.of(report))
    yield Written("backtest", compared := _tried(engine, one.policy), Backtest.of(compared))
    for limit in (3, 1000):
        yield from _written(engine, "accounts.list", access.accounts.list(limit=limit), (), {})
    for held in list(access.accounts.list().rows):
        for hold in access.holds.list(held.name) if held.name else ():
            opened_hold = access.opened(str(held.name), hold.key)
            yield Written("opened", opened_hold, OpenedHold.of(access.policy, opened_hold))
    page = access.usage("account 1", by=("subject", "feature"), limit=1)
    yield from _written(engine, "usage", page, ("account 1",), {"by": ("subject", "feature")})
    yield from _written(engine, "statement", access.statement("account 1", limit=1), ("account 1",), {})
    document = json.loads(one.policy.document)
    for days in (1, 2):
        document["late"] = f"{days}h"
        done = access.policies.publish(read_policy_text(json.dumps(document)), when=now + days * 1000, reason="later")
        yield Written("policies.publish", done, Published.of(access.policy, done))
    document["late"] = "3h"
    done = access.policies.publish(read_policy_text(json.dumps(document)), when=now + 500, force=True, actor="ops")
    yield Written("policies.publish", done, Published.of(access.policy, done))
    back = access.policies.withdraw(done.publication.number, reason="not agreed", actor="ops")
    yield Written("policies.withdraw", back, Withdrawn.of(access.policy, back))
    yield Written("packs.list", packs := access.packs.list(), Packs.of(access.policy, packs))
    listed = access.policies.list()
    yield Written("policies.list", listed, Publications.of(access.policy, listed, now=now))
    yield Written("policies.get", found := access.policies.get(one.policy.hash), Policy.of(access.policy, found))
    engine.clock.at = now + 10_000
    yield from _written(engine, "statement", access.statement("account 1"), ("account 1",), {})


def _tried(engine: Opened, policy: PolicyNoun) -> Comparison:
    """What is booked, through a policy under which every limit admits next to nothing."""

    def narrow(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: 1 if name == "max" and type(one) is int else narrow(one) for name, one in value.items()}
        return [narrow(one) for one in value] if isinstance(value, list) else value

    with engine.desk.ledger._desks.reads.read() as connection:  # type: ignore[attr-defined]
        books = apsw.Connection(":memory:")
        books.deserialize("main", connection.serialize("main"))
    proposed = read_policy_text(json.dumps(narrow(json.loads(policy.document))))
    return backtest(proposed, database=books, against=policy)  # type: ignore[arg-type]  # books in memory


def _written(
    engine: Opened, verb: str, found: Any, args: tuple[Any, ...], options: dict[str, Any]
) -> Iterator[Written]:
    """What a verb gave, as documents."""
    policy, account = engine.access.policy, args[0] if args else ""
    if verb == "consume_many":
        for answer in found:
            if not isinstance(answer, SpilloverError):
                yield from _written(engine, "consume", answer, (), {})
    elif verb in DECISIONS:
        yield Written(verb, found, Decision.of(policy, found, closes=True))
    elif verb in ("holds.commit", "holds.release"):
        yield Written(verb, found, Ending.of(policy, found))
    elif verb in PROFILES:
        yield Written(verb, found, Profile.of(policy, found, account=account))
    elif verb in ORDERED:
        measures = {lot.lot.id: lot.lot.measure for lot in engine.access.lots.list(account)}
        yield Written(verb, found, Ordered.of(policy, found, account=account, key=options["key"], measures=measures))
    elif verb == "refund":
        event = engine.access.look(
            engine.desk.ledger.event_by_key(engine.access.run(engine.desk.account(account)), args[1])
        )
        lots = {lot.lot.id: lot.lot for lot in engine.access.lots.list(account)}
        known = {"account": account, "refunded": args[1], "key": options["key"], "feature": event.event.feature}
        yield Written(verb, found, Refunded.of(policy, found, lots=lots, **known))
    elif verb not in ("tend", "accounts.erase"):
        yield Written(verb, found, _simple(engine, verb, found, args, options))


def _simple(engine: Opened, verb: str, found: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The document of what needs little beside it."""
    policy, account = engine.access.policy, args[0] if args else ""
    of: dict[str, Callable[[], Any]] = {
        "explain": lambda: Explanation.of(policy, found),
        "credits.add": lambda: Lot.of(policy, found),
        "units.add": lambda: Lot.of(policy, found),
        "lots.reverse": lambda: Reversed.of(policy, found, account=account, reference=args[1], key=options["key"]),
        "lots.list": lambda: Lots.of(policy, found, account=account, now=engine.clock.at),
        "holds.list": lambda: Holds.of(policy, found, account=account),
        "balance": lambda: Balance.of(policy, found),
        "balance_at": lambda: PastBalance.of(policy, found, account=account, at=args[-1]),
        "overview": lambda: Overview.of(policy, found),
        "usage": lambda: UsagePage.of(policy, found, account=account, by=options["by"]),
        "statement": lambda: StatementPage.of(policy, found, account=account),
        "denials": lambda: DenialCounts.of(policy, found, account=account),
        "accounts.list": lambda: AccountPage.of(policy, found),
        "settle": lambda: Progress.of(policy, found),
    }
    return of[verb]()


def _verb(engine: Opened, name: str) -> Callable[..., Any]:
    verb: Any = engine.access
    for part in name.split("."):
        verb = getattr(verb, part)
    assert callable(verb)
    return verb


def _none(name: str) -> None:
    raise LookupError(f"nothing in memory asks for {name}")
