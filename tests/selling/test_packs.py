"""Packs: which one a denial names and how it is told, and granting one that was bought, once for its key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest

import spillover
from spillover.access.plain import Access
from spillover.core.packs import pack_for
from spillover.core.unlocking import Unlock
from spillover.core.words import unlock_sentence
from spillover.documents.decision import Decision as DecisionDocument
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput, KeyReused, UnknownName
from spillover.model.policy import Feature, Pack
from tests.selling.filling import POLICY
from tests.support import clock as new_clock
from tests.support import policy

YEAR = 365 * 86_400_000


def pack(name: str, amount: int, price: str, currency: str = "EUR", measure: str = "credits") -> Pack:
    return Pack(name, measure, amount, price, currency)


CREDITS = (pack("large", 1000, "80.00"), pack("small", 100, "9.00"), pack("tiny", 5, "0.90"))
# packs | what is missing | the one that is named
CHOICES: list[tuple[tuple[Pack, ...], Unlock | None, str | None]] = [
    (CREDITS, Unlock(credits=5), "tiny"),
    (CREDITS, Unlock(credits=6), "small"),
    (CREDITS, Unlock(credits=100, consent="credits"), "small"),
    (CREDITS, Unlock(credits=101), "large"),
    (CREDITS, Unlock(credits=1001), None),
    (CREDITS, Unlock(consent="credits"), None),
    (CREDITS, None, None),
    (CREDITS, Unlock(units=1), None),
    ((), Unlock(credits=1), None),
    ((pack("b", 10, "9.00"), pack("a", 10, "9")), Unlock(credits=1), "a"),
    ((pack("b", 10, "10.00"), pack("a", 20, "9.5")), Unlock(credits=1), "a"),
    ((pack("b", 10, "900", "JPY"), pack("a", 20, "1.00")), Unlock(credits=1), "b"),
    ((pack("b", 10, "900", "JPY"), pack("a", 10, "1.00")), Unlock(credits=1), "a"),
    ((pack("b", 10, "900", "JPY"), pack("c", 30, "2.00"), pack("a", 40, "1.00")), Unlock(credits=11), "a"),
    ((pack("x", 10, "1.00", measure="film"), pack("y", 10, "2.00", measure="clip")), Unlock(units=3), "y"),
]


@pytest.mark.parametrize(("packs", "remedy", "named"), CHOICES)
def test_the_cheapest_pack_that_is_enough_is_named_or_the_smallest_of_several_currencies(
    packs: tuple[Pack, ...], remedy: Unlock | None, named: str | None
) -> None:
    found = pack_for({one.name: one for one in packs}, "clip", remedy)
    assert (found.name if found else None) == named


@pytest.mark.parametrize(
    ("remedy", "bought", "said"),
    [
        (Unlock(credits=3_000_000), None, "3 more credits unlock it"),
        (Unlock(credits=3_000_000), pack("small", 100_000_000, "9.00"),
         "3 more credits unlock it: pack small, 100 credits for 9.00 EUR"),
        (Unlock(credits=1_000_000), pack("one", 1_000_000, "1"),
         "1 more credit unlocks it: pack one, 1 credit for 1 EUR"),
        (Unlock("credits", 500_000), pack("small", 100_000_000, "9.00"),
         "consent to pay with credits and 0.5 more credits unlock it: pack small, 100 credits for 9.00 EUR"),
        (Unlock(units=2), None, "2 clips more as a gift unlock it"),
        (Unlock(units=2), pack("ten", 10, "5.00", measure="clip"),
         "2 clips more unlock it: pack ten, 10 clips for 5.00 EUR"),
        (None, None, ""),
    ],
)  # fmt: skip
def test_what_unlocks_a_denial_names_the_pack(remedy: Unlock | None, bought: Pack | None, said: str) -> None:
    assert unlock_sentence(Feature("clip", "clip", "requests"), remedy, bought) == said


@pytest.fixture
def clock() -> spillover.TurnableClock:
    return new_clock()


@pytest.fixture
def access(clock: spillover.TurnableClock) -> Iterator[Access]:
    with spillover.connect("memory://", policy=policy(POLICY), clock=clock, settle=False) as opened:
        opened.accounts.put("acme", "plus")
        yield opened


def test_a_denial_names_its_pack_in_its_sentence_its_document_and_as_a_value(access: Access) -> None:
    access.credits.add("acme", "2", key="start")
    denied = access.consume("acme", "chat.messages", key="k")
    assert denied.denial is not None
    assert denied.denial.pack == access.policy.packs["tiny"]
    assert denied.sentence == ("denied: 2 credits left; 3 more credits unlock it: pack tiny, 5 credits for 0.90 EUR")
    document = DecisionDocument.of(access.policy, denied)
    told = msgspec.json.decode(msgspec.json.encode(document))["denial"]
    assert (told["unlock"], told["pack"]["name"], told["pack"]["price"]) == (denied.denial.unlock, "tiny", "0.90")
    assert "checkout" not in told
    read = document.noun().denial
    assert read is not None
    assert (read.pack, read.checkout, read.sentence) == (denied.denial.pack, "", denied.sentence)


@pytest.mark.parametrize(("feature", "usage", "bought"), [("chat.messages", 1, "tiny"), ("video.seconds", 7, "small")])
def test_the_pack_that_is_named_lets_the_same_request_pass(
    access: Access, feature: str, usage: int, bought: str
) -> None:
    denied = access.consume("acme", feature, usage, key="k").denial
    assert denied is not None
    assert denied.pack is not None
    assert denied.pack.name == bought
    access.packs.grant("acme", bought, key="order")
    assert access.consume("acme", feature, usage, key="k")


def test_where_units_alone_unlock_the_pack_of_units_is_named() -> None:
    text = POLICY.replace("[{from: units}, {from: credits}]", "[{from: units}]")
    with spillover.connect("memory://", policy=policy(text), settle=False) as access:
        access.accounts.put("acme", "plus")
        denied = access.consume("acme", "video.seconds", 7, key="k").denial
        assert denied is not None
        assert denied.unlock == "7 seconds more unlock it: pack clips, 60 seconds for 12.00 EUR"
        assert access.consume("acme", "video.seconds", 61, key="k2").denial.unlock.endswith("as a gift unlock it")  # type: ignore[union-attr]


def test_packs_change_no_decision_and_a_policy_without_them_says_what_it_always_said(access: Access) -> None:
    bare = POLICY[: POLICY.index("packs:")] + POLICY[POLICY.index("plans:") :]
    with spillover.connect("memory://", policy=policy(bare), clock=access.desk.clock, settle=False) as other:
        other.accounts.put("acme", "plus")
        assert other.packs.list() == ()
        mine, theirs = (one.consume("acme", "chat.messages", key="k") for one in (access, other))
        assert (mine.allowed, mine.blockers, mine.denial.remedy) == (
            theirs.allowed,
            theirs.blockers,
            theirs.denial.remedy,
        )  # type: ignore[union-attr]
        assert theirs.sentence == "denied: 0 credits left; 5 more credits unlock it"
        assert theirs.denial.pack is None  # type: ignore[union-attr]


def test_packs_are_listed_in_the_order_of_their_names(access: Access) -> None:
    assert [pack.name for pack in access.packs.list()] == ["clips", "small", "tiny"]


def test_a_pack_is_granted_as_the_policy_describes_it(access: Access, clock: spillover.TurnableClock) -> None:
    small = access.packs.grant("acme", "small", key="o1", ref="ch_1")
    tiny = access.packs.grant("acme", "tiny", key="o2", paid="0.45 EUR", reason="half price", actor="ada")
    clips = access.packs.grant("acme", "clips", key="o3")
    assert (small.measure, small.priority, small.promotional) == ("credits", 100, False)
    assert (small.expires, tiny.expires, clips.measure) == (clock() + YEAR, NEVER, "video.seconds")
    lots = {one.lot.id: one for one in access.lots.list("acme")}
    told = [(one.granted, one.paid, one.currency, one.reference) for one in lots.values()]
    assert told == [
        (100_000_000, "9.00", "EUR", "ch_1"), (5_000_000, "0.45", "EUR", ""), (60, "12.00", "EUR", ""),
    ]  # fmt: skip
    rows = {row.cause: (row.reason, row.actor) for row in access.statement("acme").rows}
    assert rows == {"o1": ("pack small", ""), "o2": ("half price", "ada"), "o3": ("pack clips", "")}
    done = access.lots.reverse("acme", "ch_1", key="dispute")
    assert done.taken == 100_000_000


def test_the_same_grant_again_gives_the_lot_of_then_whenever_it_comes(
    access: Access, clock: spillover.TurnableClock
) -> None:
    first = access.packs.grant("acme", "small", key="o1", ref="ch_1")
    for hours in (1, 24 * 200, 24 * 400):  # at last after it has expired
        clock.turn(hours=hours)
        access.packs.grant("acme", "small", key=f"other {hours}")
        assert access.packs.grant("acme", "small", key="o1", ref="ch_1") == first
    assert [lot.reference for lot in access.lots.list("acme")].count("ch_1") == 1


@pytest.mark.parametrize(
    "other", [{"pack": "tiny"}, {"pack": "clips"}, {"ref": "ch_2"}, {"paid": "1.00 EUR"}, {"actor": "eve"}]
)
def test_another_grant_under_a_known_key_is_refused(
    access: Access, clock: spillover.TurnableClock, other: dict[str, str]
) -> None:
    access.packs.grant("acme", "small", key="o1", ref="ch_1")
    clock.turn(hours=1)
    with pytest.raises(KeyReused):
        access.packs.grant("acme", **{"pack": "small", "key": "o1", "ref": "ch_1", **other})
    assert len(access.lots.list("acme")) == 1


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ({"pack": "huge"}, UnknownName, "pack: found 'huge', expected one of the policy's packs: clips, small, tiny"),
        ({"pack": None}, UnknownName, "pack: found None"),
        ({"account": "nobody"}, UnknownName, "account: found 'nobody'"),
        ({"paid": "9 euros"}, InvalidInput, "paid: found '9 euros', expected an amount and a currency"),
        ({"paid": ""}, InvalidInput, "paid: found ''"),
        ({"key": ""}, InvalidInput, "key: found ''"),
        ({"ref": "x" * 501}, InvalidInput, "ref: found"),
        ({"at": 7}, InvalidInput, "at: found 7"),
    ],
)
def test_what_cannot_be_granted_is_refused_by_field(
    access: Access, words: dict[str, object], error: type[InvalidInput], said: str
) -> None:
    asked: dict[str, object] = {"account": "acme", "pack": "small", "key": "o1", **words}
    with pytest.raises(error) as refused:
        access.packs.grant(asked.pop("account"), asked.pop("pack"), **asked)  # type: ignore[arg-type]
    assert str(refused.value).startswith(said)
    assert access.lots.list("acme") == ()


def test_an_event_loop_has_the_same_verbs(clock: spillover.TurnableClock) -> None:
    async def play() -> None:
        async with spillover.connect_async("memory://", policy=policy(POLICY), clock=clock, settle=False) as access:
            await access.accounts.put("acme", "plus")
            assert len(await access.packs.list()) == 3
            lots = await asyncio.gather(*(access.packs.grant("acme", "small", key="o1") for _ in range(8)))
            assert len(set(lots)) == 1
            assert len(await access.lots.list("acme")) == 1

    asyncio.run(play())


def test_a_policy_that_sells_nothing_says_so() -> None:
    bare = POLICY[: POLICY.index("packs:")] + POLICY[POLICY.index("plans:") :]
    with spillover.connect("memory://", policy=policy(bare), settle=False) as access:
        access.accounts.put("acme", "plus")
        with pytest.raises(UnknownName, match="pack: found 'small', expected a pack, and the policy has none"):
            access.packs.grant("acme", "small", key="k")
