"""A job whose length nobody knows: held before, charged for what it took; and a clip that is given back."""

from __future__ import annotations

from rich.text import Text

from spillover.access.plain import Access
from spillover.demo.stage import Stage
from spillover.pictures.tables import table
from spillover.pictures.wording import amount_text

NAME, FEATURE, SHARP = "omar", "sora.seconds", {"resolution": "1080p"}


def one_job(stage: Stage, access: Access) -> None:
    """Omar has 30 seconds today and 300 credits. A job may take 40 seconds and takes 33; then 4 more come out black."""
    access.accounts.put(NAME, "plus", zone="Europe/Paris")
    access.credits.add(NAME, "300", paid="27.00 EUR", key="order-2")

    stage.act(
        "A hold, and a refund",
        "Omar's job may take 40 seconds, so they are held; it takes 33. Then 4 seconds more come out black.",
    )
    held = access.open_hold(NAME, FEATURE, 40, attributes=SHARP, key="job-1")
    rows = [("the job runs", f"held: {held.sentence}", *_credits(access))]
    ended = access.holds.commit(NAME, held.key, 33)
    rows.append(("it is done", ended.sentence, *_credits(access)))
    clip = access.consume(NAME, FEATURE, 4, attributes=SHARP, key="clip-9")
    access.settle()
    rows.append(("4 seconds more", clip.sentence, *_credits(access)))
    refunded = access.refund(NAME, clip.key, key="ticket-1", reason="black frames")
    back = amount_text(access.policy, "credits", sum(amount for _, amount in refunded.lots))
    rows.append(("refunded", f"{back} credits back to the lot that paid", *_credits(access)))
    stage.console.print(table(("", "~answer", ">available", ">held", ">settled"), rows))
    reasons = ", ".join(f"{row.kind} {row.reason}" for row in access.statement(NAME).rows if row.kind == "refund")
    stage.console.print(Text(f"\nIn his statement: {reasons}."))


def _credits(access: Access) -> tuple[str, str, str]:
    """His credits now: available, held, settled."""
    at = access.balance(NAME).measures[0]
    available, held, settled = (
        amount_text(access.policy, "credits", value) for value in (at.available, at.held, at.settled)
    )
    return available, held, settled
