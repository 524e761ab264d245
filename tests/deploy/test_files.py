"""deploy/: its files say what they must, and real servers started by them hold an engine in strict, all fine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ruamel.yaml import YAML

import spillover
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.examining import doctor
from spillover.cli.main import program
from spillover.model.errors import StoreUnavailable
from spillover.policy import read_policy_text
from spillover.postgres.layout import ROLES, USED
from tests import servers
from tests.servers import KeyValue, Postgres
from tests.servers.cluster import Cluster
from tests.servers.keyvalue import packaged_valkey
from tests.servers.postgresql import packaged
from tests.servers.process import wait_for
from tests.support import POLICY

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = ("compose.yaml", "compose.cluster.yaml", "compose.service.yaml")


def composed(name: str) -> dict[str, Any]:
    return YAML(typ="safe").load((DEPLOY / name).read_text("utf-8"))


class ByFile(KeyValue):
    """A Valkey started by configuration files, as compose.yaml starts it; only where it listens and lies differs."""

    def __init__(self, *more: str, **options: str) -> None:
        super().__init__("valkey", packaged_valkey(), options)
        self._options = [part for file in more for part in ("--include", str(DEPLOY / "valkey" / file))]

    def _command(self) -> list[str]:
        here = {"port": str(self.port), "dir": str(self.data), "bind": "127.0.0.1", "loglevel": "warning"}
        here["repl-diskless-sync-delay"] = "0"  # a replica waits for no others
        if "cluster-port" in self.config:
            here |= {"cluster-port": self.config["cluster-port"], "cluster-announce-hostname": "localhost"}
        options = [part for name, value in here.items() for part in (f"--{name}", value)]
        return [str(self.binary), str(DEPLOY / "valkey" / "valkey.conf"), *self._options, *options]


class ByConfig(Postgres):
    """A PostgreSQL started by postgresql.conf, as compose.yaml starts it."""

    def __init__(self) -> None:
        super().__init__(packaged(), {})
        # The last two are of where it runs, and so is the first.
        self.config = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "dynamic_shared_memory_type": "mmap",
        }  # fmt: skip

    def _initialise(self) -> None:
        super()._initialise()
        file = self.data / "deployed.conf"  # where its user may read it
        shutil.copy(DEPLOY / "postgres" / "postgresql.conf", file)
        if self.user is not None and self.group is not None:
            os.chown(file, self.user, self.group)
        self.config["config_file"] = str(file)


@contextmanager
def books() -> Iterator[str]:
    """The URL of the login that 10-roles.sql makes, on a server by postgresql.conf."""
    with ByConfig() as server:
        url = server.new_database()
        with psycopg.connect(url) as connection:
            connection.execute((DEPLOY / "postgres" / "10-roles.sql").read_bytes())
        yield url.replace("postgres@", "spillover_app@")


@contextmanager
def cluster() -> Iterator[str]:
    made = Cluster(3, 0, {})
    for number, node in enumerate(made.nodes):
        node.close()
        made.nodes[number] = ByFile("cluster.conf", **node.config)
    with made:
        yield made.url


@contextmanager
def single() -> Iterator[str]:
    with ByFile() as server:
        yield server.url


@pytest.mark.parametrize("hot", [None, single, cluster], ids=["postgres", "valkey", "cluster"])
def test_servers_by_these_files_hold_an_engine_in_strict_and_the_doctor_finds_all_fine(hot) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(books())
        if hot is not None:
            url = f"{stack.enter_context(hot())}?ledger={url}"
        with spillover.connect(url, policy=read_policy_text(POLICY), durability="strict") as access:
            access.accounts.put("acme", plan="plus")
            access.credits.add("acme", 100, key="order")
            assert access.consume("acme", "video.seconds", 8, key="clip")

            def fine() -> bool:
                return [sign for sign in doctor(url) if sign.level != "fine"] == []

            wait_for(fine, f"found {[sign for sign in doctor(url) if sign.level != 'fine']}")
            found = {sign.what: sign.found for sign in doctor(url)}
            assert found["settlers"] == "1 alive, 64 of 64 shards taken"
            assert (
                len([what for what in found if what.startswith("durability of")])
                == {None: 0, single: 1, cluster: 3}[hot]
            )


def test_a_primary_by_these_files_that_is_cut_off_from_its_replicas_takes_no_writes() -> None:
    with books() as ledger, ByFile("replicas.conf") as primary, ByFile("replicas.conf") as replica:
        url = f"{primary.url}?ledger={ledger}"
        with primary.client() as client, replica.client() as other:
            with (
                pytest.raises(StoreUnavailable, match="NOREPLICAS"),
                spillover.connect(url, policy=read_policy_text(POLICY), settle=False) as access,
            ):
                access.accounts.put("acme", plan="plus")
            other.replicaof("127.0.0.1", primary.port)
            wait_for(lambda: client.wait(1, 100) == 1, "found a replica that does not follow")
            with spillover.connect(url, policy=read_policy_text(POLICY), settle=False) as access:
                access.accounts.put("acme", plan="plus")
                assert access.consume("acme", "video.seconds", 1)
            found = {sign.what: sign for sign in doctor(url)}
            assert found[f"Valkey 127.0.0.1:{primary.port}"].level == "fine"


def test_the_database_roles_are_those_of_the_layout():
    text = (DEPLOY / "postgres" / "10-roles.sql").read_text("utf-8")
    assert set(re.findall(r"CREATE ROLE (\w+) NOLOGIN", text)) == set(ROLES)
    assert set(re.findall(r"\w+", text.partition("GRANT ")[2].partition("TO")[0])) == set(USED)


@pytest.mark.parametrize("name", FILES)
def test_compose_names_only_files_volumes_and_services_that_there_are(name):
    whole, own = composed("compose.yaml"), composed(name)
    services = whole["services"] | own["services"]
    volumes = whole["volumes"].keys() | own["volumes"].keys()
    for service in own["services"].values():
        assert set(service.get("depends_on", ())) <= services.keys()
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source in ("./app", "./prometheus/key"):  # the reader's own program, and key
                continue
            assert (DEPLOY / source).is_file() if source.startswith("./") else source in volumes, volume


@pytest.mark.parametrize("name", FILES)
def test_compose_runs_commands_that_there_are_on_addresses_that_can_be_read(name):
    own = composed(name)
    for service in own["services"].values():
        address = service.get("environment", {}).get("SPILLOVER_DB")
        if address is not None:
            address = re.sub(r"\$\{\w+:\?\}", "secret", address)
            assert address_of(address).kind == ("sqlite" if name == "compose.service.yaml" else "valkey")
            assert "secret" not in str(spillover.bootstrap.addresses.safe(address))
        command = service.get("command", [])
        if service.get("image") == "spillover" and command:
            parse(command)
        check = service.get("healthcheck", {}).get("test", [])
        if "spillover" in check:
            parse(check[check.index("spillover") + 1 :])


def test_in_a_cluster_each_service_has_the_address_of_the_cluster():
    """A node of it under the address of a single server is refused."""
    whole, own = composed("compose.yaml")["services"], composed("compose.cluster.yaml")["services"]
    ours = [name for name, service in whole.items() if service.get("image") == "spillover"]
    assert {"settler", "service", "doctor", "app"} <= set(ours)
    for name in ours:
        merged = whole[name] | own.get(name, {})  # what is said again there counts
        address = merged["environment"]["SPILLOVER_DB"]
        assert re.match(r"valkeys?\+cluster://", address), name
        assert merged["depends_on"] == {"cluster": {"condition": "service_completed_successfully"}}, name


def parse(words: list[str]) -> None:
    """Fails for a command or an option that does not exist; runs nothing."""
    command, rest = program, list(words)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    command.make_context("spillover", rest, resilient_parsing=False).close()


def test_no_password_stands_in_these_files():
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            text = file.read_text("utf-8")
            assert not re.search(r"(PASSWORD|AUTH)[=:] ?['\"]?[A-Za-z0-9]", text), file
            assert not re.search(r"://\w*:[A-Za-z0-9]+@", text), file


def test_the_image_installs_what_this_project_is_and_runs_a_settler_or_the_service():
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", "\n".join(lines))
    assert set(extras.split(",")) == {"valkey", "serve"} <= project["optional-dependencies"].keys()
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            for source in shlex.split(line)[1:-1]:
                assert (ROOT / source).exists(), line
    (entry,) = [YAML(typ="safe").load(line.partition(" ")[2]) for line in lines if line.startswith("ENTRYPOINT")]
    (command,) = [YAML(typ="safe").load(line.partition(" ")[2]) for line in lines if line.startswith("CMD")]
    assert entry[0] in project["scripts"]
    parse(command)


def test_the_example_of_passwords_names_all_that_compose_asks_for():
    asked = {name for file in FILES for name in re.findall(r"\$\{(\w+):\?\}", (DEPLOY / file).read_text("utf-8"))}
    given = set(re.findall(r"^(\w+)=$", (DEPLOY / ".env.example").read_text("utf-8"), re.MULTILINE))
    assert asked == given


def test_the_servers_of_these_tests_are_those_of_the_image_versions():
    images = [service["image"] for service in composed("compose.yaml")["services"].values() if "image" in service]
    with servers.valkey() as valkey, valkey.client() as client:
        major = client.info("server")["valkey_version"].split(".")[0]
    assert f"valkey/valkey:{major}" in images
    assert "postgres:18" in images
