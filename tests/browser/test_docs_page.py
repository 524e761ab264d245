"""/docs in a real browser: it lists what there is, tries it, and shows what comes back as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from spillover.http_api.table import ENDPOINTS
from tests.http_api.conftest import STARTER
from tests.http_api.served import Served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("page"), policy=STARTER) as found:
        assert found.post("accounts/put", {"account": "acme", "plan": "starter"}).status == 200
        yield found


def opened(page: Page, service: Served) -> Page:
    page.goto(f"http://127.0.0.1:{service.port}/docs")
    page.locator("main details").first.wait_for()
    return page


def part(page: Page, path: str) -> Locator:
    """The part of an endpoint, unfolded."""
    found = page.locator("details[data-words]").filter(
        has=page.locator("summary code", has_text=re.compile(f"^{path}$"))
    )
    found.locator("> summary").click()
    return found


def sent(found: Locator) -> str:
    """What an endpoint's part shows after Send."""
    found.get_by_role("button", name="Send").click()
    answer = found.locator("pre.good, pre.bad")
    answer.wait_for()
    return answer.inner_text()


def test_it_lists_every_endpoint_with_what_it_takes(page: Page, service: Served) -> None:
    listed = opened(page, service).locator("details[data-words] > summary code").all_inner_texts()
    assert sorted(listed) == sorted(endpoint.url for endpoint in ENDPOINTS)
    assert "usage" in part(page, "/v1/consume").locator("table").first.inner_text()


def test_an_example_can_be_sent_as_it_stands_by_post_and_by_get(page: Page, service: Served) -> None:
    opened(page, service)
    assert sent(part(page, "/v1/consume")).startswith("200 in ")
    told = sent(part(page, "/v1/balance"))
    assert told.startswith("200 in ")
    assert '"account": "acme"' in told


def test_what_is_refused_is_shown_with_its_problem(page: Page, service: Served) -> None:
    found = part(opened(page, service), "/v1/consume")
    found.locator("textarea").fill('{"account": "acme"}')
    told = sent(found)
    assert told.startswith("422 in ")
    assert "urn:spillover:problem:" in told
    found.locator("textarea").fill("{")
    found.get_by_role("button", name="Send").click()
    page.wait_for_function("() => [...document.querySelectorAll('pre.bad')].some((one) => /JSON/.test(one.innerText))")


def test_finding_leaves_only_what_has_the_words(page: Page, service: Served) -> None:
    opened(page, service).locator("#find").fill("refund")
    page.wait_for_function(
        "() => [...document.querySelectorAll('details[data-words]')].filter((d) => d.offsetParent).length < 5"
    )
    assert page.locator("summary code", has_text="/v1/refund").first.is_visible()
    assert page.locator("main h2").filter(visible=True).count() < 3
    page.get_by_role("button", name="Show endpoints").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('main h2')].filter((one) => one.offsetParent).length < 3"
    )


def test_a_name_that_looks_like_markup_is_shown_as_text(page: Page, service: Served) -> None:
    found = part(opened(page, service), "/v1/accounts/put")
    name = '<img src=x onerror="document.title=1">'
    found.locator("textarea").fill(f'{{"account": "{name.replace(chr(34), chr(92) + chr(34))}", "plan": "starter"}}')
    assert "<img" in sent(found)
    assert page.locator("img").count() == 0
    assert page.title() == "Spillover: endpoints"


def test_once_a_key_was_made_it_asks_for_one_and_works_with_it(page: Page, tmp_path: Path) -> None:
    with Served(tmp_path, policy=STARTER) as service:
        key = service.post("keys/make", {"name": "operator", "scopes": ["admin"]}).json["key"]
        page.goto(f"http://127.0.0.1:{service.port}/docs")
        page.get_by_text("wants a key").wait_for()
        assert page.locator("details").count() == 0
        page.locator("#key").fill(key)
        page.get_by_role("button", name="Show endpoints").click()
        page.locator("main details").first.wait_for()
        assert sent(part(page, "/v1/keys/list")).startswith("200 in ")
        assert key not in page.content()
