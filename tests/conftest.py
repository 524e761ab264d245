"""What every test room may ask for: real servers (see tests/servers)."""

import tempfile

import pytest

from tests.servers import scratch
from tests.servers.fixtures import (
    cluster_address,
    cluster_server,
    cluster_url,
    postgres15_server,
    postgres15_url,
    postgres_server,
    postgres_url,
    redis7_server,
    redis_address,
    redis_server,
    redis_url,
    valkey_address,
    valkey_server,
    valkey_url,
)

__all__ = [
    "cluster_address",
    "cluster_server",
    "cluster_url",
    "postgres15_server",
    "postgres15_url",
    "postgres_server",
    "postgres_url",
    "redis7_server",
    "redis_address",
    "redis_server",
    "redis_url",
    "valkey_address",
    "valkey_server",
    "valkey_url",
]


def pytest_configure(config: pytest.Config) -> None:
    """Before the first test makes a file."""
    scratch.choose(config.option.markexpr)


def pytest_report_header() -> str:
    return f"files of tests: {tempfile.gettempdir()}"
