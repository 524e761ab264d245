"""Ready while any part of the store works, and what does not is named; not ready where no request is served."""

from spillover.http_api.readiness import OWN
from spillover.model.errors import PartUnavailable, StoreFull, StoreUnavailable, WrongSettings
from tests.cli.support import run
from tests.http_api.inside import inside


class Parts:
    """A hot store of four shards, some of which cannot be read."""

    def __init__(self, store, away):
        self._store, self.away, self.shards = store, away, 4

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def backlog(self, shards=None):
        if self.away & set(range(self.shards) if shards is None else shards):
            raise PartUnavailable("its server is away")
        return await self._store.backlog()


class Troubled:
    """A settler whose last step failed."""

    def __init__(self, trouble):
        self.trouble = trouble

    def start(self):
        """Nothing."""

    def stop(self):
        """Nothing."""


async def is_not_ready(ask):
    answer = await ask("GET", "/readyz")
    return (answer.status, answer.json) == (503, {"status": "not ready"}) and "retry-after" in answer.headers


def test_a_service_is_ready_while_one_part_of_its_store_works():
    async def scene(ask, service, clock):
        assert (await ask("GET", "/readyz")).json == {"status": "ok"}
        service.desk.store = parts = Parts(service.desk.store, {1, 3})
        answer = await ask("GET", "/readyz")
        told = {"status": "ok", "not_working": ["hot state (2 of 4 shards)"]}
        assert (answer.status, answer.json) == (200, told)
        parts.away = {0, 1, 2, 3}
        assert await is_not_ready(ask)

    inside(scene)


def test_trouble_of_settlement_is_told_and_only_what_decisions_meet_too_makes_it_not_ready():
    async def scene(ask, service, clock):
        settler = Troubled(None)
        service.plain.settle_with(settler)
        for trouble in (StoreUnavailable("away"), StoreFull("full"), PartUnavailable("one of three")):
            settler.trouble = trouble
            answer = await ask("GET", "/readyz")
            assert (answer.status, answer.json) == (200, {"status": "ok", "not_working": ["settlement"]})
        for trouble in (*(sort("of this process") for sort in OWN), OSError("unforeseen")):
            settler.trouble = trouble
            assert await is_not_ready(ask), trouble
        assert WrongSettings in OWN  # as of books that go with another hot state by now

    inside(scene)


def test_without_books_a_service_is_ready_as_long_as_it_lets_anybody_in():
    class Ledger:
        async def places(self, **_):
            raise StoreUnavailable("the books are away")

        async def close(self):
            """Nothing."""

    async def scene(ask, service, clock):
        kept, service.desk.ledger = service.desk.ledger, Ledger()
        assert await is_not_ready(ask)  # nobody knows whether there is a key
        assert await service.gate.is_open()
        answer = await ask("GET", "/readyz")
        assert (answer.status, answer.json) == (200, {"status": "ok", "not_working": ["books"]})
        service.desk.ledger = kept

    inside(scene)


def test_books_that_were_moved_away_are_not_ready(tmp_path):
    source, target = (f"sqlite:///{tmp_path / name}" for name in ("old.db", "new.db"))

    async def scene(ask, service, clock):
        assert (await ask("POST", "/v1/accounts/put", {"account": "acme", "plan": "free"})).status == 200
        assert (await ask("GET", "/readyz")).status == 200
        assert run("move", "--from", source, "--to", target).status == 0
        assert await is_not_ready(ask)
        assert (await ask("GET", "/healthz")).status == 200

    inside(scene, url=source)
