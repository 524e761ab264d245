"""Bad input gives one clear line that says what was found and expected, with status 2, and changes nothing."""

import sqlite3

import apsw
import pytest

from tests.cli.support import everything_in, files_in, run

LONG = "x" * 129
BIG = str(2**53)


REFUSED = [
    # names that nothing has
    ("explain nobody video.seconds 1", "account: found 'nobody'", "put before"),
    ("account show nobody", "account: found 'nobody'", "put before"),
    ("account credits nobody 5 --key k", "account: found 'nobody'", "put before"),
    ("account erase nobody --yes", "account: found 'nobody'", "put before"),
    ("explain acme video.minutes 1", "feature: found 'video.minutes'", "chat.messages, video.seconds"),
    ("account units acme video.minutes 5 --key k", "feature: found 'video.minutes'", "chat.messages, video.seconds"),
    ("account put acme --plan gold", "plan: found 'gold'", "starter"),
    ("account put newcomer", "plan: found none", "a plan"),
    # counts
    ("explain acme video.seconds -- -1", "usage.seconds: found -1", "a whole number from 0 to 2^53 - 1"),
    ("explain acme video.seconds 1.5", "usage: found '1.5'", "one whole number"),
    ("explain acme video.seconds NaN", "usage: found 'NaN'", "one whole number"),
    ("explain acme video.seconds seconds=1e3", "usage.seconds: found '1e3'", "a whole number"),
    ("explain acme video.seconds seconds=inf", "usage.seconds: found 'inf'", "a whole number"),
    (f"explain acme video.seconds {BIG}", f"usage.seconds: found {BIG}", "2^53 - 1"),
    (f"explain acme video.seconds {'9' * 5000}", "usage: found '999", "one whole number"),
    ("explain acme video.seconds 0", "usage: found {'seconds': 0}", "at least one unit"),
    ("explain acme video.seconds", "usage: found nothing", "counts of video.seconds: seconds"),
    ("explain acme video.seconds minutes=1", "usage: found 'minutes'", "counts of video.seconds: seconds"),
    ("explain acme video.seconds seconds=1 seconds=2", "usage: found seconds twice", "each name once"),
    ("explain acme video.seconds =3", "usage: found '=3'", "name=value"),
    ("explain acme chat.messages --attribute model", "attribute: found 'model'", "name=value"),
    # names and keys
    ("explain {empty} video.seconds 1", "account: found ''", "1 to 128 printable characters"),
    (f"explain {LONG} video.seconds 1", "account: found 'xxx", "1 to 128 printable characters"),
    ("account put {line} --plan starter", r"account: found 'a\nb'", "printable"),
    ("account put {surrogate} --plan starter", r"account: found 'a\udc80'", "printable"),
    ("account put {separator} --plan starter", r"account: found 'a\u2028b'", "printable"),
    ("explain acme video.seconds 1 --subject {null}", r"subject: found 'a\x00b'", "printable"),
    ("account credits acme 5 --key {empty}", "key: found ''", "1 to 255 bytes"),
    (f"account credits acme 5 --key {'k' * 256}", "key: found 'kkk", "1 to 255 bytes"),
    ("account credits acme 5 --key spillover:mine", "key: found 'spillover:mine'", "does not begin with"),
    # amounts and times
    ("account credits acme nan --key k", "credits: found 'nan'", "at most six decimals"),
    ("account credits acme many --key k", "credits: found 'many'", "decimal"),
    ("account credits acme 0.0000001 --key k", "credits: found '0.0000001'", "six decimals"),
    ("account credits acme 0 --key k", "credits: found 0", "more than 0"),
    ("account credits acme --key k -- -5", "credits: found '-5'", "from 0"),
    ("account credits acme -5 --key k", "found a number below zero", "expected one from 0"),
    ("account credits acme 1e30 --key k", "credits: found '1e30'", "9,007,199,254"),
    ("account credits acme 5 --key k --paid cheap", "paid: found 'cheap'", "45.00 EUR"),
    ("account credits acme 5 --key k --expires soon", "found 'soon'", "2026-01-31"),
    ("account credits acme 5 --key k --priority high", "'high' is not a valid integer", "--help"),
    ("account units acme video.seconds 1.5 --key k", "units: found '1.5'", "a whole number"),
    ("account put acme --zone Mars/Olympus", "zone: found 'Mars/Olympus'", "Europe/Paris"),
    ("account put acme --state paused", "'paused' is not one of", "--help"),
    ("account usage acme --limit 0", "0 is not in the range", "--help"),
    # usage of the command line itself
    ("account credits acme 5", "Missing option '--key'", "spillover account credits --help"),
    ("explian acme", "No such command 'explian'", "spillover --help"),
    ("audit --fast", "No such option", "spillover audit --help"),
]  # fmt: skip

ODD = {
    "{empty}": "", "{line}": "a\nb", "{surrogate}": "a\udc80", "{separator}": "a\u2028b", "{null}": "a\x00b",
}  # fmt: skip


@pytest.mark.parametrize(("command", "found", "expected"), REFUSED, ids=[command[:60] for command, *_ in REFUSED])
def test_it_says_what_was_found_and_expected_and_changes_nothing(shop, command, found, expected):
    before = everything_in("spillover.db")
    complaint = run(*(ODD.get(word, word) for word in command.split())).complaint
    assert found in complaint
    assert expected in complaint
    assert everything_in("spillover.db") == before


READING = [
    "explain acme video.seconds 1", "settle", "audit", "account show acme", "account usage acme",
    "account statement acme", "account list", "account credits acme 5 --key k", "account erase acme --yes",
    "account put acme --plan starter", "account plan acme starter", "account suspend acme", "balance acme",
    "statement acme", "consume acme video.seconds 1", "record acme video.seconds 1", "holds list acme",
    "lots list acme", "limits set acme video.seconds daily 5", "windows reset acme video.seconds", "refund acme first",
    "policy list",
]  # fmt: skip


@pytest.mark.parametrize("command", READING)
def test_no_command_creates_a_database_by_looking_for_one(folder, command):
    assert "found no file at spillover.db" in run(*command.split()).complaint
    assert list(folder.iterdir()) == []
    (folder / "spillover.db").touch()
    assert "found an empty file at spillover.db" in run(*command.split()).complaint
    assert files_in(folder) == {}


@pytest.mark.parametrize("command", READING)
def test_a_file_that_is_no_database_is_left_as_it_is(folder, command):
    (folder / "spillover.db").write_text("a letter to a friend, which is long enough to be no header\n" * 20)
    before = (folder / "spillover.db").read_bytes()
    assert "expected a SQLite database" in run(*command.split()).complaint
    assert (folder / "spillover.db").read_bytes() == before


@pytest.mark.parametrize("command", READING)
def test_the_database_of_another_program_is_left_as_it_is(folder, command):
    with sqlite3.connect("spillover.db") as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    before = (folder / "spillover.db").read_bytes()
    assert "recipes" in run(*command.split()).complaint
    assert (folder / "spillover.db").read_bytes() == before


@pytest.mark.parametrize(
    ("command", "component"), [*((command, "ledger") for command in READING), ("explain acme video.seconds 1", "hot")]
)
def test_a_database_of_a_newer_version_is_left_as_it_is(shop, command, component):
    connection = apsw.Connection("spillover.db")
    names = [
        name for (name,) in connection.execute("SELECT component FROM spillover_schema WHERE component <> 'rules'")
    ]
    newer = next(name for name in names if component in name)
    connection.execute("UPDATE spillover_schema SET version = 99 WHERE component = ?", (newer,))
    connection.close()
    before = everything_in("spillover.db")
    complaint = run(*command.split()).complaint
    assert "99" in complaint
    assert "use the version of Spillover" in complaint
    assert everything_in("spillover.db") == before


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("mysql://localhost/x", "sqlite:///FILE"),
        ("postgresql://localhost:1/x", "found that it cannot be reached"),
        ("valkey://localhost:1/0", "with its ledger, such as valkey://"),
        ("valkey://localhost:1/0?ledger=postgresql://localhost:1/x", "found that it cannot be reached"),
        ("app.db", "--db: found 'app.db', expected an address such as sqlite:///app.db"),
        ("memory://", "sqlite:///FILE"),
        ("sqlite:///missing/app.db", "no file at missing/app.db"),
        ("sqlite:///.", "expected"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(folder, url, found):
    assert found in run("account", "list", "--db", url).complaint
    assert list(folder.iterdir()) == []


def test_a_broken_policy_is_refused_with_file_line_and_path_and_makes_no_database(folder):
    (folder / "broken.yaml").write_text("spillover: 1\nfeatures: {}\nplans:\n  plus: {rules: none}\n")
    complaint = run("account", "put", "acme", "--plan", "plus", "--policy", "broken.yaml").complaint
    assert complaint.startswith("broken.yaml:2: features: found")
    assert "(and 1 more; see `spillover policy check`)" in complaint
    assert [path.name for path in folder.iterdir()] == ["broken.yaml"]


@pytest.mark.parametrize(
    ("terms", "found"),
    [
        (("", "--plan", "starter"), "account: found ''"),
        (("acme", "--plan", "gold"), "plan: found 'gold'"),
        (("acme", "--plan", "starter", "--zone", "Nowhere"), "zone: found 'Nowhere'"),
        (("acme", "--plan", "starter", "--billing-day", "1999-01-01"), "billing_day: found"),
    ],
)
def test_a_refused_account_neither_makes_a_database_nor_publishes_its_policy(shop, terms, found):
    assert found in run("account", "put", *terms, "--policy", "policy.yaml", "--db", "sqlite:///new.db").complaint
    assert not (shop / "new.db").exists()
    (shop / "other.yaml").write_text((shop / "policy.yaml").read_text().replace("max: 45", "max: 46"))
    before = everything_in("spillover.db")
    assert found in run("account", "put", *terms, "--policy", "other.yaml").complaint
    assert everything_in("spillover.db") == before


def test_names_are_the_same_however_their_letters_are_composed(shop):
    assert run("account", "put", "café", "--plan", "starter").status == 0
    assert run("account", "show", "cafe\u0301", "--json").document["plan"] == "starter"
    assert len(run("account", "list", "--json").document["accounts"]) == 2
