"""One request from what came to what goes back: find, let in, take, do, tell. It knows no server.

Acts of administrators are written into the office's log before and after.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct, structs

from spillover.http_api import gate
from spillover.http_api.endpoint import JSON, Answer, Call, Caller, Endpoint, Heads, encode
from spillover.http_api.headers import idempotency_key, trace_of
from spillover.http_api.problems import MEDIA, Refused, headers_of, problem_of
from spillover.http_api.reading import from_body, from_query, from_text
from spillover.http_api.service import Service
from spillover.http_api.table import find
from spillover.model.errors import Fault, SpilloverError
from spillover.ports.office import Act

SHOWN = 1_000
"""Characters of a text that the log keeps of what was asked: more than a name or a reason, less than a policy."""
_as_details = msgspec.json.Encoder().encode


class Incoming(Struct):
    """A request as it came. `body` reads what follows the headers, within the service's bounds; raises Refused."""

    method: str
    path: str
    query: str
    heads: Heads
    body: Callable[[], Awaitable[bytes]]


class Outgoing(Struct):
    """What goes back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Handling:
    """Answers requests of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, request: Incoming) -> Outgoing:
        """What goes back; it raises nothing but what ends the connection."""
        service, begun, endpoint, who = self._service, time.perf_counter(), None, ""
        trace, trace_id = trace_of(request.heads)
        try:
            endpoint = find(request.method, request.path)
            caller = await service.gate.caller(endpoint, request.heads)
            who = caller.name
            told = _outgoing(await self._done(endpoint, caller, request, trace_id))
        except (Refused, SpilloverError) as error:
            told = self._problem(error, trace_id)
        except Exception as error:
            service.log.exception("fault", extra={"path": request.path, "trace": trace_id})
            told = self._problem(error, trace_id)
        if trace:
            told.headers.append(("traceparent", trace))
        seconds = time.perf_counter() - begun
        path = endpoint.url if endpoint else "none"
        service.meters.answered(path, told.status, seconds)
        service.log_access(request.method, path, told.status, seconds, who, trace_id)
        return told

    async def _done(self, endpoint: Endpoint, caller: Caller, request: Incoming, trace: str) -> Answer:
        body = await request.body() if endpoint.method == "POST" else b""
        call = Call(self._service, None, caller, request.heads, body, trace)
        if not endpoint.raw:
            call.taken = _taken(endpoint, request, body)
            gate.require_bounds(endpoint, caller, call.taken)
            if endpoint.about == "hold" and caller.features:
                await self._require_hold(call)
        return await (self._logged(endpoint, call) if endpoint.changes else endpoint.handler(call))

    async def _require_hold(self, call: Call) -> None:
        """A key that is bound to features sees and ends only holds on these, also such as ended. Raises Refused."""
        feature = await self._service.feature_of(call.taken.account, call.taken.key)
        if feature is not None:  # else the verb says that there is no such hold
            gate.require_feature(call.caller, feature)

    async def _logged(self, endpoint: Endpoint, call: Call) -> Answer:
        """Write down the act, do it, and write down how it ended."""
        service, taken = self._service, call.taken
        account, reason = getattr(taken, "account", None) or "", getattr(taken, "reason", "")
        act = Act(0, service.now(), call.caller.name, endpoint.path.replace("/", "."), account, reason, _details(taken))
        number = await service.clerk.run(lambda office: office.begin(act))
        outcome = "failed"
        try:
            answer = await endpoint.handler(call)
            outcome = "done"
            return answer
        except (Refused, SpilloverError) as error:
            outcome = str(error)
            raise
        finally:
            await self._end(number, outcome)

    async def _end(self, number: int, outcome: str) -> None:
        service = self._service
        try:
            await service.clerk.run(lambda office: office.end(number, outcome, service.now()))
        except SpilloverError as error:  # what was done is done; the log says that it was begun
            service.log.warning("act %d ended (%s), which could not be written down: %s", number, outcome, error)

    def _problem(self, error: Exception, trace: str) -> Outgoing:
        if isinstance(error, Fault):
            self._service.log.error("fault: %s", error, extra={"trace": trace})
        problem = problem_of(error)
        return Outgoing(problem.status, [("content-type", MEDIA), *headers_of(error)], encode(problem))


def _details(taken: Struct) -> bytes:
    """What was asked, as JSON; of a long text its length. Nothing that is taken is a secret."""
    found = structs.asdict(taken)
    for name, value in found.items():
        if isinstance(value, str) and len(value) > SHOWN:
            found[name] = f"{len(value):,} characters"
    return _as_details(found)


def _taken(endpoint: Endpoint, request: Incoming, body: bytes) -> object:
    """The struct that the endpoint takes, with its key from wherever it stands. Raises Refused."""
    takes = endpoint.takes
    assert takes is not None
    if endpoint.method == "GET":
        return from_query(takes, request.query)
    media = (request.heads.get("content-type") or JSON).partition(";")[0].strip().lower()
    if endpoint.text and media in endpoint.bodies:
        return from_text(takes, request.query, endpoint.text, body)
    if request.query:
        raise Refused("invalid-input", "query: found one, expected everything in the body")
    taken = from_body(takes, body)
    if not endpoint.keyed or (key := idempotency_key(request.heads)) is None:
        return taken
    given = getattr(taken, endpoint.keyed)
    if given is None:
        return structs.replace(taken, **{endpoint.keyed: key})
    if given != key:
        found = f"{endpoint.keyed} {given[:80]!r} and Idempotency-Key {key[:80]!r}"
        raise Refused("two-keys", f"key: found {found}, expected one key, or the same twice", endpoint.keyed)
    return taken


def _outgoing(answer: Answer) -> Outgoing:
    document = answer.document
    body = document if isinstance(document, bytes) else encode(document)
    headers = [("content-type", answer.media), *answer.headers] if body else list(answer.headers)
    if answer.replayed:
        headers.append(("idempotency-replayed", "true"))
    return Outgoing(answer.status, headers, body)
