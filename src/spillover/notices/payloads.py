"""What is sent of a message: `{"type", "timestamp", "data"}`, with names in the place of ids and tokens.

Names are looked up when it is sent, so one that was erased meanwhile is told to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from spillover.documents.amounts import text_of
from spillover.ports.notices import Message

TOKEN = "_token"
"""How the name of a field ends whose value stands for an erasable name."""

_read = msgspec.json.Decoder(dict[str, object]).decode
_write = msgspec.json.Encoder().encode


def body_of(message: Message, account: str | None, names: Callable[[], Mapping[str, str]]) -> bytes:
    """The body. `account`: the name of its account, None where it is of none; `names`: token -> name, of that account.

    The names are asked for only where a field needs them.
    """
    data: dict[str, object] = {} if account is None else {"account": account}
    for field, value in _read(message.data).items():
        if field.endswith(TOKEN):
            data[field.removesuffix(TOKEN)] = names().get(value) if isinstance(value, str) else None
        else:
            data[field] = value
    return _write({"type": message.type, "timestamp": text_of(message.at), "data": data})
