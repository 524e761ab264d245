"""Giving up a move: only until its target begins to serve, so that never two databases decide for one account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spillover.access.plain import Access
from spillover.audit import audit
from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput, SpilloverError, StoreError
from spillover.move import give_up, move, run
from tests.rebuild.support import account_of, engine, looked, meddle, ports, shop
from tests.servers import Databases
from tests.support import clock


@pytest.fixture(params=["file", "server"])
def ends(request: pytest.FixtureRequest, postgres_server: Databases, tmp_path: Path):
    """Addresses of a shop and of nothing yet."""
    if request.param == "file":
        urls = [f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db"]
    else:
        urls = [postgres_server.new_database(), postgres_server.new_database()]
    with shop(urls[0], ("acme", "bolt")):
        pass
    yield urls
    for url in urls:
        if request.param == "server":
            postgres_server.drop_database(url)


def stopped(what: str) -> Callable[[str, int], None]:
    """Whoever looks on interrupts the move there."""

    def told(now: str, _done: int) -> None:
        if now == what:
            raise KeyboardInterrupt

    return told


def interrupted(source: str, target: str, what: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        move(source, target, clock=clock(), told=stopped(what))


def uses(access: Access) -> bool:
    return bool(access.consume("acme", "video.seconds", 1))


def test_a_finished_move_is_not_given_up_and_the_command_that_moves_back_is_told(ends, tmp_path: Path) -> None:
    source, target = ends
    move(source, target, clock=clock())
    with pytest.raises(InvalidInput) as told:
        give_up(source, clock=clock())
    assert str(told.value) == (
        "--give-up: found a finished move, expected one under way;"
        f" move back into an empty database: spillover move --from {target} --to URL"
    )
    with engine(source) as old, pytest.raises(SpilloverError, match="moved to"):
        uses(old)
    with engine(target) as access:
        assert uses(access)
    back = f"sqlite:///{tmp_path}/back.db"
    move(target, back, clock=clock())
    with engine(back) as access:
        assert uses(access)


def test_a_move_that_has_opened_an_account_is_ended_and_not_given_up(ends) -> None:
    source, target = ends
    interrupted(source, target, "accounts opened")
    with pytest.raises(InvalidInput, match="begun to open accounts") as told:
        give_up(source, clock=clock())
    assert str(told.value).endswith(f"end it: spillover move --from {source} --to {target}")
    move(source, target, clock=clock())
    with engine(target) as access:
        access.settle(tend=False)
        assert [looked(access, name).status for name in ("acme", "bolt")] == ["same", "same"]
    with pytest.raises(InvalidInput, match="a finished move"):
        give_up(source, clock=clock())


@pytest.mark.parametrize("where", ["accounts closed", "names", "settled_holds, compared"])
def test_what_the_source_decided_after_a_move_was_given_up_is_never_left_behind(ends, where: str) -> None:
    source, target = ends
    interrupted(source, target, where)
    assert give_up(source, clock=clock()).accounts == 2
    with engine(source) as access:
        access.consume("acme", "video.seconds", 1, key="decided here")
    try:
        move(source, target, clock=clock())
    except StoreError as error:
        assert "begin again, to an empty one" in str(error)  # noqa: PT017 (it had carried rows of before)
        with engine(target) as access, pytest.raises(SpilloverError):
            uses(access)
    else:
        assert where == "accounts closed"
        with engine(target) as access:
            assert drive(ports(access)[0].find(account_of(access, "acme"), "decided here")) is not None


def test_books_that_were_carried_before_a_move_was_given_up_are_not_taken_for_those_of_now(ends, monkeypatch) -> None:
    source, target = ends

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as here:
        here.setattr(run, "_leave", killed)  # after all was carried, before anything is opened
        with pytest.raises(KeyboardInterrupt):
            move(source, target, clock=clock())
    give_up(source, clock=clock())
    with engine(source) as access:
        assert uses(access)
    with pytest.raises(StoreError, match="begin again, to an empty one"):
        move(source, target, clock=clock())
    with engine(target) as access, pytest.raises(SpilloverError):
        uses(access)


def test_a_move_whose_source_was_opened_behind_its_back_opens_nothing(ends) -> None:
    source, target = ends
    given_up: list[int] = []

    def proof(_end: object) -> str:
        """When all was compared."""
        if not given_up:
            given_up.append(give_up(source, clock=clock()).accounts)
        return "the same"

    with pytest.raises(StoreError, match=r"opened again meanwhile \(--give-up\)"):
        move(source, target, clock=clock(), proof=proof)
    assert given_up == [2]
    with engine(source) as access:
        assert uses(access)
    with engine(target) as access, pytest.raises(SpilloverError):
        uses(access)


def test_without_a_move_nothing_is_given_up(ends) -> None:
    source, target = ends
    with engine(source) as access:
        before = [row.epoch for row in drive(ports(access)[1].places(limit=10))]
    with pytest.raises(InvalidInput, match="found no move from this database"):
        give_up(source, clock=clock())
    with engine(source) as access:
        assert [row.epoch for row in drive(ports(access)[1].places(limit=10))] == before
    interrupted(source, target, "settled_holds, compared")
    with pytest.raises(InvalidInput) as told:
        give_up(target, clock=clock())
    assert str(told.value) == f"--from: found the target of a move under way, expected its source, {source}"
    assert give_up(source, clock=clock()).accounts == 2


def test_giving_up_that_was_interrupted_goes_on(ends) -> None:
    source, target = ends
    interrupted(source, target, "names")
    with engine(source) as access:
        books = ports(access)[1]
        places, read = drive(books.places(limit=10)), []

    def told(_what: str, done: int) -> None:
        read.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up(source, clock=clock(), told=told)
    assert read
    assert len(places) == 2
    try:
        give_up(source, clock=clock())
    except InvalidInput as error:
        assert "no move from this database" in str(error)  # noqa: PT017 (all were open by then)
    with engine(source) as access:
        assert [looked(access, name).status for name in ("acme", "bolt")] == ["same", "same"]


def test_a_source_that_has_lost_events_is_moved_and_says_which(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    with shop(f"sqlite:///{source}", ("acme",)) as access:
        access.settle(tend=False)
        access.consume("acme", "video.seconds", 1)
    meddle(source, "DELETE FROM stream")
    report = move(f"sqlite:///{source}", f"sqlite:///{target}", clock=clock())
    assert [str(gap) for _, gap in report.lost] == ["0.22"]
    with engine(f"sqlite:///{source}") as old, pytest.raises(SpilloverError, match=r"target\.db, "):
        uses(old)
    with engine(f"sqlite:///{target}") as access:
        assert uses(access)
        access.settle()
    assert audit(target).findings == ()
