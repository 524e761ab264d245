"""`spillover`: the group of all commands, and how each of them ends: a status, one line of error, quiet interruptions.

0: done. 1: something was found (audit, policy check). 2: wrong usage, or refused; then nothing was changed. 3: a fault of
the program. 130: interrupted. 141: whoever read the output went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from spillover.cli.accounts import account
from spillover.cli.books import audit, settle
from spillover.cli.explain import explain
from spillover.cli.init import init
from spillover.cli.options import Group
from spillover.cli.policy import policy
from spillover.cli.replay import replay

REFUSED, FAULT, INTERRUPTED, PIPE_CLOSED = 2, 3, 130, 141


class Spillover(Group):
    """The outermost group: whatever happens below ends here, as a status and at most one line."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Run one command and exit with its status."""
        extra["standalone_mode"] = False
        try:
            status = super().main(args, prog_name or "spillover", **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = REFUSED
        except click.ClickException as error:
            status = _refused(_in_own_words(error))
        except (click.Abort, KeyboardInterrupt):
            status = INTERRUPTED
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, context: click.Context) -> Any:
        """Run the command; what it raises becomes its status."""
        from spillover.model.errors import SpilloverError

        try:
            status = super().invoke(context)
            sys.stdout.flush()
        except SpilloverError as error:
            return _refused(str(error))
        except KeyboardInterrupt:
            if sys.stderr.isatty():
                click.echo(err=True)  # the shell's prompt goes on a line of its own, behind ^C
            return INTERRUPTED
        except BrokenPipeError:
            # What is still in the buffer must not fail a second time when the program ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return PIPE_CLOSED
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as fault:
            if os.environ.get("SPILLOVER_TRACEBACK"):
                raise
            what = f"{type(fault).__name__}: {fault}"
            _say(f"a fault of the program ({what}); please report it with the output under SPILLOVER_TRACEBACK=1")
            return FAULT
        return status


def _refused(message: str) -> int:
    _say(message)
    return REFUSED


def _say(message: str) -> None:
    click.echo(f"spillover: {' '.join(message.split())}", err=True)


def _in_own_words(error: click.ClickException) -> str:
    """A mistake in how the command was written, with where to read about it."""
    context = getattr(error, "ctx", None)
    if not isinstance(context, click.Context):
        return error.format_message()
    return f"{error.format_message()} (see {context.command_path} --help)"


@click.group(
    "spillover",
    cls=Spillover,
    example="spillover init shop\ncd shop\nspillover explain acme chat.messages 8\nspillover audit",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(None, "--version", package_name="spillover", message="%(prog)s %(version)s")
def main() -> None:
    """May this request pass, and who pays? Rate limits, gifted units, credits and overage as one waterfall."""


for _command in (init, explain, account, policy, replay, settle, audit):
    main.add_command(_command)
