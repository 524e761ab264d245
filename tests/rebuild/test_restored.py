"""After a restore of the books: it is told, and what is ordered and ended anew comes into force though its keys were
used before."""

from pathlib import Path

from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.engine.examining import examine
from spillover.model.health import Sign
from tests.rebuild.support import account_of, back_up, engine, looked, ports, rebuilt, restore_books, shop, standing


def restored(tmp_path: Path) -> str:
    path = tmp_path / "shop.db"
    url = f"sqlite:///{path}"
    with shop(url, ("acme",)) as access:
        access.run(access.desk.push())
        access.settle(tend=False)
        books = path.with_suffix(".backup")
        back_up(path, books)
        access.credits.add("acme", 7, key="after the backup")
        access.holds.commit("acme", "kept", 4)
        access.settle(tend=False)
    restore_books(books, path)
    return url


def test_terms_ordered_after_a_restore_come_into_force(tmp_path: Path) -> None:
    with engine(restored(tmp_path)) as access:
        rebuilt(access, "acme", "restored")
        lot = access.credits.add("acme", 9, key="after the restore")
        assert standing(access, "acme").cells[f"lot:{lot.id}"] == 9_000_000
        access.settle(tend=False)
        assert looked(access, "acme").status == "same"


def test_a_hold_that_a_restore_opened_again_ends_again(tmp_path: Path) -> None:
    with engine(restored(tmp_path)) as access:
        rebuilt(access, "acme", "restored")
        assert "kept" in [hold.key for hold in access.holds.list("acme")]
        access.holds.commit("acme", "kept", 4)
        assert "kept" not in [hold.key for hold in access.holds.list("acme")]


def hot_state(access: Access) -> Sign:
    """What `doctor` says of it."""
    return next(sign for sign in drive(examine(*ports(access), access.desk.clock())) if sign.what == "hot state")


def test_a_hot_state_that_counted_events_which_nobody_has_is_trouble_until_it_is_rebuilt(tmp_path: Path) -> None:
    with engine(restored(tmp_path)) as access:
        account, last = account_of(access, "acme"), standing(access, "acme").sequence
        lost = f"{last - 1} to {last} of id {account} are in neither books nor stream"
        trouble = Sign("hot state", f"ahead of the books: events {lost}", "act", "spillover rebuild --all --check")
        assert hot_state(access) == trouble
        access.consume("acme", "video.seconds", 1, key="decided all the same")  # it waits behind the gap
        access.settle(tend=False)
        assert hot_state(access) == trouble
        rebuilt(access, "acme", "restored")
        assert hot_state(access).level == "fine"
        access.consume("acme", "video.seconds", 1, key="it waits to be settled")
        assert hot_state(access).level == "fine"


def test_a_hot_state_in_a_later_epoch_than_restored_books_is_trouble(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    url = f"sqlite:///{path}"
    with shop(url, ("acme",)) as access:
        access.settle(tend=False)
        back_up(path, path.with_suffix(".backup"))
        rebuilt(access, "acme")
    restore_books(path.with_suffix(".backup"), path)
    with engine(url) as access:
        account = account_of(access, "acme")
        found = f"ahead of the books: id {account} is in epoch 1, there 0"
        assert hot_state(access) == Sign("hot state", found, "act", "spillover rebuild --all --check")
        rebuilt(access, "acme", "restored")
        assert hot_state(access).level == "fine"
