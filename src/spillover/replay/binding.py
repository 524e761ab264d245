"""A map made ready for one trace and one policy: its expressions compiled, its names checked against the policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from spillover.core.intake import TIME_MIN
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import InvalidInput
from spillover.model.policy import Policy
from spillover.policy.findings import Findings, Path
from spillover.replay.ends import OUTCOMES, EndRule, lasts_fit
from spillover.replay.events import DEFAULTS
from spillover.replay.expressions import (
    Count,
    Text,
    columns_of,
    condition_of,
    count_of,
    outcomes_of,
    text_of,
)
from spillover.replay.mapping import TraceMap, raise_any
from spillover.replay.newcomers import Newcomers, grant_of
from spillover.replay.times import TimeRule, span_of

Format = Literal["csv", "cloudevents"]


@dataclass(frozen=True, slots=True)
class Bound:
    """How to read requests from the rows of a trace."""

    format: Format
    sorted: bool
    time: TimeRule
    account: Text
    feature: Text
    key: Text
    subject: Text | None
    attributes: dict[str, Text]
    usage: dict[str, Count]
    skip: tuple[dict[str, frozenset[str]], ...]
    newcomers: Newcomers | None
    columns: frozenset[str]
    assumptions: tuple[str, ...]
    """What the map makes up because the trace does not tell it, in sentences."""
    ends: EndRule | None = None
    """Where rows are holds."""


def bind(trace_map: TraceMap, policy: Policy, trace: str) -> Bound:
    """The map for a trace of that name and a policy. Raises InvalidInput with every mistake that they show."""
    written, findings = trace_map.document, trace_map.findings()
    kind: Format = written.get("format") or _format_of(trace)
    if kind == "cloudevents":
        written = DEFAULTS | written
    _check(written, kind, policy, findings)
    raise_any(findings)
    accounts = written.get("accounts")
    time = TimeRule(written["time"])
    newcomers = Newcomers(accounts, policy) if accounts else None
    ends = EndRule(written["hold"], time) if "hold" in written else None
    return Bound(
        kind,
        written.get("order") == "time",
        time,
        text_of(written["account"]),
        text_of(written["feature"]),
        text_of(written.get("key", {"template": "row-{#}"})),
        text_of(written["subject"]) if "subject" in written else None,
        {name: text_of(value) for name, value in written.get("attributes", {}).items()},
        {name: count_of(value) for name, value in written.get("usage", {}).items()},
        tuple(condition_of(entry["when"]) for entry in written.get("skip", ())),
        newcomers,
        frozenset(_columns(written, time) | (ends.columns() if ends else set())),
        tuple(_assumptions(written, time, ends, newcomers)),
        ends,
    )


def _assumptions(
    written: Mapping[str, Any], time: TimeRule, ends: EndRule | None, newcomers: Newcomers | None
) -> Iterable[str]:
    yield from _dealt(written)
    if placed := time.assumption():
        yield placed
    yield from ends.assumptions() if ends else ()
    yield from newcomers.assumptions() if newcomers else ()


def _format_of(trace: str) -> Format:
    """By the file's name: .jsonl, .ndjson and .json are CloudEvents, all else is CSV."""
    name = PurePath(trace).name.lower().removesuffix(".gz")
    return "cloudevents" if name.endswith((".jsonl", ".ndjson", ".json")) else "csv"


def _expressions(written: Mapping[str, Any]) -> Iterable[tuple[Path, Mapping[str, Any]]]:
    """Every expression of the map with its place."""
    for name in ("account", "feature", "key", "subject"):
        if name in written:
            yield (name,), written[name]
    for group in ("attributes", "usage"):
        for name, value in written.get(group, {}).items():
            yield (group, name), value
    if "outcome" in written.get("hold", {}):
        yield ("hold", "outcome"), written["hold"]["outcome"]
    for name in ("plan", "zone"):
        if name in written.get("accounts", {}):
            yield ("accounts", name), written["accounts"][name]


def _columns(written: Mapping[str, Any], time: TimeRule) -> set[str]:
    found = time.columns()
    for _, expression in _expressions(written):
        found |= columns_of(expression)
    for entry in written.get("skip", ()):
        found |= entry["when"].keys()
    return found - {"#"}


def _check(written: Mapping[str, Any], kind: Format, policy: Policy, findings: Findings) -> None:
    for name in ("time", "account", "feature"):
        if name not in written:
            findings.add((name,), "nothing", f"{name}, which a trace in {kind.upper()} does not tell by itself")
    if "nested" in written.get("time", {}) and written.get("order") != "time":
        expected = "time, as nested conversations stand before their marker"
        findings.add(("order",), written.get("order", "nothing"), expected)
    _check_names("features", written.get("feature", {}), policy.features, ("feature",), findings)
    for name in written.get("attributes", {}):
        if name not in policy.attributes:
            findings.add(("attributes", name), name, _one_of("attributes", policy.attributes))
    counts = {count for feature in policy.features.values() for count in feature.usage_names} | {"requests"}
    hold = written.get("hold", {})
    for path, names in ((("usage",), written.get("usage", {})), (("hold", "estimate"), hold.get("estimate", {}))):
        for name in names:
            if name not in counts:
                findings.add((*path, name), name, _one_of("counts", counts))
    for place, outcome in outcomes_of(hold.get("outcome", {})) or ():
        if outcome not in OUTCOMES:
            findings.add(("hold", "outcome", *place), repr(outcome), f"one of {', '.join(OUTCOMES)}")
    if "lasts" in hold and not lasts_fit(span_of(hold["lasts"])):
        findings.add(("hold", "lasts"), hold["lasts"], "a time from 1s to 24h")
    _check_accounts(written.get("accounts", {}), policy, findings)


def _check_accounts(accounts: Mapping[str, Any], policy: Policy, findings: Findings) -> None:
    place: Path = ("accounts",)
    _check_names("plans", accounts.get("plan", {}), policy.plans, (*place, "plan"), findings)
    for name in ("plan", "zone"):
        share = accounts.get(name, {}).get("share", {})
        if share and sum(share.values()) != 100:
            findings.add((*place, name, "share"), f"{sum(share.values())} hundredths together", "100 together")
    for at, lot in enumerate(accounts.get("lots", ())):
        here: Path = (*place, "lots", at)
        if "of" in lot and lot["of"] not in policy.features:
            findings.add((*here, "of"), repr(lot["of"]), _one_of("features", policy.features))
            continue
        try:
            grant = grant_of(lot, policy, "first-lot", TIME_MIN)
            if not 0 < grant.amount <= AMOUNT_MAX:
                findings.add(here, "0 credits", "a lot of more than 0")
        except InvalidInput as error:
            findings.add(here, error.found, error.expected)
        for index, plan in enumerate(lot.get("plans", ())):
            if plan not in policy.plans:
                findings.add((*here, "plans", index), repr(plan), _one_of("plans", policy.plans))


def _check_names(
    what: str, expression: Mapping[str, Any], known: Mapping[str, object], path: Path, findings: Findings
) -> None:
    for place, name in outcomes_of(expression) or ():
        if name not in known:
            findings.add((*path, *place), repr(name), _one_of(what, known))


def _one_of(what: str, known: Iterable[str]) -> str:
    names = sorted(known)
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"one of the policy's {what}: {shown or '(there are none)'}"


def _dealt(written: Mapping[str, Any]) -> Iterable[str]:
    for path, expression in _expressions(written):
        if "bucket" in expression:
            bucket = expression["bucket"]
            of = ", ".join("row number" if column == "#" else column for column in bucket["of"])
            yield f"{path[-1]}: rows are dealt into {bucket['into']:,} by the hash of {of}"
