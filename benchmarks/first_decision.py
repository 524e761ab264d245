"""Run as a process of its own: from the import to the first decision, with the time of each step on standard output.

python -m benchmarks.first_decision POLICY DATABASE
"""

from time import perf_counter

begun = perf_counter()
import spillover  # noqa: E402  # the import is what is timed

connect = spillover.connect
imported = perf_counter()


def main(policy_file: str, database: str) -> None:
    """Print milliseconds: import, reading the policy, opening a new file, deciding."""
    import json

    policy = spillover.read_policy(policy_file)
    read = perf_counter()
    access = connect(f"sqlite:///{database}", policy=policy)
    opened = perf_counter()
    decision = access.consume("acme", "chat.messages", subject="ada", key="first")
    decided = perf_counter()
    stamps = {"import": imported - begun, "policy": read - imported, "open": opened - read, "decide": decided - opened}
    access.close()
    print(json.dumps({"allowed": bool(decision)} | {name: took * 1000 for name, took in stamps.items()}))


if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
