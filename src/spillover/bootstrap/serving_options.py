"""The options of `spillover serve`, as one table: flags, environment and file are read by it, and the page lists it.

A flag wins over the environment, that over the file (TOML, its names those of the flags with _ for -).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from spillover.model.errors import InvalidInput, shown

Check = Callable[[str, object], object]


class Option(NamedTuple):
    """One option: its name, what it is in words, its default, and what checks and reads a value. `choices` or a form
    (`metavar`) is what its help tells."""

    name: str
    says: str
    default: object
    check: Check
    metavar: str = "TEXT"
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """As it is written on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """As it is written in the environment."""
        return f"SPILLOVER_{self.name.upper()}"


def text(name: str, value: object) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value or any(ord(sign) < 32 for sign in value):
        raise InvalidInput(name, shown(value), "a text")
    return value


def whole(least: int, most: int) -> Check:
    """A whole number between two."""

    def check(name: str, value: object) -> int:
        found = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if type(found) is not int or not least <= found <= most:
            raise InvalidInput(name, shown(value), f"a whole number from {least:,} to {most:,}")
        return found

    return check


def seconds(least: float, most: float) -> Check:
    """A number of seconds between two."""

    def check(name: str, value: object) -> float:
        try:
            found = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
        except ValueError:
            found = -1.0
        if not least <= found <= most:
            raise InvalidInput(name, shown(value), f"seconds, from {least:g} to {most:g}")
        return found

    return check


def one_of(*names: str) -> Check:
    """One of some words."""

    def check(name: str, value: object) -> str:
        if value not in names:
            raise InvalidInput(name, shown(value), f"one of: {', '.join(names)}")
        return str(value)

    return check


def address(name: str, value: object) -> str:
    """HOST:PORT."""
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port[:6]) <= 65_535:
        raise InvalidInput(name, shown(value), "HOST:PORT, such as 127.0.0.1:8081")
    return text(name, value)


def template(name: str, value: object) -> str:
    """The address of a page, in which {account} and {pack} may stand."""
    found = text(name, value)
    bare = found.replace("{account}", "").replace("{pack}", "")
    address = urlsplit(bare)
    if address.scheme not in ("http", "https") or not address.hostname or set(bare) & set('{} \\"<>'):
        expected = (
            "an address with {account} and {pack}, such as https://shop.example/buy?account={account}&pack={pack}"
        )
        raise InvalidInput(name, shown(value), expected)
    return found


def secrets(name: str, value: object) -> tuple[str, ...]:
    """Secrets, with commas between. No error shows one."""
    found = [part.strip() for part in value.split(",")] if isinstance(value, str) else []
    if not found or not all(part.isascii() and part.isprintable() and 8 <= len(part) <= 512 for part in found):
        raise InvalidInput(name, "something else", "a secret such as whsec_..., several with commas between")
    return tuple(found)


def secret(name: str, value: object) -> str:
    """One secret. No error shows it."""
    found = secrets(name, value)
    if len(found) != 1:
        raise InvalidInput(name, f"{len(found)} of them", "one secret")
    return found[0]


def pairs(name: str, value: object) -> dict[str, str]:
    """NAME=VALUE, with commas between."""
    found = [part.partition("=") for part in value.split(",")] if isinstance(value, str) else []
    if not found or not all(key.strip() and said.strip() for key, _, said in found):
        raise InvalidInput(name, shown(value), "DOMAIN=FEATURE, with commas between")
    return {key.strip(): said.strip() for key, _, said in found}


LEVELS = ("error", "warning", "info", "access", "debug")
DURABILITIES = ("strict", "fast")

OPTIONS = (
    Option("db", "The database.", "sqlite:///spillover.db", text, "URL"),
    Option("ledger", "The books of a valkey:// database, if the address does not say.", None, text, "URL"),
    Option("policy", "A policy to decide by, published if it is new; else the one in force.", None, text, "FILE"),
    Option("host", "Where to listen. Without any API key on this machine only.", "127.0.0.1", text, "ADDRESS"),
    Option("port", "Where to listen.", 8080, whole(1, 65_535), "PORT"),
    Option("durability", "Answer after a decision is durable, or before.", "strict", one_of(*DURABILITIES),
           choices=DURABILITIES),
    Option("deadline", "How long a request waits for its turn, in seconds.", 2.0, seconds(0.05, 3600), "SECONDS"),
    Option("journal", "A file for what plans admit while the store cannot be reached.", None, text, "FILE"),
    Option("body_max", "Bytes of a body.", 1_048_576, whole(1_024, 67_108_864), "BYTES"),
    Option("batch_max", "Requests in one batch.", 1_000, whole(1, 100_000), "COUNT"),
    Option("body_timeout", "How long a body may take, in seconds.", 10.0, seconds(0.1, 600), "SECONDS"),
    Option("header_timeout", "How long headers may take and a connection may rest, in seconds.", 15.0, seconds(1, 60),
           "SECONDS"),
    Option("keep_keys", "How long a known key goes on while the database that it lies in is away, in seconds; with a"
           " journal at least an hour.", 60.0, seconds(0, 3600), "SECONDS"),
    Option("drain", "How long accepted requests are answered at the end, in seconds.", 30.0, seconds(0, 3600),
           "SECONDS"),
    Option("share_port", "Let other services on this machine listen on the same port, as for several processes.", "no",
           one_of("yes", "no"), choices=("yes", "no")),
    Option("envoy", "Where to listen for Envoy's rate limit filter (gRPC).", None, address, "HOST:PORT"),
    Option("envoy_account", "The entry of a descriptor that names the account.", "account", text, "NAME"),
    Option("envoy_features", "Features of domains, where no entry `feature` tells: DOMAIN=FEATURE,...", None, pairs,
           "PAIRS"),
    Option("notices", "Watch the books and send webhooks; no: another process does (`spillover webhooks run`).", "yes",
           one_of("yes", "no"), choices=("yes", "no")),
    Option("allow_private", "Let webhooks go to addresses inside this machine's network, there over http too.", "no",
           one_of("yes", "no"), choices=("yes", "no")),
    Option("checkout_url", "Where a pack is bought, told beside a denial; {account} and {pack} are filled in.", None,
           template, "TEMPLATE"),
    Option("stripe_webhook_secret", "Take what Stripe sends, signed by this secret; while it is rotated, by either.",
           None, secrets, "SECRET,..."),
    Option("stripe_key", "Charge automatic top-ups by Stripe, with this secret key.", None, secret, "KEY"),
    Option("stripe_url", "Where Stripe's API is, if not at its own address: a proxy.", None, text, "URL"),
    Option("stripe_money", "Of which money Stripe's events are taken.", "both", one_of("live", "test", "both"),
           choices=("live", "test", "both")),
    Option("log_level", "What is logged; access: a line for each request.", "info", one_of(*LEVELS), choices=LEVELS),
)  # fmt: skip
BY_NAME = {option.name: option for option in OPTIONS}


def settled(given: Mapping[str, object], environment: Mapping[str, str], file: str | None) -> dict[str, Any]:
    """The value of each option. `given`: those of flags that were given. Raises InvalidInput, naming its source."""
    written = {} if file is None else _read(file)
    found: dict[str, Any] = {}
    for option in OPTIONS:
        if option.name in given:
            found[option.name] = option.check(option.flag, given[option.name])
        elif environment.get(option.variable):
            found[option.name] = option.check(option.variable, environment[option.variable])
        elif option.name in written:
            found[option.name] = option.check(f"{file}: {option.name}", written[option.name])
        else:
            found[option.name] = option.default
    return found


def _read(file: str) -> dict[str, object]:
    try:
        with open(file, "rb") as stream:
            found = tomllib.load(stream)
    except OSError as error:
        raise InvalidInput("--config", f"{file}, which cannot be read ({error.strerror})", "a file in TOML") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput("--config", f"{file}, which is no TOML ({error})", "lines such as port = 8080") from None
    for name in found:
        if name not in BY_NAME:
            raise InvalidInput(f"{file}: {name}", "no such option", f"one of: {', '.join(BY_NAME)}")
    return found


def from_environment() -> dict[str, str]:
    """The environment, as far as it is of Spillover."""
    return {name: value for name, value in os.environ.items() if name.startswith("SPILLOVER_")}
