"""Holds of calls under way in LiteLLM's proxy: opened, then charged or released, once, also where that fails."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from spillover.conventions.headers import Pair
from spillover.engine.answers import Decision
from spillover.integrations.answering import Checkout, checkout_of, denied
from spillover.integrations.asking import Asked as Request
from spillover.integrations.asking import ask, limits_beside
from spillover.integrations.litellm_answers import Answer, answer_of
from spillover.integrations.litellm_calls import Asked, NotServed
from spillover.model.errors import Contended, InvalidInput, StoreError

LOG = logging.getLogger("spillover.litellm")
PAUSES = (1, 5, 25)
"""Seconds before an end that failed is tried again."""
WAIT = 5
"""Seconds that LiteLLM waits for an end, which goes on in the background."""


@dataclass
class Held:
    """One call under its hold. `spoken`: its text, where that is to be spoken. `limits`: as headers, told beside it.

    `ended`: "", "released", or "charged".
    """

    asked: Asked
    key: str
    spoken: object
    limits: Sequence[Pair] = ()
    ended: str = ""

    def counts(self, answer: Answer) -> dict[str, int]:
        """What the feature counts of an answer."""
        return {name: count for name, count in self.asked.kind.usage(answer).items() if count}


class Holds:
    """Opens and ends holds. `access`: one of any kind, or a function that gives it, called once."""

    def __init__(self, access: Any, lasts: int | None, checkout: Checkout | None, *, limits: bool) -> None:  # noqa: ANN401
        self._given, self._access = access, None if callable(access) else access
        self._opening = asyncio.Lock()
        self._lasts, self._checkout, self._limits = lasts, checkout, limits
        self._checked: set[int] = set()
        self._under_way: set[asyncio.Task[None]] = set()

    async def open(self, held: Held) -> None:
        """Hold for a call. Raises NotServed, and InvalidInput where the feature does not count what `usage` gives."""
        asked, access = held.asked, await self._opened()
        opening: asyncio.Future[Decision] = asyncio.ensure_future(ask(
            access.open_hold, asked.account, asked.kind.feature, asked.estimate, key=held.key, subject=asked.subject,
            attributes=asked.labels, lasts=self._lasts,
        ))  # fmt: skip
        try:
            decision = await asyncio.shield(opening)
        except asyncio.CancelledError:  # the caller is gone, and nobody would end it
            opening.add_done_callback(lambda _: self._let_go(opening, held))
            raise
        try:
            held.limits = await self._limits_of(access, decision, asked)
            if not decision:
                raise NotServed(denied(decision, held.limits, await checkout_of(decision, self._checkout)))
            await self._check_names(held)
        except BaseException:
            if decision:
                self._begin(self.release(held))
            raise

    async def charge(self, held: Held, counts: dict[str, int], model: str | None, *, estimated: bool) -> None:
        """Commit the usage, once. Where another model answered, or it was released before, it is recorded instead."""
        asked, was_released, labels = held.asked, held.ended == "released", held.asked.labels
        if model is not None and not asked.pinned:
            labels = {**labels, "model": model}
        held.ended = "charged"
        access = await self._opened()

        async def charge() -> None:
            if labels == asked.labels and not was_released:
                await ask(access.holds.commit, asked.account, held.key, counts, estimated=estimated)
                return
            if not was_released:
                await ask(access.holds.release, asked.account, held.key)
            await ask(
                access.record, asked.account, asked.kind.feature, counts, key=f"{held.key}/answered",
                subject=asked.subject, attributes=labels,
            )  # fmt: skip

        await self._through(charge, f"{_name(held)} could not be committed with {counts}; commit it later")

    async def release(self, held: Held) -> None:
        """Give everything back, once."""
        if held.ended:
            return
        held.ended = "released"
        access = await self._opened()

        async def release() -> None:
            await ask(access.holds.release, held.asked.account, held.key)

        await self._through(release, f"{_name(held)} could not be released; it expires")

    async def _limits_of(self, access: Any, decision: Decision, asked: Asked) -> Sequence[Pair]:  # noqa: ANN401
        if not self._limits:
            return ()
        request = Request(asked.account, asked.kind.feature, None, asked.subject, asked.labels)
        return await limits_beside(access, decision, request, ())

    async def _opened(self) -> Any:  # noqa: ANN401  # as above
        async with self._opening:
            if self._access is None:
                found = self._given()
                self._access = await found if inspect.isawaitable(found) else found
        return self._access

    async def _check_names(self, held: Held) -> None:
        """Ask what the feature counts, at the first call of its kind: later ones would be lost when they end."""
        kind = held.asked.kind
        if id(kind) in self._checked:
            return
        access = await self._opened()
        known = (await ask(access.opened, held.asked.account, held.key)).names
        found = [name for name in kind.usage(answer_of(None, None)) if name not in known]
        if found:
            raise InvalidInput("usage", ", ".join(found), f"counts of {kind.feature}: {', '.join(known)}")
        self._checked.add(id(kind))

    def _let_go(self, opening: asyncio.Future[Decision], held: Held) -> None:
        if not opening.cancelled() and opening.exception() is None and opening.result():
            self._begin(self.release(held))

    async def _through(self, work: Callable[[], Coroutine[Any, Any, None]], failed: str) -> None:
        """Do it, again where the store fails for a while. Safe to repeat: an end under its key is one end."""

        async def tries() -> None:
            for pause in (*PAUSES, 0):
                try:
                    await work()
                    return
                except (StoreError, Contended) as error:
                    if not pause:
                        LOG.error("%s: %s", failed, error)
                        return
                except Exception:
                    LOG.exception("%s", failed)
                    return
                await asyncio.sleep(pause)

        await asyncio.wait({self._begin(tries())}, timeout=WAIT)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)  # an event loop itself keeps no task alive
        task.add_done_callback(self._under_way.discard)
        return task


def _name(held: Held) -> str:
    return f"hold {held.key!r} of account {held.asked.account!r}"
