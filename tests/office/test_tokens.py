"""Customers' tokens: what PyJWT makes of ours and we of its, and every forgery that a JWT is known for."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import pytest

from spillover.model.errors import InvalidInput
from spillover.office import tokens
from spillover.office.tokens import DAY_S, BadToken, make, read
from tests.office.support import NOW

SECRET, OTHER = bytes(range(32)), b"o" * 32
S = NOW // 1000
CLAIMS = {"sub": "acme", "exp": S + 60, "iat": S, "jti": "1"}
HEADER = {"alg": "HS256", "typ": "JWT"}


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(claims: Any = CLAIMS, header: Any = HEADER, secret: bytes = SECRET) -> str:
    body = f"{part(header)}.{part(claims)}"
    return f"{body}.{part(hmac.digest(secret, body.encode(), 'sha256'))}"


def but(**changed: Any) -> dict[str, Any]:
    """The claims with these changed; None takes one away."""
    return {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}


def assert_refused(token: Any, now: int = NOW) -> None:
    with pytest.raises(BadToken) as refused:
        read(token, now, SECRET)
    assert str(refused.value) == (
        "token: found one that is not valid now, expected one made for this service; get a new one"
    )


@pytest.mark.parametrize(
    "account", ["acme", "søren & co / 2", "大きな会社", "x" * 128, '"quoted\\"', "\U0001f9c3" * 128]
)
def test_a_token_names_the_account_that_it_was_made_for(account: str) -> None:
    assert read(make(account, 60_000, NOW, SECRET), NOW, SECRET) == account
    assert len(make(account, 60_000, NOW, SECRET)) < tokens.TOKEN_MAX


def test_no_two_tokens_are_the_same() -> None:
    assert len({make("acme", 60_000, NOW, SECRET) for _ in range(100)}) == 100


def test_pyjwt_reads_our_tokens() -> None:
    token = make("acme", 60_000, NOW, SECRET)
    assert jwt.get_unverified_header(token) == HEADER
    no_clock = {"verify_exp": False, "verify_iat": False, "require": ["sub", "exp", "iat", "jti"]}
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options=no_clock)
    assert {name: claims[name] for name in ("sub", "exp", "iat")} == {"sub": "acme", "exp": S + 60, "iat": S}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, OTHER, algorithms=["HS256"], options=no_clock)


def test_we_read_tokens_of_pyjwt() -> None:
    assert read(jwt.encode(CLAIMS, SECRET, algorithm="HS256"), NOW, SECRET) == "acme"
    assert_refused(jwt.encode(CLAIMS, OTHER, algorithm="HS256"))
    assert_refused(jwt.encode(CLAIMS, SECRET * 2, algorithm="HS512"))
    assert_refused(jwt.encode(CLAIMS, None, algorithm="none"))
    assert_refused(jwt.encode(CLAIMS, SECRET, algorithm="HS256", headers={"kid": "../../dev/null"}))


def test_a_token_is_good_until_its_end_and_not_at_it() -> None:
    token = make("acme", 60_000, NOW, SECRET)
    assert read(token, NOW + 59_999, SECRET) == "acme"
    assert_refused(token, NOW + 60_000)
    assert read(make("acme", DAY_S * 1000, NOW, SECRET), NOW + DAY_S * 1000 - 1, SECRET) == "acme"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "JWT"}, {"alg": "None", "typ": "JWT"}, {"alg": "RS256", "typ": "JWT"},
        {"alg": "HS512", "typ": "JWT"}, {"alg": "hs256", "typ": "JWT"}, {"alg": "HS256", "typ": "at+jwt"},
        {"alg": "HS256"}, {"typ": "JWT"}, {}, {"typ": "JWT", "alg": "HS256"}, {**HEADER, "kid": "1"},
        {**HEADER, "crit": ["exp"]}, {**HEADER, "jwk": {"kty": "oct", "k": "AAAA"}},
        b'{"alg": "HS256", "typ": "JWT"}', b"x",
    ],
)  # fmt: skip
def test_any_other_header_is_refused_though_it_is_signed(header: Any) -> None:
    assert_refused(signed(header=header))
    assert_refused(f"{part(header)}.{part(CLAIMS)}.")


@pytest.mark.parametrize(
    "claims",
    [
        but(sub=None), but(exp=None), but(iat=None), but(jti=None), {}, [], "acme", 7, b"", b"{", b"\xff\xfe", b"nul\0",
        but(exp=str(S + 60)), but(exp=S + 60.5), but(exp=float(S + 60)), but(exp=True), but(exp=[S + 60]), but(exp=0),
        but(exp=1 << 53), but(exp=1 << 64), but(exp=10**400), but(exp=-1), but(exp=S), but(exp=S - 1),
        but(exp=float("inf")), but(exp=float("nan")), but(exp=S + DAY_S + 1), but(iat=S + 61, exp=S + 70),
        but(iat=S - DAY_S, exp=S + 1), but(iat=-1, exp=S + 60), but(iat=str(S)), but(iat=float(S)),
        but(sub=""), but(sub=7),        but(sub=["acme"]), but(sub="a\0b"), but(sub="x" * 129), but(sub=" acme"),
        but(jti=""), but(jti=1),
        but(jti="x" * 129), but(nbf=S + 30), but(aud="another service"), but(admin=True), but(Sub="bolt"),
    ],
)  # fmt: skip
def test_any_other_claims_are_refused_though_they_are_signed(claims: Any) -> None:
    assert_refused(signed(claims))


def test_a_clock_that_is_a_minute_ahead_signs_good_tokens() -> None:
    assert read(signed(but(iat=S + 60, exp=S + 90)), NOW, SECRET) == "acme"


def test_no_character_of_a_token_can_be_changed_taken_away_or_added() -> None:
    token = signed()
    for place in range(len(token)):
        for other in ("A", "B", "_", "=", ".", " ", "\n", "é", "\0"):
            if other != token[place]:
                assert_refused(token[:place] + other + token[place + 1 :])
        assert_refused(token[:place] + token[place + 1 :])
    for odd in ("=", "==", ".", "\n", " ", "\0", "A", ".e30", ".AAAA"):
        assert_refused(token + odd)
        assert_refused(odd + token)


def test_padded_or_ordinary_base64_is_refused_though_it_says_the_same() -> None:
    header, claims, signature = signed().split(".")
    for alike in (
        f"{header}=.{claims}.{signature}", f"{header}.{claims}==.{signature}", f"{header}.{claims}.{signature}=",
        f"{header}\n.{claims}.{signature}", f"{header}.{claims}.{signature.replace('-', '+').replace('_', '/')}+",
    ):  # fmt: skip
        assert_refused(alike)
    body = f"{header}.{claims}="
    assert_refused(f"{body}.{part(hmac.digest(SECRET, body.encode(), 'sha256'))}")


def test_the_last_character_of_a_signature_has_one_form() -> None:
    # 43 characters have 2 bits to spare, which decoders let pass: then a token would have four texts.
    token = signed()
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = signs.index(token[-1])
    assert at % 4 == 0
    for other in signs[at + 1 : at + 4]:
        assert base64.urlsafe_b64decode(token.split(".")[2][:-1] + other + "=") == base64.urlsafe_b64decode(
            token.split(".")[2] + "="
        )
        assert_refused(token[:-1] + other)


@pytest.mark.parametrize("odd", [None, 7, b"", signed().encode(), "", ".", "..", "a.b.c", "é.é.é", [signed()]])
def test_what_is_no_token_is_refused(odd: Any) -> None:
    assert_refused(odd)


def test_a_huge_token_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> str:
        raise AssertionError("a huge token was hashed")

    huge = signed(but(jti="x" * 10_000_000))
    monkeypatch.setattr(tokens, "_signed", never)
    assert_refused(huge)
    assert_refused("." * 10_000_000)


def test_the_signature_is_checked_in_constant_time_and_before_the_claims_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[str, str]] = []
    really = hmac.compare_digest
    monkeypatch.setattr(tokens.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or really(a, b))
    read(signed(), NOW, SECRET)
    assert compared == [(signed().split(".")[2],) * 2]
    monkeypatch.setattr(tokens, "_read_claims", lambda _: pytest.fail("unsigned claims were read"))
    assert_refused(signed(secret=OTHER))


@pytest.mark.parametrize("lasts", [0, -1, 999, DAY_S * 1000 + 1, 1000.5, "60000", None, True])
def test_a_token_lasts_from_a_second_to_a_day(lasts: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^lasts: found .*, expected whole milliseconds, from a second to a day$"):
        make("acme", lasts, NOW, SECRET)
    for good in (1000, DAY_S * 1000):
        for now in (NOW, NOW + 1, NOW + 999):
            assert read(make("acme", good, now, SECRET), now, SECRET) == "acme"


def test_no_token_is_made_for_what_is_no_account_or_signed_with_a_weak_secret() -> None:
    with pytest.raises(InvalidInput, match=r"^account: found"):
        make(" acme", 60_000, NOW, SECRET)
    for weak in (b"", b"x" * 31):
        with pytest.raises(InvalidInput, match=r"^secret: found \d+ bytes, expected at least 32$"):
            make("acme", 60_000, NOW, weak)
        with pytest.raises(InvalidInput, match=r"^secret: found"):
            read(signed(secret=weak or b"y"), NOW, weak)
