"""Keys are made, read, checked, rotated and revoked by pure functions."""

from __future__ import annotations

import ast
import hashlib
import hmac
import random
import re
from pathlib import Path

import msgspec
import pytest

from spillover.model.account import NEVER
from spillover.model.errors import BoundExceeded, InvalidInput
from spillover.office import keys
from spillover.office.keys import ends, holds, new_key, opens, parse, revoked, rotated
from tests.office.support import DAY, NOW, key_of


def secret_of(text: str) -> str:
    found = parse(text)
    assert found is not None
    return found[1]


def again(count: int) -> bytes:
    return random.Random("again").randbytes(count)


def test_a_key_is_twelve_characters_and_256_random_bits_of_which_only_the_hash_is_kept() -> None:
    asked: list[int] = []

    def randomness(count: int) -> bytes:
        asked.append(count)
        return bytes(range(count))

    key, text = new_key("checkout", ["decide"], (), (), NEVER, NOW, randomness)
    assert re.fullmatch(r"sp_[a-z2-7]{12}_[A-Za-z0-9_-]{43}", text)
    assert sorted(asked) == [8, 32]
    assert text.startswith(f"sp_{key.id}_")
    assert [secret.digest for secret in key.secrets] == [hashlib.sha256(text[-43:].encode()).digest()]
    assert text[-43:].encode() not in msgspec.json.encode(key)
    assert (key.name, key.scopes, key.accounts, key.features, key.created, key.revoked) == (
        "checkout", ("decide",), (), (), NOW, 0,
    )  # fmt: skip


def test_a_key_is_parsed_from_its_text_and_from_nothing_else() -> None:
    key, text = key_of()
    assert parse(text) == (key.id, text[-43:])
    for odd in (
        "", text[:-1], text + "a", text + "\n", " " + text, text.upper(), text.replace("sp_", "sk_"), text[:-1] + "=",
        text[:-1] + "é", "sp_" + "a" * 10_000_000, None, 7, text.encode(), "sp__" + text[-43:], text[:-1] + "\0",
    ):  # fmt: skip
        assert parse(odd) is None


def test_only_its_own_secret_opens_a_key() -> None:
    key, text = key_of()
    _, other = key_of("another")
    assert opens(key, secret_of(text), NOW)
    for wrong in (
        secret_of(other),
        "",
        secret_of(text)[:-1],
        secret_of(text) + "a",
        secret_of(text).swapcase(),
        "\ud800",
    ):
        assert not opens(key, wrong, NOW)
    assert not opens(None, secret_of(text), NOW)
    assert not opens(None, "the secret of no key", 0)
    assert not opens(msgspec.structs.replace(key, secrets=()), secret_of(text), NOW)


def test_a_key_opens_until_its_end_and_not_at_it() -> None:
    key, text = key_of(until=NOW + DAY)
    assert [opens(key, secret_of(text), NOW + at) for at in (0, DAY - 1, DAY, DAY + 1)] == [True, True, False, False]
    assert ends(key) == NOW + DAY


def test_a_revoked_key_opens_nothing_from_then_on_and_stays_revoked_since_then() -> None:
    key, text = key_of()
    ended = revoked(key, NOW + 5)
    assert [opens(ended, secret_of(text), NOW + at) for at in (4, 5, 6)] == [True, False, False]
    assert revoked(ended, NOW + 9) == ended
    assert ends(ended) == NOW + 5
    with pytest.raises(InvalidInput, match=r"^key: found [a-z2-7]{12}, which is revoked, expected one that is not; "):
        rotated(ended, NEVER, NOW, NOW, again)


def test_after_a_rotation_both_secrets_open_until_the_old_one_ends() -> None:
    key, old = key_of(until=NOW + 10 * DAY)
    fresh, text = rotated(key, NEVER, NOW + DAY, NOW, again)
    assert secret_of(text) != secret_of(old)
    assert (fresh.id, fresh.name) == (key.id, key.name)
    assert [opens(fresh, secret_of(old), NOW + at) for at in (0, DAY - 1, DAY)] == [True, True, False]
    assert [opens(fresh, secret_of(text), NOW + at) for at in (0, DAY, 99 * DAY)] == [True, True, True]
    assert not opens(key, secret_of(text), NOW)


def test_a_rotation_never_makes_an_old_secret_live_longer_and_drops_those_that_are_over() -> None:
    key, old = key_of(until=NOW + 5)
    fresh, _ = rotated(key, NEVER, NOW + DAY, NOW, again)
    assert not opens(fresh, secret_of(old), NOW + 5)
    later, _ = rotated(fresh, NEVER, NOW + DAY, NOW + 6, again)
    assert len(later.secrets) == 2
    at_once, _ = rotated(fresh, NEVER, NOW, NOW, again)
    assert len(at_once.secrets) == 1


def test_at_most_four_secrets_of_a_key_are_good_at_the_same_time() -> None:
    key, _ = key_of()
    for _ in range(3):
        key, _ = rotated(key, NEVER, NOW + DAY, NOW, again)
    with pytest.raises(BoundExceeded, match=r"^secrets of a key at the same time: found 5, expected at most 4; "):
        rotated(key, NEVER, NOW + DAY, NOW, again)


@pytest.mark.parametrize(
    ("scopes", "held"),
    [
        (("read",), {"read"}),
        (("decide",), {"read", "decide"}),
        (("admin",), {"read", "decide", "admin"}),
        (("decide", "read"), {"read", "decide"}),
    ],
)
def test_a_wider_scope_holds_the_narrower_ones(scopes: tuple[str, ...], held: set[str]) -> None:
    key, _ = key_of(scopes=scopes)
    assert {scope for scope in ("read", "decide", "admin") if holds(key, scope)} == held  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "name: found '', expected the name of what will use it, such as 'checkout, production': "),
        ({"name": 7}, "name: found 7, expected "),
        ({"scopes": ()}, "scopes: found none, expected at least one of: read, decide, admin"),
        ({"scopes": ("write",)}, "scopes: found 'write', expected one of: read, decide, admin"),
        ({"scopes": (7,)}, "scopes: found 7, expected one of"),
        ({"accounts": "acme"}, "accounts: found 'acme', expected a sequence of names; () for all"),
        ({"accounts": ("",)}, "accounts: found '', expected 1 to 128 printable characters"),
        ({"features": ("a\nb",)}, "features: found 'a\\nb', expected "),
        ({"until": NOW}, f"until: found {NOW}, expected milliseconds since 1970, after now"),
        ({"until": 1.5}, "until: found 1.5, expected "),
        ({"until": 1 << 60}, "until: found 1152921504606846976, expected "),
    ],
)
def test_what_is_no_key_is_refused_in_one_line(wrong: dict[str, object], said: str) -> None:
    good: dict[str, object] = {"name": "a", "scopes": ("read",), "accounts": (), "features": (), "until": NEVER}
    with pytest.raises(InvalidInput) as refused:
        new_key(**{**good, **wrong}, now=NOW, randomness=again)  # type: ignore[arg-type]
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_key_is_bound_to_a_thousand_accounts_at_most() -> None:
    assert len(key_of(accounts=[f"a{n}" for n in range(1000)])[0].accounts) == 1000
    with pytest.raises(BoundExceeded, match=r"^accounts of a key: found 1001, expected at most 1000; "):
        key_of(accounts=[f"a{n}" for n in range(1001)])


def test_secrets_are_compared_in_constant_time_all_of_them_and_one_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    really = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return really(one, other)

    monkeypatch.setattr(keys.hmac, "compare_digest", compare)
    key, old = key_of()
    key, text = rotated(key, NEVER, NOW + DAY, NOW, again)
    for secret in (secret_of(text), secret_of(old), "x"):
        compared.clear()
        opens(key, secret, NOW)
        assert compared == [(hashlib.sha256(secret.encode()).digest(), kept.digest) for kept in key.secrets]
    compared.clear()
    assert not opens(None, "x", NOW)
    assert len(compared) == 1


@pytest.mark.parametrize("module", ["keys.py", "tokens.py"])
def test_no_digest_or_signature_is_compared_by_equality(module: str) -> None:
    tree = ast.parse((Path(keys.__file__).parent / module).read_text("utf-8"))
    compared = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
    ]
    assert not [text for text in compared if re.search(r"digest|_signed|secret|parts\[3\]", text)]
