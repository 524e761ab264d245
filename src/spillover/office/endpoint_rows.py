"""An endpoint as a row of the office: its lists are JSON."""

from __future__ import annotations

import msgspec

from spillover.ledgers.books.tables import Row
from spillover.ports.notices import Endpoint, EndpointSecret

_json = msgspec.json.encode
_secrets = msgspec.json.Decoder(tuple[EndpointSecret, ...]).decode
_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_ids = msgspec.json.Decoder(tuple[int, ...]).decode


def read_endpoint(row: Row) -> Endpoint:
    """An endpoint of its columns."""
    identity, url, kept, types, accounts, *rest = row
    return Endpoint(identity, url, _secrets(kept), _texts(types), _ids(accounts), *rest)


def terms_of(endpoint: Endpoint) -> tuple[str | int, ...]:
    """What is said of it by whoever keeps it: the columns after its id, to `ended`."""
    lists = (_json(value).decode() for value in (endpoint.secrets, endpoint.types, endpoint.accounts))
    return (endpoint.url, *lists, endpoint.note, endpoint.ended)
