"""A document holds all that its noun tells: what is read back answers as the noun did."""

from collections import Counter

import msgspec
import pytest
from msgspec import UNSET, Struct

from spillover.core.unlocking import Unlock
from spillover.documents.decision import Decision as DecisionDocument
from spillover.documents.orders import Refunded as RefundedDocument
from spillover.engine.answers import Decision, Denial, feature_of
from spillover.model.account import Lot
from spillover.model.decision import Blocker, Verdict
from spillover.model.errors import InvalidInput
from spillover.model.policy import Feature, Policy
from spillover.ports import Refunded
from tests.documents.playing import played
from tests.documents.telling import told

VERBS = {
    "consume", "open_hold", "holds.extend", "check", "explain", "holds.commit", "holds.release", "holds.list", "opened",
    "accounts.put", "accounts.plan", "accounts.suspend", "accounts.list", "credits.add", "units.add", "lots.list",
    "lots.revoke", "lots.adjust", "lots.reverse", "limits.set", "windows.reset", "refund", "balance", "balance_at",
    "overview", "usage", "statement", "denials", "settle", "policies.publish", "policies.withdraw", "policies.list",
    "policies.get", "audit", "backtest", "packs.list",
}  # fmt: skip

SPOKEN = {
    # For people, or to know what was asked: the noun knows it by another field, or its caller does.
    "Ordered": {"account", "key"},
    "Reversed": {"account", "reference", "key"},
    "Refunded": {"account", "refunded", "key", "feature", "revoked"},
    "Profile": {"account"},
    "AccountPage": {"more"},
    "UsagePage": {"account", "more"},
    "StatementPage": {"account", "more"},
    "DenialCounts": {"account", "more"},
    "PastBalance": {"account", "at"},
    "Lots": {"account"},
    "Holds": {"account"},
    "LotBalance": {"state", "gone"},
    "ListedPublication": {"state"},
    "Denial": {"blocked_by", "status"},
    "Decision": {"charged"},
    "Explanation": {"charged"},
    "Ending": {"charged"},
    "Overshoot": {"owed"},
    "Step": {"room_after"},
    "Credits": {"credits"},
    "Policy": {"hash"},
    "Backtest": {"same"},
    "RefundedLot": {"posted_as"},  # the whole refund reads it, below
}
"""Fields that are not read back, because they follow from others or belong to the question."""


def test_every_noun_is_read_back_alike(written):
    assert {one.verb for one in written} == VERBS
    for one in written:
        assert told(one.read()) == told(one.noun), one.verb


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 140))
def test_every_noun_of_many_worlds_is_read_back_alike(seed):
    for one in played(seed, 400):
        assert told(one.read()) == told(one.noun), one.verb


def test_what_is_read_is_what_the_engine_gives(written):
    for one in written:
        assert isinstance(one.read(), type(one.noun))


def test_every_field_is_read_or_follows_from_others(written):
    """Each field, put out of another document of its kind, makes another noun."""
    heard = Counter[str]()
    for documents in _by_kind(written).values():
        kind = type(documents[0])
        for name in set(kind.__struct_fields__) - SPOKEN.get(kind.__name__, set()) - {"credits"}:
            pairs = [pair for pair in _pairs(documents) if _differ(*pair, name)]
            assert not pairs or any(_heard(*pair, name) for pair in pairs), f"{kind.__name__}.{name} is not read back"
            heard[kind.__name__] += bool(pairs)
    assert heard["Decision"] >= 17
    assert heard["Denial"] >= 5
    assert heard["Overview"] >= 8


def test_a_denial_that_does_not_tell_when_it_closes_asks_or_refuses(written):
    denied = [one.noun for one in written if isinstance(one.noun, Decision) and one.noun.denial]
    opening = [decision for decision in denied if decision.denial.opens_at is not None]
    assert opening
    for decision in opening:
        document = DecisionDocument.of(POLICY, decision)
        assert b"closes_at" not in msgspec.json.encode(document)
        back = document.noun()
        assert told(back, asks=frozenset({"closes_at"})) == told(decision, asks=frozenset({"closes_at"}))
        with pytest.raises(InvalidInput, match="closes_at"):
            _ = back.denial.closes_at
        assert document.noun(lambda: 17).denial.closes_at == 17
    never = next(decision for decision in denied if decision.denial.opens_at is None)
    assert DecisionDocument.of(POLICY, never).noun().denial.closes_at is None


POLICY = Policy("", {}, {})
WHOLE = {
    "LotBalance": "balance", "LotStanding": "standing", "HeldLeg": "part", "Publication": "publication",
    "ListedPublication": "publication",
}  # fmt: skip
"""What reads the whole of a document that stands in another."""


def test_sentence_and_unlock_are_those_that_were_told():
    counted = Feature("clips", "clip", "requests")
    remedy = Unlock(consent="credits", credits=2_500_000, units=3)
    verdict = Verdict(False, 1, 0, (), (Blocker("credits", "credits", 0, 1),))
    denial = Denial(verdict, counted, "Europe/Paris", lambda: 1_800_000_000_001, lambda: remedy)
    decision = Decision(False, "acme", "clips", "k", 17, 1, 0, (), 0, False, counted, denial)
    document = DecisionDocument.of(POLICY, decision)
    document = msgspec.structs.replace(
        document, sentence="no", denial=msgspec.structs.replace(document.denial, unlock="pay")
    )
    back = document.noun()
    assert (back.sentence, back.denial.sentence, back.denial.unlock) == ("no", "no", "pay")
    assert (back.denial.remedy, back.denial.opens_at, back.at) == (remedy, 1_800_000_000_001, 17)
    assert not back


def test_what_was_admitted_in_an_outage_is_read_back():
    told_of = Decision(True, "acme", "clips", "k", 17, 3, 3, (), 0, False, feature_of(None, "clips"), journaled=True)
    assert told(DecisionDocument.of(POLICY, told_of).noun()) == told(told_of)


def test_a_refund_to_lots_that_are_gone_is_read_back():
    """A lot may get something back from two legs, and each lot has a fate of its own."""
    lots = {number: Lot(number, "credits", expires=1000 + number) for number in (1, 2, 3)}
    done = Refunded(9, ((3, 5), (1, 2), (2, 4), (1, 1)), 7, 3, ((2, 4),))
    document = RefundedDocument.of(POLICY, done, account="acme", refunded="e", key="k", feature="clips", lots=lots)
    assert [(one.lot, one.value, one.posted_as) for one in document.lots] == [
        (3, 5, None), (1, 3, "expired"), (2, 4, "revoked"),
    ]  # fmt: skip
    assert document.noun() == done


def _by_kind(written):
    """Documents, and the structs in them, that can be read for themselves."""
    found: dict[type, list[Struct]] = {}
    open_ones = [one.document for one in written]
    while open_ones:
        one = open_ones.pop()
        if isinstance(one, Struct):
            if hasattr(one, "noun") or type(one).__name__ in WHOLE:
                found.setdefault(type(one), []).append(one)
            open_ones += [getattr(one, name) for name in one.__struct_fields__]
        elif isinstance(one, tuple | list):
            open_ones += one
        elif isinstance(one, dict):
            open_ones += one.values()
    return {kind: some[:: max(len(some) // 1000, 1)] for kind, some in found.items()}


def _pairs(documents):
    """Some pairs, far fewer than all."""
    return [pair for apart in (1, 7, 31) for pair in zip(documents, documents[apart:], strict=False)]


def _differ(one, other, name):
    """Whether both have the field, and not the same in it. (An amount has either credits or units.)"""
    mine, others = getattr(one, name), getattr(other, name)
    return mine != others and UNSET not in (mine, others)


def _heard(one, other, name):
    changed = msgspec.structs.replace(one, **{name: getattr(other, name)})
    try:
        return told(_noun(changed)) != told(_noun(one))
    except (KeyError, ValueError, AttributeError):
        return True


def _noun(document):
    """A document's noun; of one that stands in another, with what that tells it."""
    kind = type(document).__name__
    if kind in WHOLE:
        return getattr(document, WHOLE[kind])()
    if kind == "UsageRow":
        return document.noun(tuple(document.group))
    if kind == "Denial":
        return document.noun(Feature("f", "unit", "requests"), "no", lambda: None)
    return document.noun()
