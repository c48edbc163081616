"""`config`: what is wrong with a home's configuration, where values come from, and what a running node says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p2pchain.config import Home
from tests.cli.conftest import Run


@pytest.fixture
def home(run: Run, tmp_path: Path) -> Home:
    run("init", "--delegate", "--open")
    return Home(tmp_path / "home")


def test_a_check_tells_the_mistakes_of_configuration_and_genesis_together(run: Run, home: Home) -> None:
    assert json.loads(run("config", "check", "--json").stdout) == {"well": True, "problems": []}
    home.config_file.write_text("[p2p]\nlistn = 1\npeers_in_max = -1\n")
    home.genesis_file.write_text(home.genesis_file.read_text().replace("slot_ms = 500", "slot_ms = 1"))
    result = run("config", "check", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["well"]) == (2, False)
    assert [problem["key"] for problem in told["problems"]] == ["p2p.listn", "p2p.peers_in_max", "params.slot_ms"]
    assert told["problems"][0]["source"] == f"{home.config_file}:2"
    words = run("config", "check").stderr
    assert words.count("wanted") == 3
    assert 'did you mean "p2p.listen"?' in words


def test_each_value_is_shown_with_its_origin(run: Run, home: Home) -> None:
    text = home.config_file.read_text()
    home.config_file.write_text(text.replace('level = "info"\n', ""))
    lines = run("config", "show", "--origin", "--set", "node.name=x", P2PCHAIN_P2P_PEERS_IN_MAX="7").stdout.splitlines()
    shown = {line.split(" = ")[0]: line for line in lines}
    assert shown["log.level"].split() == ["log.level", "=", '"info"', "default"]
    assert shown["node.name"].endswith("  flag")
    assert shown["p2p.peers_in_max"].endswith("  environment variable P2PCHAIN_P2P_PEERS_IN_MAX")
    number = text.splitlines().index("flush_blocks = 20") + 1
    assert shown["storage.flush_blocks"].endswith(f"  {home.config_file}:{number}  (next start)")
    told = json.loads(run("config", "show", "--origin", "--json").stdout)
    assert told["log.level"] == {"value": "info", "origin": "default", "source": "default", "live": True}


def test_what_only_a_running_node_knows_is_asked_of_it(run: Run, home: Home) -> None:
    result = run("config", "show", "--running")
    assert result.exit_code == 1
    assert f"no answer from the node at {home.admin_socket}" in result.stderr


def test_a_level_that_is_none_is_wrong_use(run: Run) -> None:
    assert run("config", "log-level", "loud").exit_code == 2
