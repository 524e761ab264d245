"""Logs are JSON lines that tell what they are about, and nothing that is nobody's business."""

import io
import json
import logging

import pytest

from spillover.http_api.logs import LEVELS, log_to
from spillover.http_api.service import ACCESS


@pytest.fixture
def restored():
    """The loggers as they were."""
    root, ours = logging.getLogger(), logging.getLogger("spillover")
    kept = (list(root.handlers), root.level, ours.level)
    yield
    root.handlers[:], root.level, _ = kept
    ours.setLevel(kept[2])


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_tells_when_how_bad_and_what(restored):
    stream = io.StringIO()
    log_to(stream, "access")
    log = logging.getLogger("spillover.http")
    log.log(ACCESS, "answered", extra={"method": "GET", "path": "/healthz", "status": 200, "secret": "x"})
    log.debug("not told at this level")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("fault")
    answered, fault = lines(stream)
    assert answered["level"] == "access"
    assert answered["at"].endswith("Z")
    assert {name: answered[name] for name in ("logger", "message", "method", "path", "status")} == {
        "logger": "spillover.http", "message": "answered", "method": "GET", "path": "/healthz", "status": 200,
    }  # fmt: skip
    assert "secret" not in answered
    assert "ValueError: two\nlines" in fault["traceback"]


def test_the_line_for_each_request_has_a_level_of_its_own(restored):
    stream = io.StringIO()
    log_to(stream, "info")
    logging.getLogger("spillover.http").log(ACCESS, "answered")
    logging.getLogger("elsewhere").info("not ours")
    logging.getLogger("elsewhere").warning("bad")
    assert [line["message"] for line in lines(stream)] == ["bad"]
    assert logging.DEBUG < LEVELS["access"] < logging.INFO


def test_every_request_of_a_service_has_its_line(served):
    before = len(served.errors.read_text().splitlines())
    served.get("balance", account="acme")
    served.get("nothing")
    found = [json.loads(line) for line in served.errors.read_text().splitlines()[before:]]
    told = [(line["path"], line["status"], line["who"]) for line in found if line["message"] == "answered"]
    assert told == [("/v1/balance", 200, "anybody on this machine"), ("none", 404, "")]
    assert "acme" not in served.errors.read_text()
