"""Policies: listed, told, checked, published, withdrawn. A document comes as a field, or as the body itself."""

from __future__ import annotations

import asyncio

from spillover.documents.backtests import Backtest
from spillover.documents.publications import Policy as PolicyDocument
from spillover.documents.publications import Publications, Published, Withdrawn
from spillover.http_api import answers
from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.taking import Nothing
from spillover.http_api.taking_office import BacktestPolicy, PolicyHash, PolicyText, PublishPolicy, WithdrawPolicy
from spillover.http_api.words import words
from spillover.model.errors import InvalidInput
from spillover.model.policy import Policy
from spillover.policy import check_policy, read_policy_text

YAML = ("application/yaml", "application/x-yaml", "text/yaml")
"""Media types of a body that is a policy itself; what is beside `policy` stands in the query then."""


async def listed(call: Call) -> Answer:
    """`access.policies.list`."""
    service = call.service
    found = await service.access.policies.list()
    return Answer(Publications.of(service.access.policy, found, now=service.now()))


async def get(call: Call) -> Answer:
    """`access.policies.get`."""
    found = await call.service.access.policies.get(call.taken.hash)
    return Answer(PolicyDocument.of(call.service.access.policy, found), headers=(("etag", f'"{found.hash}"'),))


async def check(call: Call) -> Answer:
    """`spillover.read_policy`, and what is worth knowing of a policy without mistakes."""
    found = await _read(call.taken.policy)
    return Answer(answers.checked(found, check_policy(found)))


async def publish(call: Call) -> Answer:
    """`access.policies.publish`."""
    options = words(call, "policy", instants=("when",))
    done = await call.service.access.policies.publish(await _read(call.taken.policy), **options)
    return Answer(Published.of(call.service.access.policy, done))


async def backtest(call: Call) -> Answer:
    """`spillover.backtest`, on the usage that this service has on its books."""
    service, taken = call.service, call.taken
    if service.backtests is None:
        found, expected = "a service that was opened without it, or over memory", "`spillover serve` over a database"
        raise InvalidInput("backtest", found, expected)
    proposed = await _read(taken.policy)
    against = "" if taken.against is None else (await service.access.policies.get(taken.against)).document
    told = await service.backtests.ask(policy=proposed.document, against=against, limit=taken.limit)
    return Answer(told)


async def withdraw(call: Call) -> Answer:
    """`access.policies.withdraw`."""
    done = await call.service.access.policies.withdraw(**words(call))
    return Answer(Withdrawn.of(call.service.access.policy, done))


async def _read(text: str) -> Policy:
    """Beside the loop: a large document takes a while. Raises PolicyError."""
    if not text.strip():
        raise InvalidInput("policy", "nothing", "a policy in YAML")
    return await asyncio.get_running_loop().run_in_executor(None, lambda: read_policy_text(text, "policy"))


SMALL = """\
spillover: 1
features:
  chat.messages: {unit: message, count: requests, price: {credits: 5}}
  video.seconds: {unit: second, count: seconds, price: {credits: 10}}
plans:
  starter:
    rules:
      - for: [chat.messages, video.seconds]
        waterfall: [{from: units}, {from: credits}]
"""

ROWS = (
    Endpoint(
        "policies/list", "GET", "read", "nothing", "Which policy was, is and will be in force from when.", Nothing,
        Publications, listed,
    ),
    Endpoint(
        "policies/get", "GET", "read", "nothing", "A policy that was published here.", PolicyHash, PolicyDocument, get,
        ("unknown-name",), {"hash": "0" * 64}, borrows={"hash": "policies/list policies.0.hash"},
    ),
    Endpoint(
        "policies/check", "POST", "read", "nothing", "Is this policy sound? Every mistake has its line.", PolicyText,
        answers.Checked, check, ("policy-mistakes",), {"policy": SMALL}, bodies=YAML, text="policy",
    ),
    Endpoint(
        "policies/backtest", "POST", "admin", "all",
        "Whom would this policy deny or serve anew, who would pay? Asked of all usage on the books; nothing changes.",
        BacktestPolicy, Backtest, backtest, ("policy-mistakes", "unknown-name", "bound-exceeded", "busy"),
        {"policy": SMALL, "limit": 10000}, bodies=YAML, text="policy",
    ),
    Endpoint(
        "policies/publish", "POST", "admin", "all", "Decide by this policy from now on, or from an instant on.",
        PublishPolicy, Published, publish, ("policy-mistakes",),
        {"policy": SMALL, "when": "2035-06-01T00:00:00Z", "reason": "summer prices"}, bodies=YAML, text="policy",
    ),
    Endpoint(
        "policies/withdraw", "POST", "admin", "all", "Take back a publication whose instant has not come.",
        WithdrawPolicy, Withdrawn, withdraw, ("unknown-name",), {"number": 2, "reason": "not yet"},
        borrows={"number": "policies/publish number"},
    ),
)  # fmt: skip
