"""What all commands share: an example in their help, `--db`, `--json`, and the forms in which values are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.model.policy import Policy

SPANS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
SCOPE = "feature=video.seconds, or team=blue,red"


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


generated_key = click.option("--key", metavar="KEY", help="Names this order: done once for a key. Made up if left out.")


def key_of(written: str | None) -> str:
    """The key that was given, or a new one."""
    if written is not None:
        return written
    import uuid

    return uuid.uuid4().hex


def span_of(written: str) -> int | None:
    """Milliseconds of a time such as 90s, 15m, 12h, 7d or 4w; None for what is none."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}[smhdw]", written):
        return None
    return int(written[:-1]) * SPANS[written[-1]]


class Span(click.ParamType[int]):
    """A length of time such as 15m, in milliseconds."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds."""
        found = value if isinstance(value, int) else span_of(str(value))
        if found is None:
            self.fail(f"found {value!r}, expected a time such as 90s, 15m, 12h or 7d", param, ctx)
        return found


class Instant(click.ParamType[int]):
    """A date or a time as people and programs write it, in milliseconds.

    ISO 8601, in UTC where no zone is given; or from now on: 7d is in seven days, -2h was two hours ago.
    """

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since 1970."""
        from datetime import UTC, datetime

        from spillover.core.instants import to_instant

        if isinstance(value, int):
            return value
        written = str(value)
        away = span_of(written.lstrip("+-")) if re.match(r"[+-]?[0-9]", written) else None
        if away is not None:
            from spillover.access.clock import system_clock

            return system_clock() + (-away if written.startswith("-") else away)
        try:
            moment = datetime.fromisoformat(written)
            return to_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            expected = "a time such as 2026-01-31, 2026-01-31T12:00:00+01:00, 7d or -2h"
            self.fail(f"found {written!r}, expected {expected}", param, ctx)


class Moment(Instant):
    """An instant that windows can count."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since 1970."""
        from spillover.core.intake import TIME_MAX, TIME_MIN

        found = super().convert(value, param, ctx)
        if not TIME_MIN <= found < TIME_MAX:
            self.fail(f"found {value!r}, expected a time from the years 2020 to 2035", param, ctx)
        return found


class Coming(Moment):
    """An instant in the future."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since 1970."""
        from spillover.access.clock import system_clock

        found = super().convert(value, param, ctx)
        if found <= system_clock():
            self.fail(f"found {value!r}, expected a time in the future; leave it out for at once", param, ctx)
        return found


INSTANT, MOMENT, COMING, SPAN = Instant(), Moment(), Coming(), Span()
when = click.option("--when", type=COMING, metavar="TIME", help="From this time on; at once by default.")
attributes = click.option(
    "--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="A label of the request; repeatable."
)
subject = click.option("--subject", metavar="NAME", help="Who uses, inside the account.")
scopes = click.option(
    "--scope", "scopes", multiple=True, metavar="NAME=VALUES", help=f"What it may be spent on, such as {SCOPE}."
)


def scope_of(written: tuple[str, ...]) -> dict[str, list[str]] | None:
    """What a lot may be spent on: each name with its values."""
    return {name: value.split(",") for name, value in pairs("scope", written, SCOPE).items()} or None


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
        one = count_of(written[0])
        if isinstance(one, int):
            return one
        raise InvalidInput("usage", repr(one), "one whole number, or counts by name, such as input=1200 output=300")
    return {name: count_of(value) for name, value in pairs("usage", written, "input=1200").items()}


def units_of(policy: Policy, feature: str, text: str, field: str = "units") -> int:
    """An amount in a measure as it is typed: whole units, or credits, also for a feature counted by its cost."""
    from spillover.model.amounts import parse_credits

    known = policy.features.get(feature)
    if feature == "credits" or (known and known.count == "cost"):
        return parse_credits(text, field=field)
    count = count_of(text)
    if not isinstance(count, int):
        raise InvalidInput(field, repr(text), "a whole number")
    return count


def count_of(text: str) -> int | str:
    """A whole number, or the text as it is: what is no number the engine's door refuses."""
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text) else text
