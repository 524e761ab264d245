"""The SQLite store's memory of accounts is bounded, and saves reads."""

import pytest

from spillover.stores.sqlite import SQLiteHotStore, known
from tests.conformance.support import Hot, add, denial, grant, kinds


@pytest.fixture
def hot(tmp_path):
    opened = Hot(SQLiteHotStore(tmp_path / "hot.db", "fast"))
    yield opened
    opened.close()


def remembered(hot: Hot) -> dict[int, int]:
    """Account -> number of its cells in memory, the one used longest ago first."""
    return {id_: len(account.cells) for id_, account in hot.store._known._accounts.items()}


def statements(hot: Hot, action) -> list[str]:
    """The statements that the action runs."""
    ran: list[str] = []
    connection = hot.store._db.connection
    connection.exec_trace = lambda _, sql, __: ran.append(sql) or True
    try:
        action()
    finally:
        connection.exec_trace = None
    return ran


def test_the_accounts_used_longest_ago_are_forgotten_first(hot, monkeypatch):
    monkeypatch.setattr(known, "ACCOUNTS_MAX", 3)
    for account in (1, 2, 3, 1, 4):
        hot.one(grant(add("a", 1), account=account))
    assert list(remembered(hot)) == [3, 1, 4]
    hot.load(3)
    hot.load(2)
    assert list(remembered(hot)) == [4, 3, 2]
    assert [hot.values(account, "a") for account in (1, 2, 3, 4)] == [(2,), (1,), (1,), (1,)]


def test_cells_in_memory_are_bounded_however_few_accounts_hold_them(hot, monkeypatch):
    monkeypatch.setattr(known, "CELLS_MAX", 50)
    for account in range(10):
        for n in range(4):
            hot.one(grant(*(add(f"{n}/{m}", 1) for m in range(5)), account=account))
        assert sum(remembered(hot).values()) <= 50
    assert remembered(hot) == {8: 20, 9: 20}
    hot.one(grant(*(add(f"new/{m}", 1) for m in range(60)), account=9))
    assert remembered(hot) == {}
    assert hot.values(9, "0/0", "new/59") == (1, 1)


def test_what_is_known_is_not_read_again_until_another_connection_writes(hot, tmp_path):
    names = [f"c{n}" for n in range(20)]
    batch = lambda: [grant(*(add(name, 1) for name in names)) for _ in range(8)]  # noqa: E731
    hot.commit(*batch())
    cold = Hot(SQLiteHotStore(tmp_path / "hot.db", "fast"))
    first, second = (statements(cold, lambda: cold.commit(*batch())) for _ in range(2))
    assert len(first) - len(second) >= len(names)
    assert not [sql for sql in second if "FROM hot_accounts" in sql or "FROM cells" in sql]
    hot.acknowledge(hot.read())
    third = statements(cold, lambda: cold.commit(*batch()))
    assert [sql for sql in third if "FROM hot_accounts" in sql]
    assert not [sql for sql in third if "FROM cells" in sql]
    assert kinds(cold.commit(*batch())) == "c" * 8
    cold.close()


def test_accounts_that_were_only_denied_are_forgotten_too(hot, monkeypatch):
    monkeypatch.setattr(known, "ACCOUNTS_MAX", 3)
    for account in range(10):
        hot.one(denial(add("a", 1), account=account))
    assert list(remembered(hot)) == [7, 8, 9]
