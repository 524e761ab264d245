"""Check a box and apply a change: the few lines that every store runs, whatever its language (design, section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spillover.model.commit import Cells, Operation


def apply(cells: Mapping[str, int], operations: Iterable[Operation]) -> Cells | None:
    """The new values of the cells named, or None if one lies outside its range (then nothing is changed).

    An absent cell is 0. No cell is named twice in one commit, so the order of operations does not matter.
    """
    changed: Cells = {}
    for name, low, high, floor, add in operations:
        value = cells.get(name, 0)
        if not low <= value <= high:
            return None
        if floor is not None and value < floor:
            value = floor
        changed[name] = value + add
    return changed
