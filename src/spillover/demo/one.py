"""One person, one request, three layers: the picture; the same request again; and a denial with its ways out."""

from __future__ import annotations

from rich.text import Text

from spillover.access.plain import Access
from spillover.demo.stage import Stage
from spillover.pictures.staircase import StaircasePicture
from spillover.pictures.wording import amount_text

NAME, FEATURE, SHARP = "maya", "sora.seconds", {"resolution": "1080p"}


def one_request(stage: Stage, access: Access) -> None:
    """Maya has 5 seconds left today, 4 as a gift, and 300 credits; she asks for 20, twice, and then for 20 more."""
    access.accounts.put(NAME, "plus", zone="Europe/Paris")
    access.units.add(NAME, FEATURE, 4, key="a-gift")
    access.credits.add(NAME, "300", paid="27.00 EUR", key="order-1")
    access.consume(NAME, FEATURE, 25, attributes=SHARP, key="clip-1")

    stage.act(
        "One request, three layers",
        "Maya asks for 20 seconds of video. She has 5 left today, 4 as a gift, and 300 credits.",
    )
    told = access.explain(NAME, FEATURE, 20, attributes=SHARP)
    decision = access.consume(NAME, FEATURE, 20, attributes=SHARP, key="clip-2")
    stage.console.print(StaircasePicture(told.staircase, decision))
    stage.console.print(f"\n{decision.sentence}: one decision, on the books before she is answered.")

    stage.act(
        "The same request, sent twice", "Her network failed, so her application sends it again under the same key."
    )
    again = access.consume(NAME, FEATURE, 20, attributes=SHARP, key="clip-2")
    same = again.replayed and again.legs == decision.legs
    stage.console.print(f"{'The same answer' if same else 'ANOTHER ANSWER'}: {again.sentence}. Charged once.")

    stage.act("A denial says how to go on", "She asks for 20 seconds more, which no layer can pay. Nothing is taken.")
    told = access.explain(NAME, FEATURE, 20, attributes=SHARP)
    denied = access.consume(NAME, FEATURE, 20, attributes=SHARP, key="clip-3")
    stage.console.print(StaircasePicture(told.staircase, denied))

    access.settle()
    standing = access.balance(NAME).measures[0]
    amounts = (standing.available, standing.held, standing.settled)
    left, held, settled = (amount_text(access.policy, "credits", amount) for amount in amounts)
    stage.console.print(Text(f"\nHer credits: {left} available, {held} held, {settled} settled."))
