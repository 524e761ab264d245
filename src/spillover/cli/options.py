"""What all commands share: an example in their help, `--db`, `--json`, and the forms in which values are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.model.policy import Policy


class _WithExample(click.Command):
    """A command whose help ends with an example (its epilog) that can be typed as it stands."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example, line by line as it was written."""
        lines = (self.epilog or "").splitlines()
        if lines:
            with formatter.section("Examples" if len(lines) > 1 else "Example"):
                for line in lines:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Command(_WithExample):
    """One command."""


class Group(_WithExample, click.Group):
    """A command that has commands."""

    command_class = Command


AnyCommand = TypeVar("AnyCommand", bound=click.Command)


def example(*lines: str) -> Callable[[AnyCommand], AnyCommand]:
    """Give a command its example, line by line."""

    def attach(command: AnyCommand) -> AnyCommand:
        command.epilog = "\n".join(lines)
        return command

    return attach


database = click.option(
    "--db",
    envvar="SPILLOVER_DB",
    default="sqlite:///spillover.db",
    show_default=True,
    show_envvar=True,
    metavar="URL",
    help="The database.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON document.")
reason = click.option("--reason", default="", metavar="TEXT", help="Why, for the books.")
actor = click.option("--actor", default="", metavar="NAME", help="Who did this, for the books.")


class Instant(click.ParamType[int]):
    """A date or a time as people and programs write it (ISO 8601, in UTC where no zone is given), in milliseconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since 1970."""
        from datetime import UTC, datetime

        from spillover.core.instants import to_instant

        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
            return to_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            self.fail(f"found {value!r}, expected a time such as 2026-01-31 or 2026-01-31T12:00:00+01:00", param, ctx)


INSTANT = Instant()


def pairs(field: str, written: Iterable[str], example: str) -> dict[str, str]:
    """`name=value` of every entry. Raises InvalidInput for another form and for a name that comes twice."""
    found: dict[str, str] = {}
    for text in written:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InvalidInput(field, repr(text), f"name=value, such as {example}")
        if name in found:
            raise InvalidInput(field, f"{name} twice", "each name once")
        found[name] = value
    return found


def usage_of(written: tuple[str, ...]) -> dict[str, Any] | int | None:
    """A usage as it is typed: nothing, one number, or counts by name. What is no number the engine's door refuses."""
    if not written:
        return None
    if len(written) == 1 and "=" not in written[0]:
        one = _count(written[0])
        if isinstance(one, int):
            return one
        raise InvalidInput("usage", repr(one), "one whole number, or counts by name, such as input=1200 output=300")
    return {name: _count(value) for name, value in pairs("usage", written, "input=1200").items()}


def units_of(policy: Policy, feature: str, text: str) -> int:
    """Units as they are typed: whole ones, or credits for a feature that is counted by its cost."""
    from spillover.model.amounts import parse_credits

    known = policy.features.get(feature)
    if known and known.count == "cost":
        return parse_credits(text, field="units")
    count = _count(text)
    if not isinstance(count, int):
        raise InvalidInput("units", repr(text), "a whole number")
    return count


def _count(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text) else text
