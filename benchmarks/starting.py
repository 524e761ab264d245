"""From import to the first decision: a new process, a policy file, a database that does not exist yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks.figures import Aim, Figure, Group, in_turn
from benchmarks.scenario import POLICY
from benchmarks.settings import Settings

STEPS = ("import", "policy", "open", "decide")

ABOUT = (
    "From before `import spillover` to the answer, strict, settlement on; the account is new and comes under the"
    " default plan. Beside it: what a process of the interpreter takes from start to end with nothing to do"
)


def measure(settings: Settings, directory: Path) -> Group:
    """Whole, and by step."""
    policy = directory / "benchmark.yaml"
    policy.write_text(POLICY, "utf-8")
    numbers = iter(range(1_000_000))

    def first() -> dict[str, float]:
        return _first(policy, directory / f"first-{next(numbers)}.db")

    first()  # so that no run has to compile modules
    found = in_turn(settings.starts, {"first": first, "bare": _bare})
    bare = [steps["process"] for steps in found["bare"]]
    whole = [sum(steps[step] for step in STEPS) for steps in found["first"]]
    aims = (Aim("value", 300, "at most"),)
    figures = [Figure("import to first decision", "ms", whole, "a bare interpreter", bare, aims)]
    for step in STEPS:
        figures.append(Figure(f"of which {step}", "ms", [steps[step] for steps in found["first"]]))
    return Group("start", figures, ABOUT + ".")


def _first(policy: Path, database: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.first_decision", str(policy), str(database)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    steps = msgspec.json.decode(done.stdout, type=dict[str, float | bool])
    if not steps.pop("allowed"):
        raise RuntimeError("the benchmark expects grants only, found a denial")
    return steps


def _bare() -> dict[str, float]:
    begun = perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return {"process": (perf_counter() - begun) * 1000}
