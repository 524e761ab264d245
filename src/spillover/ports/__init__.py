"""What the engine needs of the world, as Protocols; adapters in `stores` and `ledgers` provide it.

Ports are asynchronous, and no adapter suspends: a coroutine runs to its end at once, in the thread that called it, and
`engine.drive` runs it without an event loop. So one engine serves embedded and networked rungs (0006).
"""

from spillover.ports.hot import Again, Claims, Durability, HotStore
from spillover.ports.ledger import Ledger
from spillover.ports.orders import Change, Grant, InBooks, News, Push, Refund, Refunded, Settled, Since, Terms

__all__ = [
    "Again",
    "Change",
    "Claims",
    "Durability",
    "Grant",
    "HotStore",
    "InBooks",
    "Ledger",
    "News",
    "Push",
    "Refund",
    "Refunded",
    "Settled",
    "Since",
    "Terms",
]
