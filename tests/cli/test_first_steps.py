"""What commands say to whoever begins leads on."""

import re

from tests.cli.support import run


def test_init_goes_on_with_commands_that_there_are(folder):
    lines = re.findall(r"^  spillover (.+?)(?:  #.*)?$", run("init").out, re.MULTILINE)
    assert lines[-1] == "serve"
    assert [run(*line.split()).status for line in lines[:-1]] == [0, 0, 0]


def test_a_service_without_a_policy_says_how_to_publish_one(folder):
    run("init", "shop")
    told = run("serve", "--db", "sqlite:///new.db").complaint
    assert told.endswith("; `spillover policy publish FILE --create` publishes one")
    assert not (folder / "new.db").exists()
    assert run("policy", "publish", "shop/policy.yaml", "--create", "--db", "sqlite:///new.db").status == 0
