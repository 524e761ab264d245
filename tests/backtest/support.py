"""A trace of six requests whose figures can be worked out by hand, and two policies for it."""

from __future__ import annotations

from pathlib import Path

from spillover.model.policy import Policy
from tests.support import policy as shared

T0 = 1_772_323_200_000  # 2026-03-01T00:00:00Z

PRESENT = """
spillover: 1
features:
  images: {unit: image, count: images, price: {credits: 1}}
plans:
  free:
    rules:
      - for: [images]
        waterfall:
          - {from: allowance, windows: [{name: daily, max: 3, every: day, in: UTC}]}
          - from: credits
  pro:
    rules:
      - for: [images]
        waterfall: [{from: allowance, windows: [{name: daily, max: 4, every: day, in: UTC}]}]
"""
PROPOSED = PRESENT.replace("credits: 1}", "credits: 2}").replace("max: 3", "max: 2").replace("max: 4", "max: 6")

MAP = """
spillover_map: 1
time: {column: t, unit: s, epoch: 2026-03-01T00:00:00Z}
account: {column: who}
feature: {is: images}
usage: {images: {column: n}}
accounts:
  plan: {column: plan}
  lots: [{credits: 4, plans: [free]}]
"""

TRACE = """\
t,who,plan,n
0,ada,free,2
1,ada,free,2
2,ada,free,2
3,ada,free,2
4,bob,pro,5
5,bob,pro,1
"""
# present:  2 included | 1 included, 1 for 1 | 2 for 2 | denied, 1 left | denied, 4 < 5 | 1 included
# proposed: 2 included | 2 for 4             | denied  | denied         | 5 included    | 1 included


def policy(text: str) -> Policy:
    return shared(text)


def folder(where: Path, *, trace: str = TRACE, map: str = MAP) -> Path:
    """The trace, its map and both policies as files."""
    for name, text in (("trace.csv", trace), ("map.yaml", map), ("policy.yaml", PRESENT), ("new.yaml", PROPOSED)):
        (where / name).write_text(text)
    return where


def contents(where: Path) -> dict[str, bytes]:
    """Every file with its bytes; empty lock files that SQLite's turns leave do not count."""
    return {path.name: path.read_bytes() for path in sorted(where.iterdir()) if path.stat().st_size}
