"""`p2pchain sim`: what it prints, and its exit status."""

import json

import pytest
from click.testing import CliRunner

from p2pchain.cli.program import program
from p2pchain.node.consensus import Consensus

NAMES = {"seed", "nodes", "slots", "trace", "final_height", "violations", "markers", "latency_slots", "wall_s", "faults"}
SIM = ["sim", "--seed", "3", "--nodes", "4", "--slots", "20"]


def test_the_json_has_the_names_that_others_rely_on() -> None:
    result = CliRunner().invoke(program, [*SIM, "--faults", "none", "--json"])
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(found) == NAMES
    assert set(found["latency_slots"]) == {"p50", "p99", "max"}
    assert (found["seed"], found["nodes"], found["slots"], found["violations"]) == (3, 4, 20, [])


def test_a_violation_ends_with_status_one_and_the_command_that_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(Consensus, "resend", fail)
    result = CliRunner().invoke(program, [*SIM, "--faults", "none"])
    assert result.exit_code == 1
    assert "VIOLATION  S11" in result.stdout
    assert "p2pchain sim --seed 3 --nodes 4 --slots 20 --faults none" in result.stderr


@pytest.mark.parametrize(("option", "value"), [("--nodes", "0"), ("--slots", "0"), ("--faults", "losss"), ("--crashed", "5")])
def test_an_impossible_world_is_wrong_use_and_names_its_option(option: str, value: str) -> None:
    result = CliRunner().invoke(program, [*SIM, option, value])
    assert result.exit_code == 2
    assert option in result.stderr
