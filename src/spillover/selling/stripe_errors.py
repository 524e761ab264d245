"""How a call to Stripe ends that does not end well: certainly not done, or not known. No key and no body is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spillover.model.errors import SpilloverError


class Refused(SpilloverError):
    """Stripe will not do it as it was asked; nothing was done. `whole`: nor anything else, as with a wrong key.
    `declined`: the bank said no."""

    def __init__(self, what: str, why: str, *, whole: bool = False, declined: bool = False) -> None:
        super().__init__(f"{what}: Stripe refuses it ({why})")
        self.why, self.whole, self.declined = why, whole, declined


class Doubtful(SpilloverError):
    """It is not known whether Stripe has done it; asked again under the same key it is done once. `busy`: it was not
    begun, as Stripe takes no more just now."""

    def __init__(self, what: str, why: str, *, busy: bool = False) -> None:
        super().__init__(f"{what}: found no answer of Stripe ({why}); it is asked again under the same key")
        self.why, self.busy = why, busy


@contextmanager
def told(what: str) -> Iterator[None]:
    """The library's errors in our words, without what was sent: neither keys nor bodies."""
    import stripe

    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        why = "the key in SPILLOVER_STRIPE_KEY does not open this"
        raise Refused(what, why, whole=True) from error
    except stripe.RateLimitError as error:
        raise Doubtful(what, "it takes no more requests just now", busy=True) from error
    except stripe.IdempotencyError as error:
        raise Doubtful(what, "another request had the same key within a day") from error
    except stripe.CardError as error:
        declined = error.error.decline_code if error.error and "decline_code" in error.error else None
        raise Refused(what, str(declined or error.code or "the card was declined"), declined=True) from error
    except stripe.InvalidRequestError as error:
        if error.http_status == 409:
            raise Doubtful(what, "the same request is under way") from error
        raise Refused(what, _short(error.user_message or error.code)) from error
    except stripe.StripeError as error:  # a connection that broke, 5xx, an answer that is none
        raise Doubtful(
            what, type(error).__name__ if not error.http_status else f"status {error.http_status}"
        ) from error


def _short(text: str | None) -> str:
    return " ".join((text or "without a reason").split())[:200]
