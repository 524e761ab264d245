"""After a restore of the books, what is ordered and ended anew comes into force though its keys were used before."""

from pathlib import Path

from tests.rebuild.support import back_up, engine, looked, rebuilt, restore_books, shop, standing


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
