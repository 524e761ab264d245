"""`spillover`: the group of all commands, and how each ends: with a status, at most one line of error, no traceback.

0: done. 1: something was found (audit, policy check), or a request was denied. 2: wrong usage, or refused; then
nothing was changed. 3: a fault of the program. 130: interrupted. 141: whoever read the output went away.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

from spillover.cli.accounts import account
from spillover.cli.alerts import alerts
from spillover.cli.backtest import backtest
from spillover.cli.balance import balance
from spillover.cli.books import audit, settle
from spillover.cli.doctor import doctor
from spillover.cli.explain import explain
from spillover.cli.holds import holds
from spillover.cli.init import init
from spillover.cli.journal import journal
from spillover.cli.keys import keys
from spillover.cli.limits import limits, windows
from spillover.cli.lots import lots
from spillover.cli.move import move
from spillover.cli.options import Group, example
from spillover.cli.packs import packs
from spillover.cli.policy import policy
from spillover.cli.quarantine import quarantine
from spillover.cli.rebuild import rebuild
from spillover.cli.reconcile import reconcile
from spillover.cli.refund import refund
from spillover.cli.replay import replay
from spillover.cli.requests import consume, record
from spillover.cli.serve import serve
from spillover.cli.statement import statement
from spillover.cli.stripe import stripe
from spillover.cli.topups import topups
from spillover.cli.verify import proof, verify
from spillover.cli.webhooks import webhooks

REFUSED, FAULT, INTERRUPTED, PIPE_CLOSED = 2, 3, 130, 141
COMPLETION = "_SPILLOVER_COMPLETE"


@example("spillover init shop", "cd shop", "spillover explain acme chat.messages 8", "spillover audit")
@click.group("spillover", cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(None, "--version", package_name="spillover", message="%(prog)s %(version)s")
def program() -> None:
    """May this request pass, and who pays? Rate limits, gifted units, credits and overage as one waterfall."""


for _command in (
    init, explain, consume, record, holds, account, balance, statement, lots, packs, topups, stripe, limits, windows,
    refund, policy, replay, backtest, settle, audit, verify, proof, doctor, reconcile, rebuild, move, journal,
    quarantine, keys, serve, webhooks, alerts,
):  # fmt: skip
    program.add_command(_command)


def main() -> None:
    """The console script."""
    if COMPLETION in os.environ:
        sys.exit(shell_complete(program, {}, "spillover", COMPLETION, os.environ[COMPLETION]))
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command to its end; its status."""
    try:
        with program.make_context("spillover", list(arguments)) as context:
            status = program.invoke(context)
            sys.stdout.flush()
    except click.exceptions.Exit as ended:  # after --help and --version
        return ended.exit_code
    except (Exception, KeyboardInterrupt) as error:
        return _status_of(error)
    return status if isinstance(status, int) else 0


def _status_of(error: BaseException) -> int:
    """What kept a command from its end, said once and shortly."""
    from spillover.model.errors import SpilloverError

    match error:
        case SpilloverError():
            _say(_for_the_shell(str(error)))
            return REFUSED
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return REFUSED
        case click.ClickException():
            _say(_in_own_words(error))
            return REFUSED
        case KeyboardInterrupt() | click.Abort():
            if sys.stderr.isatty():
                click.echo(err=True)  # the shell's prompt goes on a line of its own, behind ^C
            return INTERRUPTED
        case BrokenPipeError():
            # What is still in the buffer must not fail a second time when the program ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return PIPE_CLOSED
        case _:
            return _fault(error)


def _fault(error: BaseException) -> int:
    if os.environ.get("SPILLOVER_TRACEBACK"):
        raise error
    what = f"{type(error).__name__}: {error}"
    _say(f"a fault of the program ({what}); please report it with the output under SPILLOVER_TRACEBACK=1")
    return FAULT


def _say(message: str) -> None:
    click.echo(f"spillover: {' '.join(message.split())}", err=True)


_VERBS = (
    (r"\(accounts\.put\)", "(`spillover account put`)"),
    (r"\(topups\.(get|set)\)", r"(`spillover topups \1`)"),
    (r"; try again in a second$", "; `spillover settle` books it"),
    (r"with force=True$", "with `spillover policy publish FILE --force`"),
    (r"( hold of '(.*)' of which .*, )`denials` counts", r"\1`spillover account denials \2 --since -2d` counts"),
    (r"with limits\.set instead", "with `spillover limits set` instead"),
    (
        r": connect\(.*, policy=\"policy\.yaml\"\)",
        "; `spillover policy publish FILE --create` publishes one",
    ),
)


def _for_the_shell(message: str) -> str:
    """An engine's message with commands in the place of the verbs of Python."""
    for verb, command in _VERBS:
        message = re.sub(verb, command, message)
    return message


def _in_own_words(error: click.ClickException) -> str:
    """A mistake in how the command was written, with where to read about it."""
    context = getattr(error, "ctx", None)
    if not isinstance(context, click.Context):
        return error.format_message()
    if isinstance(error, click.NoSuchOption) and re.match(r"-[0-9.]", error.option_name):
        return f"found a number below zero, expected one from 0 (see {context.command_path} --help)"
    return f"{error.format_message()} (see {context.command_path} --help)"
