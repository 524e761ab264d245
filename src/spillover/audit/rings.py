"""Sliding windows: a ring of slots, of which those of the last interval count."""

from __future__ import annotations

from spillover.audit.limits import Kind, Limit, Numbers, Windows


class Ring(Kind):
    """[newest slot, what each place of the ring has]; slot number k lies at place k mod the ring's size."""

    @staticmethod
    def cells(name: str, state: Numbers) -> dict[str, int]:
        return {f"{name}:head": state[0]} | {f"{name}:{place}": used for place, used in enumerate(state[1:])}

    @staticmethod
    def counted(state: Numbers) -> int:
        return sum(state[1:])


class Sliding(Limit):
    """True over any interval of `slot` x `slots`; two slots more stand for the one under way and for clocks ahead."""

    __slots__ = ("slot", "slots")
    slot: int
    slots: int

    def admit(self, held: Windows, name: str, at: int, amount: int) -> int:
        state, slot, size = held.windows.get(name), at // self.slot, self.slots + 2
        if state is None:
            if amount:
                state = [slot, *[0] * size]
                state[1 + slot % size] = amount
                held.keep(name, Ring, state)
                if self.per:
                    held.born(1)
            return self.max
        head = state[0]
        if slot < head - 1:  # what was used then is not known any more, so there is no room
            if slot > head - size:
                state[1 + slot % size] += amount
            return 0
        used = sum(state[1 + one % size] for one in range(max(slot - self.slots, head - size + 1), head + 1))
        if amount:
            for over in range(head + 1, min(slot, head + size) + 1):
                state[1 + over % size] = 0
            if slot > head:
                # Where the head leaps further than the ring, all of it was cleared above.
                state[0] = slot
            state[1 + slot % size] += amount
        return self.max - used if used < self.max else 0

    def since(self, held: Windows, name: str, at: int, later: int) -> int:
        return at // self.slot

    def take_back(self, held: Windows, name: str, at: int, amount: int, since: int) -> None:
        state, size = held.windows.get(name), self.slots + 2
        if state is not None and state[0] - size < since <= state[0]:
            place = 1 + since % size
            state[place] = max(state[place] - amount, 0)
