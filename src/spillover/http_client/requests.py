"""Requests and holds, as calls: what each verb sends, and how its answer is read."""

from __future__ import annotations

from collections.abc import Mapping

from spillover.access.checks import check_flag, check_lasts
from spillover.access.desk import Explanation, OpenedHold
from spillover.core.intake import check_key, check_name
from spillover.documents.decision import Decision as DecisionDocument
from spillover.documents.endings import Ending as EndingDocument
from spillover.documents.explanation import Explanation as ExplanationDocument
from spillover.documents.holds import Holds
from spillover.documents.holds import OpenedHold as OpenedDocument
from spillover.engine.accounts import check_instant
from spillover.engine.answers import Decision, Ending
from spillover.http_client.calls import Call, asked, reader, told
from spillover.http_client.forms import key_or_new, mode_of, new_key, request, usage_of
from spillover.model.hold import Hold

DECISION, ENDING = reader(DecisionDocument), reader(EndingDocument)
EXPLANATION, HOLDS, OPENED = reader(ExplanationDocument), reader(Holds), reader(OpenedDocument)


def consume(
    account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, key: str | None = None,
    subject: str | None = None, attributes: Mapping[str, str] | None = None, mode: str = "exact",
    at: int | None = None,
) -> Call[Decision]:  # fmt: skip
    """See `Access.consume`."""
    words = request(account, feature, usage, subject, attributes, at)
    name = key_or_new(key)
    return told("consume", {**words, "key": name, "mode": mode_of(mode)}, DECISION, again=True, key=name)


def record(
    account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, key: str | None = None,
    subject: str | None = None, attributes: Mapping[str, str] | None = None, at: int | None = None,
) -> Call[Decision]:  # fmt: skip
    """See `Access.record`."""
    name = key_or_new(key)
    words = {**request(account, feature, usage, subject, attributes, at), "key": name}
    return told("record", words, DECISION, again=True, key=name)


def check(
    account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, subject: str | None = None,
    attributes: Mapping[str, str] | None = None, at: int | None = None,
) -> Call[Decision]:  # fmt: skip
    """See `Access.check`."""
    return told("check", request(account, feature, usage, subject, attributes, at), DECISION, again=True)


def explain(
    account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, subject: str | None = None,
    attributes: Mapping[str, str] | None = None, at: int | None = None,
) -> Call[Explanation]:  # fmt: skip
    """See `Access.explain`."""
    return told("explain", request(account, feature, usage, subject, attributes, at), EXPLANATION, again=True)


def open_hold(
    account: str, feature: str, estimate: Mapping[str, int] | int | None = None, *, key: str | None = None,
    subject: str | None = None, attributes: Mapping[str, str] | None = None, lasts: int | None = None,
    mode: str = "exact", at: int | None = None,
) -> Call[Decision]:  # fmt: skip
    """See `Access.open_hold`."""
    long = check_lasts(lasts)
    words = request(account, feature, estimate, subject, attributes, at, counts="estimate")
    name = key_or_new(key)
    words |= {"key": name, "lasts": long, "mode": mode_of(mode, hold=True)}
    return told("holds/open", words, DECISION, again=True, key=name)


def opened(account: str, key: str) -> Call[OpenedHold]:
    """See `Access.opened`."""
    words = {"account": check_name("account", account), "key": check_key(key)}
    return asked("opened", words, OPENED, key=key)


def holds_list(account: str) -> Call[tuple[Hold, ...]]:
    """See `HoldVerbs.list`."""
    return asked("holds/list", {"account": check_name("account", account)}, HOLDS)


def extend(
    account: str, key: str, estimate: Mapping[str, int] | int | None = None, *, lasts: int | None = None,
    extension_key: str | None = None, at: int | None = None,
) -> Call[Decision]:  # fmt: skip
    """See `HoldVerbs.extend`. An `extension_key` that is left out is made, so that it is safe to be sent again."""
    words = _of_hold(account, key, at) | {"estimate": usage_of(estimate), "lasts": check_lasts(lasts)}
    words["extension_key"] = new_key() if extension_key is None else check_key(extension_key, "extension_key")
    return told("holds/extend", words, DECISION, again=True, key=key)


def commit(
    account: str, key: str, usage: Mapping[str, int] | int | None = None, *, estimated: bool = False,
    at: int | None = None,
) -> Call[Ending]:  # fmt: skip
    """See `HoldVerbs.commit`."""
    words = _of_hold(account, key, at) | {"estimated": check_flag("estimated", estimated), "usage": usage_of(usage)}
    return told("holds/commit", words, ENDING, again=True, key=key)


def release(account: str, key: str, *, at: int | None = None) -> Call[Ending]:
    """See `HoldVerbs.release`."""
    return told("holds/release", _of_hold(account, key, at), ENDING, again=True, key=key)


def _of_hold(account: object, key: str, at: object) -> dict[str, object]:
    instant = None if at is None else check_instant("at", at)
    return {"at": instant, "account": check_name("account", account), "key": check_key(key)}
