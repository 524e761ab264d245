"""The service over HTTP at work: an engine, the office beside its books, and a server, in one process."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from spillover.access.asynchronous import AsyncAccess
from spillover.access.gather import DEADLINE_SECONDS
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.connect import connect, milliseconds
from spillover.bootstrap.rungs import open_office
from spillover.bootstrap.serving_apart import do_apart
from spillover.bootstrap.serving_envoy import listen_for_envoy
from spillover.bootstrap.serving_notices import noticing, offer_notices, offer_topups
from spillover.bootstrap.serving_stripe import charging_by_stripe, offer_stripe_by
from spillover.engine.deciding import Wish
from spillover.engine.items import Answer
from spillover.http_api.apart import Work
from spillover.http_api.clerk import Clerk
from spillover.http_api.logs import log_to
from spillover.http_api.meters import Meters
from spillover.http_api.service import Bounds, Checkout, Service
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.http_api.server import Place


USUAL = Bounds()


def serve(options: dict[str, Any], say: Callable[[str], None], *, backtest: Work | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `options`: those of `serving_options.settled`; `say` takes lines for a person;
    `backtest`: what tries policies, as for `open_service`.

    Raises InvalidInput, PolicyError, StoreError.
    """
    for module in ("granian", "prometheus_client"):
        if find_spec(module) is None:
            expected = "the extra serve: pip install 'spillover[serve]', or '.[serve]' in a checkout"
            raise InvalidInput("serve", f"no {module} installed", expected)
    log_to(level=options["log_level"])
    work = _serve(options, say, backtest)
    if find_spec("uvloop") is None:
        asyncio.run(work)
    else:
        import uvloop

        uvloop.run(work)


async def open_service(
    url: str, *, ledger: str | None = None, bounds: Bounds = USUAL, backtest: Work | None = None,
    allow_private: bool = False, checkout: Checkout | None = None, **options: Any,  # noqa: ANN401  # those of connect
) -> Service:  # fmt: skip
    """An open service over the database behind an address, to be closed. `options` are those of `connect`.

    For an application that mounts it: `Asgi(await open_service(url))`. `backtest`: what `/v1/policies/backtest` does in
    a process of its own, `spillover.backtest.apart.backtest_apart`; without it that is refused. `allow_private`: also
    webhooks inside the network may be added; `spillover webhooks run --follow` sends them. `checkout`: (account, pack)
    -> the address where it is bought, told beside a denial. Raises as `connect`.
    """
    address = address_of(url, ledger)  # that of a service is none: it is refused before anything is asked of it
    plain = await asyncio.get_running_loop().run_in_executor(None, lambda: connect(url, ledger=ledger, **options))
    meters = Meters()
    setattr(plain, "decide", metered(plain.decide, meters))  # noqa: B010  # before the asynchronous face takes it over
    timeout = milliseconds(options.get("deadline", DEADLINE_SECONDS))
    clerk = Clerk(partial(open_office, address, timeout))
    service = Service(AsyncAccess(plain), plain, clerk, bounds, meters)
    do_apart(service, address, backtest)
    offer_notices(service, allow_private=allow_private)
    offer_topups(service)
    service.checkout = checkout
    return service


def metered(
    decide: Callable[[Sequence[Wish]], list[Answer]], meters: Meters
) -> Callable[[Sequence[Wish]], list[Answer]]:
    """The same, counted."""

    def counted(wishes: Sequence[Wish]) -> list[Answer]:
        begun = time.perf_counter()
        answers = decide(wishes)
        meters.decided(answers, time.perf_counter() - begun)
        return answers

    return counted


async def _serve(options: dict[str, Any], say: Callable[[str], None], backtest: Work | None) -> None:
    from spillover.http_api.server import Place
    from spillover.http_api.server import serve as listen

    bounds = Bounds(options["body_max"], options["body_timeout"], options["batch_max"], options["keep_keys"])
    names = ("ledger", "policy", "durability", "deadline", "journal")
    given: dict[str, Any] = {name: options[name] for name in names}
    given["allow_private"] = options["allow_private"] == "yes"
    given["checkout"] = checkout_at(options["checkout_url"])
    service = await open_service(options["db"], bounds=bounds, backtest=backtest, **given)
    try:
        await _require_keys(service, "--host", options["host"])
        await offer_stripe_by(service, options)
        place = Place(
            options["host"], options["port"], options["header_timeout"], options["drain"],
            options["share_port"] == "yes",
        )  # fmt: skip
        key = "" if await service.gate.is_open() else ' -H "Authorization: Bearer $SPILLOVER_KEY"'
        async with _envoy(service, options), _noticing(service, options), charging_by_stripe(service, options):
            await listen(service, place, lambda: _greet(service, place, key, options["envoy"], say))
    finally:
        await service.close()
    say("stopped; what was accepted is answered and on disk")


def checkout_at(template: str | None) -> Checkout | None:
    """Fills in {account} and {pack}, encoded for an address."""
    if template is None:
        return None
    before = template
    return lambda account, pack: re.sub(
        r"\{(account|pack)\}", lambda found: quote(account if found[1] == "account" else pack, safe=""), before
    )


@asynccontextmanager
async def _envoy(service: Service, options: dict[str, Any]) -> AsyncIterator[None]:
    """Envoy's rate limit service while this is entered, if it is asked for."""
    if options["envoy"] is None:
        yield
        return
    await _require_keys(service, "--envoy", options["envoy"].rpartition(":")[0].strip("[]"))
    listening = await listen_for_envoy(service, options)
    try:
        yield
    finally:
        await listening.stop(options["drain"])


@asynccontextmanager
async def _noticing(service: Service, options: dict[str, Any]) -> AsyncIterator[None]:
    """Webhooks while this is entered, if they are not left to another process."""
    if options["notices"] == "no":
        yield
        return
    address = address_of(options["db"], options["ledger"])
    async with noticing(service, address, allow_private=options["allow_private"] == "yes"):
        yield


async def _require_keys(service: Service, option: str, host: str) -> None:
    """Where no key was ever made, who reaches the service may do everything: then it is this machine only."""
    if is_loopback(host) or not await service.gate.is_open():
        return
    expected = "127.0.0.1 while there is no API key; make one first: spillover keys make NAME --scope admin"
    raise InvalidInput(option, host, expected)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _greet(service: Service, place: Place, key: str, envoy: str | None, say: Callable[[str], None]) -> None:
    host = f"[{place.host}]" if ":" in place.host else place.host
    base, feature = f"http://{host}:{place.port}", next(iter(service.access.policy.features), "FEATURE")
    say(f"listening on {base} (documentation: {base}/docs)")
    say(f"""try: curl -s {base}/v1/consume{key} -d '{{"account": "acme", "feature": "{feature}", "usage": 1}}'""")
    if envoy is not None:
        say(f"listening on {envoy} for Envoy's rate limit filter (gRPC)")
