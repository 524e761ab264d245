"""`spillover serve`: the engine over HTTP."""

from __future__ import annotations

from typing import Any

import click

from spillover.bootstrap.serving_options import OPTIONS, from_environment, settled
from spillover.cli.options import Command, example


def _options(command: click.Command) -> click.Command:
    """One flag for each row of the table. What was not given is looked for elsewhere."""
    for option in OPTIONS:
        default = "" if option.default is None else f" [default: {option.default}]"
        kind = click.Choice(option.choices) if option.choices else click.STRING
        metavar = None if option.choices else option.metavar
        command.params.append(
            click.Option([option.flag, option.name], type=kind, metavar=metavar, help=option.says + default)
        )
    return command


def backtest_apart(question: bytes) -> bytes:
    """A backtest, in a process of its own: that one loads what it needs, and the service, which needs it not, does not.

    Raises as `spillover.backtest.apart.backtest_apart`.
    """
    from spillover.backtest.apart import backtest_apart as answer

    return answer(question)


@_options
@example(
    "spillover serve --db sqlite:///shop.db --policy policy.yaml",
    "spillover serve --config serve.toml --host 0.0.0.0 --port 80",
)
@click.command(cls=Command, short_help="Serve decisions over HTTP.")
@click.option("--config", envvar="SPILLOVER_CONFIG", metavar="FILE", help="A file with these options, in TOML.")
def serve(config: str | None, **given: Any) -> None:  # noqa: ANN401  # texts, by the table's names
    """Serve decisions, holds, reports and everything else over HTTP, until SIGTERM or Ctrl-C.

    Each option can also stand in the environment as SPILLOVER_NAME, or in the file; a flag wins, then the environment.
    Without any API key it listens on this machine only: `spillover keys make` makes one.
    """
    options = settled({name: value for name, value in given.items() if value is not None}, from_environment(), config)
    from spillover.bootstrap.serving import serve as run

    run(options, lambda line: click.echo(line, err=False), backtest=backtest_apart)
