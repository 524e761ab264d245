"""`python -m spillover.demo`, which is what `make demo` runs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--users", type=click.IntRange(1, 100_000), default=2000, show_default=True, help="Accounts of the day.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same day.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Leave all files there.")
def main(users: int, seed: int, keep: Path | None) -> None:
    """A made-up day of two products through one waterfall: decided, settled, audited."""
    from spillover.demo.story import tell
    from spillover.model.errors import SpilloverError

    try:
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            if any(keep.iterdir()):
                raise click.ClickException(f"found files in {keep}, expected a new or an empty directory")
            ok = tell(keep, users, seed, kept=True)
        else:
            with tempfile.TemporaryDirectory(prefix="spillover-demo-") as folder:
                ok = tell(Path(folder), users, seed, kept=False)
    except SpilloverError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main(prog_name="python -m spillover.demo")
