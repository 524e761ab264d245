"""An error that a service tells is the error that its engine raised."""

import pytest

from spillover.access.clock import system_clock
from spillover.http_api.endpoint import encode
from spillover.http_api.problems import KINDS, MEDIA, TYPE, Problem, problem_of
from spillover.http_client import requests
from spillover.http_client.calls import Came
from spillover.http_client.holding import Skew
from spillover.http_client.problems import NotAllowed, error_of, problem_in
from spillover.http_client.tries import Tries
from spillover.model import errors


def told(problem):
    return error_of(problem_in(Came(problem.status, encode(problem), MEDIA)), "acme", "k")


@pytest.mark.parametrize(
    "sort",
    [errors.StoreFull, errors.WrongSettings, errors.StoreUnavailable, errors.AccountShut, errors.PartUnavailable,
     errors.Overloaded, errors.Contended, errors.NotSettled, errors.Fault],
)  # fmt: skip
def test_it_is_of_the_same_class_and_says_the_same(sort):
    error = told(problem_of(sort("shop.db: found no space left, expected some; make room")))
    assert type(error) is sort
    assert str(error) == "shop.db: found no space left, expected some; make room"


@pytest.mark.parametrize("sort", [errors.StoreError, errors.NewerSchema, errors.NewerRules, errors.ClockAhead])
def test_other_ways_in_which_a_store_cannot_serve_are_one(sort):
    assert type(told(problem_of(sort("found, expected")))) is errors.StoreUnavailable


def test_every_problem_that_a_service_knows_is_an_error_here():
    for name, kind in KINDS.items():
        error = told(Problem(TYPE + name, kind.title, kind.status, "x: found y, expected z"))
        assert isinstance(error, errors.SpilloverError)
        if kind.status == 503:
            assert isinstance(error, errors.StoreError | errors.Contended), name
    assert isinstance(told(problem_of_refusal("forbidden")), NotAllowed)


def problem_of_refusal(name):
    return Problem(TYPE + name, KINDS[name].title, KINDS[name].status, "authorization: found no key")


NESTED = b'{"x":' + b"[" * 100_000


@pytest.mark.parametrize("sent", [NESTED, b'{"type":"\xff"}', b"\xff\xfe", b"\0" * 10])
@pytest.mark.parametrize("media", ["application/problem+json", "application/json", "text/html"])
@pytest.mark.parametrize("status", [200, 404, 502])
def test_whatever_comes_back_that_is_no_answer_is_told_in_one_line(sent, media, status):
    tries = Tries(requests.consume("acme", "chat.messages", key="k"), "http://shop", 1, 0)
    with pytest.raises(errors.StoreError, match="found") as error:
        tries.read(requests.consume("acme", "chat.messages", key="k"), Came(status, sent, media), 0.5)
    assert "\n" not in str(error.value)
    assert tries.is_away == (status in (404, 502))


@pytest.mark.parametrize(("media", "taken"), [("text/html", False), (MEDIA, True), ("application/json", True)])
def test_the_time_is_the_services_and_not_that_of_a_proxy_before_it(media, taken):
    skew = Skew()
    skew.note(Came(502, b"", media, date="Mon, 02 Mar 2026 09:00:00 GMT"))
    assert (abs(skew.clock() - system_clock()) > 60_000) == taken


@pytest.mark.parametrize("media", [MEDIA, "Application/Problem+JSON; charset=UTF-8"])
def test_a_404_of_the_service_is_its_own_in_whatever_case_a_proxy_writes_its_media_type(media):
    asked = requests.consume("nobody", "chat.messages", key="k")
    tries = Tries(asked, "http://shop", 1, 0)
    said = f'{{"type":"{TYPE}unknown-name","detail":"account: found none","status":404}}'.encode()
    with pytest.raises(errors.UnknownName):
        tries.read(asked, Came(404, said, media), 0.5)
    assert not tries.is_away
