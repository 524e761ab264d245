"""The form of a map: its published JSON Schema."""

from __future__ import annotations

from functools import cache
from importlib import resources

from spillover.policy.structure import Form


def map_schema() -> str:
    """The JSON Schema (2020-12) of maps, as published for editors and as used by this reader."""
    return (resources.files("spillover.replay") / "map.schema.json").read_text(encoding="utf-8")


@cache
def map_form() -> Form:
    """The form of maps."""
    return Form(map_schema())
