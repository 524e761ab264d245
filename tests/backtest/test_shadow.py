"""A policy in shadow mode: the same figures as a backtest, on live decisions, with bounded memory."""

from spillover.backtest import Shadow, backtest
from spillover.compare.lane import Lane, Standing
from spillover.model.account import Lot, Profile
from spillover.model.request import Request
from tests.backtest.support import PRESENT, PROPOSED, T0, folder, policy

FREE = Profile(1, 1, "free", T0, lots=(Lot(1, "credits"),))
PRO = Profile(2, 1, "pro", T0)
STORY = [("ada", FREE, 2), ("ada", FREE, 2), ("ada", FREE, 2), ("ada", FREE, 2), ("bob", PRO, 5), ("bob", PRO, 1)]


class World:
    """Live decisions by the present policy, shadowed."""

    def __init__(self, **options) -> None:
        self.policy = policy(PRESENT)
        self.live = Lane(self.policy)
        self.shadow = Shadow(policy(PROPOSED), **options)
        self.standings: dict[str, Standing] = {}
        self.asked_left = 0

    def ask(self, name: str, profile: Profile, units: int, at: int, lots=((1, 4_000_000),)) -> None:
        standing = self.standings.get(name)
        if standing is None:
            standing = self.standings[name] = Standing(profile, {f"lot:{lot}": amount for lot, amount in lots})
        standing.profile = profile
        request = Request(profile.account, "images", {"images": units}, f"row-{at - T0}")
        before = {lot.id: standing.cells.get(f"lot:{lot.id}", 0) for lot in profile.lots}
        answer = self.live.answer(standing, name, request, at)

        def left():
            self.asked_left += 1
            return before

        def sentence():
            return self.live.sentence(standing, name, request, at, answer)

        self.shadow.take(name, profile, request, at, answer, policy=self.policy, left=left, sentence=sentence)


def told(**options) -> World:
    world = World(**options)
    for second, (name, profile, units) in enumerate(STORY):
        world.ask(name, profile, units, T0 + second * 1000)
    return world


def test_a_shadow_gives_the_figures_of_a_backtest(tmp_path):
    folder(tmp_path)
    played = backtest(tmp_path / "new.yaml", trace=tmp_path / "trace.csv", map=tmp_path / "map.yaml")
    found = told().shadow.comparison()
    assert (found.present, found.proposed, found.difference) == (played.present, played.proposed, played.difference)
    assert found.groups == played.groups
    assert [one.first.sentence for one in found.newly_denied.by_account] == [
        one.first.sentence for one in played.newly_denied.by_account
    ]
    assert found.newly_served.by_account[0].first.sentence == "denied: the window daily has 4 left"


def test_lots_begin_with_what_the_live_account_has_left_when_it_is_first_seen():
    world = World()
    world.ask("ada", FREE, 3, T0, lots=((1, 1_000_000),))
    found = world.shadow.comparison()
    assert found.proposed.denied[0].kind == "credits", "2 included, the third costs 2 and 1 is left"
    assert world.asked_left == 1


def test_a_lot_that_comes_later_begins_with_what_it_has_then():
    world = World()
    world.ask("ada", FREE, 2, T0, lots=())
    assert world.shadow.comparison().proposed.layers[0].units == 2
    richer = Profile(1, 2, "free", T0, lots=(Lot(1, "credits"), Lot(2, "credits")))
    world.standings["ada"].put("lot:2", 2_000_000)
    world.ask("ada", richer, 1, T0 + 1)
    world.ask("ada", richer, 1, T0 + 2)
    found = world.shadow.comparison()
    assert (found.proposed.granted, found.proposed.credits.credits) == (2, "2")
    assert world.asked_left == 2


def test_a_lot_that_was_seen_before_goes_on_as_the_shadow_has_spent_it():
    world = World()
    world.ask("ada", FREE, 3, T0)  # the shadow spends 2 of 4, the live policy nothing
    richer = Profile(1, 2, "free", T0, lots=(Lot(1, "credits"), Lot(2, "credits")))
    world.ask("ada", richer, 1, T0 + 1)
    world.ask("ada", richer, 1, T0 + 2)
    found = world.shadow.comparison()
    assert (found.proposed.granted, found.proposed.denials, found.proposed.credits.credits) == (2, 1, "4")


def test_the_account_unused_for_longest_is_forgotten_first():
    world = World(accounts_max=2)
    other = Profile(3, 1, "pro", T0)
    for second, (name, profile) in enumerate([("ada", FREE), ("bob", PRO), ("ada", FREE), ("cleo", other)]):
        world.ask(name, profile, 1, T0 + second * 1000)
    assert sorted(world.shadow._standings) == ["ada", "cleo"]


def test_an_account_with_too_many_cells_begins_anew(monkeypatch):
    monkeypatch.setattr("spillover.compare.shadow.CELLS_MAX", 1)
    world = World()
    for second in range(3):
        world.ask("bob", PRO, 4, T0 + second * 1000)
    assert world.asked_left == 3
    assert world.shadow.comparison().proposed.granted == 3


def test_accounts_that_make_room_leave_their_sums():
    world = told(accounts_max=1)
    found = world.shadow.comparison()
    assert (found.accounts, found.forgotten) == (2, 1)
    assert (found.present.requests, found.newly_denied.requests, found.newly_denied.accounts) == (6, 1, 1)
    assert not found.newly_denied.by_account
    assert len(world.shadow._standings) == 1


def test_a_shadow_of_the_live_policy_differs_nowhere():
    world = World()
    world.shadow = Shadow(policy(PRESENT))
    for second, (name, profile, units) in enumerate(STORY):
        world.ask(name, profile, units, T0 + second * 1000)
    assert world.shadow.comparison().same
