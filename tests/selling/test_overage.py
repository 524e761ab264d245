"""Overage reaches an invoice once and whole: whatever is killed at which step, lost, or done beside each other."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spillover.model.errors import InvalidInput
from spillover.selling import money
from spillover.selling.overage import Exporting, Line, link, read_price
from spillover.selling.records import PROVIDER
from spillover.selling.stripe_calls import Item, Stripe
from spillover.selling.stripe_errors import Doubtful, Refused
from tests.selling.shop import Shop
from tests.selling.stripe_server import KEY, StripeServer


class Killed(BaseException):
    """The process ends here, before or after what it was about to do."""


class Biller:
    """As Stripe: one item for a name, found by it, also when its answer was lost."""

    def __init__(self):
        self.items: dict[str, Item] = {}
        self.faults: list[str] = []

    def add_item(self, item):
        fault = self.faults.pop(0) if self.faults else ""
        if fault in ("busy", "refused", "wrong key"):
            raise Doubtful("x", "busy", busy=True) if fault == "busy" else Refused("x", "no", whole=fault != "refused")
        before = self.items.setdefault(item.name, item)
        assert before == item  # else Stripe takes it for another request
        if fault == "lost":
            raise Doubtful("x", "no answer")
        return f"ii_{item.name}"

    def find_item(self, customer, name, since):
        return f"ii_{name}" if name in self.items else None


class Town(Shop):
    """A shop whose accounts run into overage, and who exports it."""

    def __init__(self, url="memory://", accounts=("acme", "beta")):
        super().__init__(url, accounts)
        self.biller, self.pauses, self.keys = Biller(), [], 0
        for name in accounts:
            account = self.id(name)
            self.ask(lambda records, account=account: records.bind_customer(account, PROVIDER, f"cus_{account}"))

    def use(self, name="acme", credits="1"):
        """Draw so many credits on the overage line; settled."""
        self.keys += 1
        tokens = Fraction(credits) * 1_000_000 / Fraction("2.5")
        assert self.access.consume(name, "chat.tokens", {"input": int(tokens)}, key=f"k-{self.keys}")
        self.access.settle()

    def export(self, price="0.01 EUR", ask=None, until=None, dry=False):
        self.clock.turn(seconds=1)
        exporting = Exporting(
            self.access.desk.ledger, ask or self.ask, self.biller, read_price(price), now=self.clock, dry=dry,
            pause=self.pauses.append, until=self.clock() if until is None else until,
        )  # fmt: skip
        return list(exporting.run())

    def pieces(self, name="acme"):
        account = self.id(name)
        return self.ask(lambda records: records.exports(account))

    def billed(self, name="acme"):
        """Minor units on the customer's invoices."""
        return sum(item.amount for item in self.biller.items.values() if item.customer == f"cus_{self.id(name)}")


@pytest.fixture
def town():
    with Town() as found:
        yield found


def require_whole(town, name="acme"):
    """Pieces go on from one another, cover all that was advanced, and what was billed is within half a minor unit."""
    pieces = town.pieces(name)
    assert [piece.number for piece in pieces] == list(range(1, len(pieces) + 1))
    assert all(one.until == other.after for one, other in pairwise(pieces))
    assert {piece.state for piece in pieces} <= {"sent"}
    advanced = next(row.receivable for row in town.access.accounts.list().rows if row.name == name)
    assert sum(piece.amount for piece in pieces) == advanced
    exact = Fraction(advanced, 1_000_000)  # at 0.01 EUR a credit
    assert sum(piece.money for piece in pieces) == town.billed(name)
    assert abs(exact - town.billed(name)) <= Fraction(1, 2)


def test_overage_is_exported_once_and_goes_on_where_it_ended(town):
    town.use(credits="12.5")
    assert [(line.account, line.outcome, line.amount, line.money) for line in town.export()] == [
        ("acme", "sent", 12_500_000, 13)
    ]
    assert town.export() == []
    town.use(credits="7.5")
    town.use("beta", credits="100")
    assert sorted((line.account, line.money) for line in town.export()) == [("acme", 7), ("beta", 100)]
    assert next(iter(town.biller.items.values())).description == "Overage: 12.5 credits"
    for name in ("acme", "beta"):
        require_whole(town, name)


def test_what_was_refunded_is_billed_less_or_given_back(town):
    town.use(credits="30")
    town.use(credits="20")
    town.access.refund("acme", "k-1", key="r-1")
    assert [line.amount for line in town.export()] == [20_000_000]
    town.access.refund("acme", "k-2", key="r-2")
    assert [(line.amount, line.money) for line in town.export()] == [(-20_000_000, -20)]
    require_whole(town)
    assert town.billed() == 0


def test_only_what_the_line_advanced_is_billed(town):
    town.access.credits.add("acme", "10", key="gift")
    town.use(credits="15")
    town.access.lots.adjust("acme", 1, 5_000_000, key="goodwill", reason="goodwill")
    assert [line.amount for line in town.export()] == [5_000_000]


def test_a_piece_that_comes_to_nothing_is_written_and_its_rest_goes_on(town):
    for _ in range(3):
        town.use(credits="0.4")
        town.export()
    first = town.pieces()[0]
    assert (first.money, first.rest, first.reference) == (0, "2/5", "")
    assert [piece.money for piece in town.pieces()] == [0, 1, 0]
    require_whole(town)


def test_only_what_was_booked_before_an_instant_is_exported(town):
    town.use(credits="10")
    instant = town.clock()
    town.clock.turn(days=1)
    town.use(credits="5")
    assert [line.amount for line in town.export(until=instant)] == []
    assert [line.amount for line in town.export(until=instant + 1)] == [10_000_000]
    assert [line.amount for line in town.export()] == [5_000_000]
    require_whole(town)


def test_a_dry_run_writes_and_sends_nothing(town):
    town.use(credits="10")
    assert [(line.outcome, line.money) for line in town.export(dry=True)] == [("would", 10)]
    assert (town.pieces(), town.biller.items) == ([], {})


def test_an_account_that_is_no_customer_is_named_and_nothing_of_it_is_written(town):
    town.access.accounts.put("gamma", "plus")
    town.use("gamma", credits="3")
    town.use("acme", credits="1")
    told = {line.account: (line.outcome, line.why) for line in town.export()}
    assert told == {"gamma": ("unlinked", "spillover stripe link gamma CUSTOMER"), "acme": ("sent", "")}
    assert town.pieces("gamma") == []


def test_an_erased_account_is_billed_nothing_more(town):
    town.use(credits="10")
    town.access.accounts.erase("acme")
    assert town.export() == []


def test_more_than_stripe_takes_at_a_time_is_refused_before_it_is_written(town):
    town.use(credits="10")
    (line,) = town.export(price="99999999.99 EUR")
    assert line.outcome == "refused"
    assert town.pieces() == []


@pytest.mark.parametrize("fault", ["lost", "refused"])
def test_what_failed_keeps_back_its_own_account_only_and_is_done_the_next_time(town, fault):
    town.use("acme", credits="10")
    town.use("beta", credits="20")
    town.biller.faults = [fault]
    first = {line.account: line.outcome for line in town.export()}
    assert sorted(first.values()) == sorted(["doubtful" if fault == "lost" else "refused", "sent"])
    (failed,) = (name for name, outcome in first.items() if outcome != "sent")
    town.use(failed, credits="1")
    again = [line.outcome for line in town.export()]
    assert again == (["found", "sent"] if fault == "lost" else ["sent", "sent"])
    for name in ("acme", "beta"):
        require_whole(town, name)


def test_a_busy_stripe_is_waited_for_a_bounded_time(town):
    town.use(credits="10")
    town.biller.faults = ["busy"] * 3
    assert [line.outcome for line in town.export()] == ["sent"]
    assert town.pauses == [1, 2, 4]
    town.use(credits="10")
    town.biller.faults = ["busy"] * 5
    assert [line.outcome for line in town.export()] == ["doubtful"]
    assert [line.outcome for line in town.export()] == ["sent"]
    require_whole(town)


def test_a_wrong_key_ends_the_run_and_the_next_one_goes_on(town):
    town.use(credits="10")
    town.biller.faults = ["wrong key"]
    with pytest.raises(Refused):
        town.export()
    assert [line.outcome for line in town.export()] == ["sent"]
    require_whole(town)


def killing(town, step, after):
    """`ask` and the biller, of which the call of that number kills; before or after it is done."""
    count = [0]

    def guard(call):
        def guarded(*args):
            count[0] += 1
            if count[0] == step and not after:
                raise Killed
            done = call(*args)
            if count[0] == step:
                raise Killed
            return done

        return guarded

    return guard(town.ask), guard(town.biller.add_item), guard(town.biller.find_item)


def test_killed_at_any_step_before_or_after_it_nothing_is_lost_or_billed_twice():
    kills = 0
    for step in range(1, 40):
        survived = 0
        for after in (False, True):
            with Town(accounts=("acme",)) as town:
                town.use(credits="10.3")
                town.export()
                town.use(credits="7.4")
                ask, add, find = killing(town, step, after)
                honest = town.biller.add_item, town.biller.find_item
                town.biller.add_item, town.biller.find_item = add, find
                try:
                    town.export(ask=ask)
                    survived += 1
                except Killed:
                    kills += 1
                town.biller.add_item, town.biller.find_item = honest
                town.use(credits="0.3")
                town.export()
                town.export()
                require_whole(town)
                assert town.billed() == 18
        if survived == 2:
            break
    assert kills >= 12  # each call to office and biller of one run, twice
    assert step < 39


def test_two_who_export_beside_each_other_bill_once(town):
    """The second one runs whole at each step of the first."""
    for step in range(1, 9):
        town.use(credits="10")
        count = [0]

        def ask(work, step=step, count=count):
            count[0] += 1
            if count[0] == step:
                town.export()
            return town.ask(work)

        town.export(ask=ask)
        town.export()
        require_whole(town)
    assert town.billed() == 80


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["0.1", "0.35", "1", "2.5"]), st.sampled_from(["", "lost", "busy", "refused"]),
                       st.booleans()), min_size=1, max_size=6)
)  # fmt: skip
def test_however_it_goes_the_pieces_add_up(steps):
    with Town(accounts=("acme",)) as town:
        for credits, fault, refunds in steps:
            town.use(credits=credits)
            if refunds:
                town.access.refund("acme", f"k-{town.keys}", key=f"r-{town.keys}", units=1)
            town.biller.faults = [fault] if fault else []
            town.export()
        town.biller.faults = []
        town.export()
        require_whole(town)


def test_however_the_price_of_a_credit_changes_what_was_billed_is_each_piece_at_its_price_rounded_once(town):
    prices = ["0.01 EUR", "0.003333 EUR", "0.0175 EUR"]
    exact = Fraction(0)
    for number in range(24):
        town.use(credits="0.35" if number % 2 else "2.5")
        if number % 3 == 2:
            town.access.refund("acme", f"k-{number}", key=f"r-{number}")
        price = prices[number % 5 % 3]
        exact += sum(Fraction(line.amount, 1_000_000) for line in town.export(price)) * read_price(price).minor
        assert abs(exact - town.billed()) <= Fraction(1, 2)
    assert sum(piece.money for piece in town.pieces()) == town.billed()


def test_over_http_lost_answers_and_forgotten_keys_bill_once(town):
    with StripeServer() as server:
        stripe = Stripe(KEY, url=server.url, retries=0)
        server.clock = lambda: town.clock() / 1000
        server.customers = {f"cus_{town.id(name)}": "pays" for name in ("acme", "beta")}
        town.biller = stripe
        for fault in ("lost", "503", "500", "cut", "429", ""):
            town.use(credits="10")
            server.faults = [fault]
            town.export()
            server.forget_keys()
            town.clock.turn(days=2)
        town.export()
        assert sum(item["amount"] for item in server.items) == 60
        assert {piece.state for piece in town.pieces()} == {"sent"}
        assert [piece.reference for piece in town.pieces()] == [item["id"] for item in server.items]
        stripe.close()


def test_a_piece_in_doubt_is_looked_for_before_its_account_becomes_another_customer(town):
    town.use(credits="10")
    town.biller.faults = ["lost"]
    town.export()
    link(town.ask, lambda: town.biller, town.id(), "cus_new")
    assert [piece.state for piece in town.pieces()] == ["sent"]
    assert town.export() == []
    town.use(credits="10")
    assert [line.outcome for line in town.export()] == ["sent"]
    assert [item.customer for item in town.biller.items.values()] == [f"cus_{town.id()}", "cus_new"]


def test_a_customer_is_linked_to_one_account(town):
    for customer, why in (("cus_new", "another account"), ("acme", "what Stripe calls it"), ("cus_é", "cus_...")):
        link(town.ask, lambda: town.biller, town.id(), "cus_new")
        with pytest.raises(InvalidInput, match=why):
            link(town.ask, lambda: town.biller, town.id("beta"), customer)


def test_many_accounts_and_updates_are_read_in_pages(monkeypatch):
    monkeypatch.setattr("spillover.selling.overage.PAGE", 2)
    names = tuple(f"account-{number}" for number in range(5))
    with Town(accounts=names) as town:
        for _ in range(2):
            for name in names:
                for _ in range(3):
                    town.use(name, credits="10")
            town.export()
        for name in names:
            assert [piece.amount for piece in town.pieces(name)] == [30_000_000] * 2
            require_whole(town, name)


def test_yen_and_kroner_are_billed_in_what_can_be_charged(town):
    town.use(credits="10")
    assert [(line.money, line.currency) for line in town.export(price="1.26 JPY")] == [(13, "JPY")]
    town.use("beta", credits="10")
    assert [money.told(line.money, line.currency) for line in town.export(price="1.26 ISK")] == ["13.00 ISK"]


@pytest.mark.parametrize("price", ["0 EUR", "1", "-1 EUR", "free", "0.0000001 EUR", None])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(InvalidInput, match="price-of-credit"):
        read_price(price)


def test_a_line_tells_everything_of_a_piece(town):
    town.use(credits="12.5")
    (line,) = town.export()
    assert line == Line("acme", "sent", 12_500_000, 13, "EUR", 1, f"ii_{town.id()}:1", "")
