"""The log of deliveries: messages, with what became of each at each endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spillover.documents.amounts import instant_of, text_of
from spillover.documents.notices import Deliveries, MessageRow, SendingRow, TryRow
from spillover.model.errors import InvalidInput, UnknownName, shown
from spillover.ports.notices import PAGE_MAX, Message, Notices, Sending, Try

LOG_MAX = 1_000
"""Messages of one page."""
_Key = tuple[int, str]


async def deliveries(
    notices: Notices, names: Callable[[int], str | None], *, message: str | None = None, endpoint: str | None = None,
    account: int | None = None, since: int = 0, until: int = 1 << 53, limit: int = 100, after: int = 0,
) -> Deliveries:  # fmt: skip
    """A page of it; `endpoint`: only what went there, `account`: only what is about it. Raises UnknownName, StoreError.

    A page may show fewer messages than asked for, where others went elsewhere: `after` says whether there is more.
    """
    if type(limit) is not int or not 0 < limit <= LOG_MAX:
        raise InvalidInput("limit", shown(limit), f"from 1 to {LOG_MAX:,} messages")
    if message is not None:
        one = await notices.message(message)
        if one is None:
            raise UnknownName("message", shown(message), "the id of a message, msg_...; ended ones stay 30 days")
        found: Sequence[Message] = (one,)
    else:
        found = await notices.messages(since=since, until=until, account=account, limit=limit, after=after)
    sendings: dict[int, list[Sending]] = {one.number: [] for one in found}
    for sending in await notices.sendings(list(sendings)):
        if endpoint is None or sending.endpoint == endpoint:
            sendings[sending.message].append(sending)
    tries = await _tries(notices, found)
    rows = tuple(
        _row(one, sendings[one.number], tries, names)
        for one in found
        if endpoint is None or sendings[one.number] or message is not None
    )
    more = message is None and len(found) >= limit
    return Deliveries(rows, found[-1].number if more else None)


async def _tries(notices: Notices, found: Sequence[Message]) -> dict[_Key, list[Try]]:
    """(message, endpoint) -> its tries, of these messages."""
    kept: dict[_Key, list[Try]] = {}
    if not found:
        return kept
    alone = found[0].number if len(found) == 1 else 0
    wanted, last = {one.number for one in found}, found[-1].number
    after = (found[0].number, "", 0)
    while True:
        page = await notices.tries(message=alone, limit=PAGE_MAX, after=after)
        for one in page:
            if one.message in wanted:
                kept.setdefault((one.message, one.endpoint), []).append(one)
        if len(page) < PAGE_MAX or page[-1].message > last:
            return kept
        after = (page[-1].message, page[-1].endpoint, page[-1].number)


def _row(
    message: Message, sendings: Sequence[Sending], tries: dict[_Key, list[Try]], names: Callable[[int], str | None]
) -> MessageRow:  # fmt: skip
    rows = tuple(
        SendingRow(
            one.endpoint, one.state, instant_of(one.due) if one.state == "waiting" else None,
            tuple(_try(each) for each in tries.get((one.message, one.endpoint), ())),
        )
        for one in sendings
    )  # fmt: skip
    account = names(message.account) if message.account else None
    return MessageRow(message.id, message.type, account, text_of(message.at), rows)


def _try(one: Try) -> TryRow:
    return TryRow(one.number, text_of(one.at), one.status or None, one.ms, one.error or None)
