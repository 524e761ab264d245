"""Stripe in a service: what it sends is taken, and top-ups are charged, in threads of their own over its engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.util import find_spec
from threading import Event, Thread
from typing import Any, TypeVar, cast

from spillover.access.plain import Access
from spillover.bootstrap.addresses import Address, address_of
from spillover.bootstrap.rungs import open_office
from spillover.bootstrap.topping import asking
from spillover.engine.drive import drive
from spillover.http_api.service import Service
from spillover.model.errors import InvalidInput
from spillover.ports.office import Office
from spillover.selling.charging import Charging
from spillover.selling.records import Ask, Records
from spillover.selling.stripe_calls import Stripe, charge
from spillover.selling.stripe_webhook import Metadata, Webhook

T = TypeVar("T")
THREADS = 4
"""Events that are done at the same time; more wait."""
TIMEOUT_MS = 10_000
"""How long one call to a server may take."""
PATIENCE_S = 5.0
"""How long Stripe is waited for while it waits for us."""
IDLE_SECONDS, BACKOFF_SECONDS = 1.0, 5.0
"""How long the worker rests when nothing was due, and after something failed."""
LOG = logging.getLogger("spillover.stripe")
LIVE = {"live": True, "test": False, "both": None}


async def offer_stripe(
    service: Service, secrets: Sequence[str], *, live: bool | None = None, stripe: Stripe | None = None
) -> None:  # fmt: skip
    """From now on `POST /v1/stripe/webhook` takes what one of these secrets signed.

    `live`: events of live (True) or test (False) money only; None for both. `stripe`: who is asked whose a payment is
    that was never told of, so that disputes of what else is sold there are let go of. For an application that mounts
    the service, too. Raises InvalidInput without the library.
    """
    if find_spec("stripe") is None:
        expected = "the extra stripe: pip install 'spillover[stripe]', or '.[stripe]' in a checkout"
        raise InvalidInput("--stripe-webhook-secret", "no stripe installed", expected)
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="spillover-stripe")
    asked = None if stripe is None else stripe.metadata
    webhook = await loop.run_in_executor(
        threads, _webhook, service, _Asking(service, loop), tuple(secrets), live, asked
    )

    async def hook(body: bytes, signature: str | None) -> tuple[int, str]:
        told = await loop.run_in_executor(threads, webhook.take, body, signature)
        return told.status, told.outcome

    service.stripe = hook


async def offer_stripe_by(service: Service, options: Mapping[str, Any]) -> None:
    """The same, by the options of `serving_options`, where they ask for it."""
    if options["stripe_webhook_secret"]:
        key, url, live = options["stripe_key"], options["stripe_url"], LIVE[options["stripe_money"]]
        stripe = None if key is None else Stripe(key, url=url, timeout=PATIENCE_S, retries=0)
        await offer_stripe(service, options["stripe_webhook_secret"], live=live, stripe=stripe)


@asynccontextmanager
async def charging_by_stripe(service: Service, options: Mapping[str, Any]) -> AsyncIterator[None]:
    """Automatic top-ups are charged while this is entered, where the options have a key. Any number of services may.

    Raises InvalidInput without the library.
    """
    address = address_of(options["db"], options["ledger"])
    if options["stripe_key"] is None or address.kind == "memory":
        yield
        return
    stripe = Stripe(options["stripe_key"], url=options["stripe_url"])
    worker = _Charging(address, service.plain, stripe)
    worker.start()
    try:
        yield
    finally:
        await asyncio.get_running_loop().run_in_executor(None, worker.stop)


class _Charging:
    """Sees to orders in a thread of its own, over an office of its own. What fails is logged once, and tried again."""

    def __init__(self, address: Address, access: Access, stripe: Stripe) -> None:
        self._address, self._access, self._stripe = address, access, stripe
        self._stop = Event()
        self._thread = Thread(target=self._run, name="spillover-charging", daemon=True)
        self._trouble = ""

    def start(self) -> None:
        """Begin; call once."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for the charge under way, and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        rest = 0.0
        while not self._stop.wait(rest):
            try:
                office = open_office(self._address, TIMEOUT_MS)
                try:
                    self._work(office)
                finally:
                    drive(office.close())
            except Exception as error:  # whatever it is: money that came is granted, and orders are charged, later
                if self._trouble != (told := str(error)):
                    LOG.warning("top-ups cannot be charged: %s", told)
                self._trouble, rest = told, BACKOFF_SECONDS
        self._stripe.close()

    def _work(self, office: Office) -> None:
        ask = asking(office)
        step = Charging(ask, self._access, charge(self._stripe, ask)).step
        while not self._stop.is_set():
            seen = step()
            self._trouble = ""
            self._stop.wait(0 if seen else IDLE_SECONDS)


def _webhook(
    service: Service, ask: Ask, secrets: Sequence[str], live: bool | None, metadata: Metadata | None
) -> Webhook:  # fmt: skip
    import stripe  # noqa: F401  # now, not while the first event waits

    return Webhook(service.plain, ask, secrets, live=live, metadata=metadata)


class _Asking:
    """Work on the office, from any thread, in the turn of the service's clerk."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service, self._loop = service, loop

    def __call__(self, work: Callable[[Records], Coroutine[Any, Any, T]]) -> T:
        def done(office: Office) -> Coroutine[Any, Any, T]:
            return work(cast(Records, office))  # the office's tables are one

        return asyncio.run_coroutine_threadsafe(self._service.clerk.run(done), self._loop).result()
