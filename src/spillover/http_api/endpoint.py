"""An endpoint as a row of the table, the call that its handler gets, and the answer that it gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from spillover.ports.office import Scope

if TYPE_CHECKING:
    from spillover.http_api.service import Service

About = Literal["feature", "requests", "hold", "account", "all", "nothing"]
"""What a call is about, and so which bounds of a key it must lie in.

`feature`: an account and a feature of it. `requests`: many of these. `hold`: an account and, by the hold, a feature.
`account`: an account as a whole. `all`: every account. `nothing`: what is no account's.
"""

JSON = "application/json"


class Caller(Struct, frozen=True):
    """Who calls: the key's name and id, and what it is bound to; () for all. `customer`: it came with a token."""

    name: str
    id: str = ""
    scopes: tuple[Scope, ...] = ("admin",)
    accounts: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    customer: bool = False


class Call(Struct):
    """One call: what it takes, by whom, and what its handler may use. `body` and `heads` are as they came."""

    service: Service
    taken: Any
    caller: Caller
    heads: Heads
    body: bytes = b""
    trace: str = ""


class Answer(Struct):
    """What a call is answered: a document, or bytes of a media type. `replayed`: it was answered before."""

    document: object
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    media: str = JSON
    replayed: bool = False


Handler = Callable[[Call], Awaitable[Answer]]


class Heads:
    """The headers of a request, by names in lower case."""

    __slots__ = ("_one", "_pairs")

    def __init__(self, one: Callable[[str], str | None], pairs: Callable[[], list[tuple[str, str]]]) -> None:
        self._one, self._pairs = one, pairs

    def get(self, name: str) -> str | None:
        """The first header of that name."""
        return self._one(name)

    def items(self) -> list[tuple[str, str]]:
        """All of them."""
        return self._pairs()


class Endpoint(Struct, frozen=True):
    """One row. `path` is the verb of Python with / for the dot, below /v1/ unless it begins with a /.

    `takes`: the struct of the body, or of the query of a GET; None for nothing. `bodies`: media types of a body that is
    not JSON of that struct. `raw`: the handler reads the body itself, and looks at the bounds of the key. `text`: the
    field that a body of `bodies` is; what is beside it stands in the query then. `answers`: the struct of the answer,
    or a tuple of those of which it is one; None where it is no JSON. `errors`: those of its own, besides what any call
    can meet. `example`: what can be sent as it stands, where calls before it in the table were made; `borrows`: field
    -> "PATH FIELD", what it takes from such an answer. `keyed` is the field that Idempotency-Key fills. `customer`: a
    customer's token opens it for its own account. `id`: what programs call it, where that is not its path.
    """

    path: str
    method: Literal["GET", "POST"]
    scope: Scope | Literal["open"]
    about: About
    does: str
    takes: type[Struct] | None
    answers: Any
    handler: Handler
    errors: tuple[str, ...] = ()
    example: Mapping[str, object] = {}
    borrows: Mapping[str, str] = {}
    bodies: tuple[str, ...] = ()
    keyed: str = ""
    raw: bool = False
    text: str = ""
    customer: bool = False
    media: str = JSON
    id: str = ""

    @property
    def name(self) -> str:
        """What programs call it; every endpoint has another."""
        return self.id or self.path.strip("/").replace("/", "_").replace("-", "_").replace(".", "_")

    @property
    def url(self) -> str:
        """The whole path."""
        return self.path if self.path.startswith("/") else f"/v1/{self.path}"

    @property
    def changes(self) -> bool:
        """Whether it is an act of an administrator, to be written down."""
        return self.method == "POST" and self.scope == "admin"


encode = msgspec.json.Encoder().encode
