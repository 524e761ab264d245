"""`spillover stripe`: overage billed from the command line, on SQLite and PostgreSQL, by Stripe's own library."""

import json
import re

import pytest

import spillover
from spillover.model.errors import UnknownName
from tests.cli.support import run
from tests.selling.events import checkout, dispute
from tests.selling.shop import PACKS, Shop
from tests.selling.stripe_server import KEY, StripeServer


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'books.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def server():
    with StripeServer() as found:
        found.customers = {"cus_acme": "pays", "cus_beta": "pays"}
        yield found


@pytest.fixture
def stripe(url, server):
    def command(*words, key=KEY):
        surroundings = {"SPILLOVER_STRIPE_KEY": key, "SPILLOVER_STRIPE_URL": server.url}
        return run("stripe", *words, "--db", url, environment=surroundings)

    return command


def use(url, name, times, first=0):
    with spillover.connect(url, policy=PACKS, settle=False) as access:
        access.accounts.put(name, "plus")
        for number in range(first, first + times):
            assert access.consume(name, "chat.messages", key=f"k-{number}")
        access.settle()


def test_overage_is_billed_from_the_command_line_and_said_in_words_and_json(url, server, stripe):
    use(url, "acme", 3)
    use(url, "beta", 1)
    dry = stripe("export", "--price-of-credit", "0.10 EUR", "--dry-run", key="")  # it sends nothing: it wants none
    assert dry.status == 1
    assert "acme: 15 credits, 1.50 EUR: is no customer yet (spillover stripe link acme CUSTOMER)" in dry.out
    assert stripe("link", "acme", "cus_acme").out == "acme is cus_acme.\n"
    done = stripe("export", "--price-of-credit", "0.10 EUR", "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 1
    assert {one["account"]: (one["outcome"], one["money"], one["reference"]) for one in told} == {
        "acme": ("sent", "1.50 EUR", "ii_1"), "beta": ("unlinked", "0.50 EUR", None),
    }  # fmt: skip
    stripe("link", "beta", "cus_beta")
    server.faults = ["503"]
    first = stripe("export", "--price-of-credit", "0.10 EUR")
    assert (first.status, "in doubt" in first.out) == (1, True)
    (waits,) = stripe("exports", "--json").document["pieces"]
    assert (waits["account"], waits["outcome"], waits["reference"]) == ("beta", "written", None)
    again = stripe("export", "--price-of-credit", "0.10 EUR")
    assert (again.status, again.out) == (0, "beta: 5 credits, 0.50 EUR: sent before\n")
    assert stripe("export", "--price-of-credit", "0.10 EUR").out == "There is nothing to bill.\n"
    assert [item["amount"] for item in server.items] == [150, 50]
    assert re.search(r" \d\d:\d\d:\d\d UTC +.* 1\.50 EUR", stripe("exports", "acme").out)
    assert stripe("exports").out == "Nothing waits to be sent.\n"
    assert KEY not in str(run("keys", "log", "--json", "--db", url))


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_what_is_wrong_is_one_line_and_shows_no_key(url, server, stripe):
    use(url, "acme", 1)
    for words in (("export", "--price-of-credit", "free"), ("link", "acme", "acme"), ("link", "nobody", "cus_1")):
        assert "expected" in stripe(*words).complaint
    assert "SPILLOVER_STRIPE_KEY" in stripe("export", "--price-of-credit", "1 EUR", key="").complaint
    stripe("link", "acme", "cus_acme")
    refused = stripe("export", "--price-of-credit", "1 EUR", key="sk_test_wrong")
    assert "SPILLOVER_STRIPE_KEY does not open this" in refused.complaint
    assert "sk_test_wrong" not in refused.error


def test_what_was_bought_and_disputed_is_kept_in_either_database_and_goes_when_its_account_is_erased(url):
    with Shop(url) as shop:
        shop.take(checkout())
        assert shop.customer() == "cus_1"
        account = shop.id()
        assert shop.ask(lambda records: records.account_paid("stripe", "pi_1")) == account
        assert shop.take(dispute()).outcome == "took 100 credits back, 0 credits was spent"
        assert shop.take(dispute("closed", "won")).outcome == "gave 100 credits back"
        shop.access.accounts.erase("acme")
        assert shop.ask(lambda records: records.account_of("stripe", "cus_1")) is None
        assert shop.take(checkout("cs_2")).status == 200
        with pytest.raises(UnknownName):
            shop.id()


def test_a_number_behind_which_nothing_can_be_is_a_wrong_word(tmp_path):
    got = run("stripe", "exports", "acme", "--after", str(1 << 63), "--db", f"sqlite:///{tmp_path / 'none.db'}")
    assert (got.status, "--after" in got.error, "fault" in got.error) == (2, True, False)
