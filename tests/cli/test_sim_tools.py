import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from p2pchain.cli.simulating import many
from p2pchain.cli.simulating.state_file import open_state
from p2pchain.sim.findings import Violation
from p2pchain.sim.many import Outcome, Plan
from p2pchain.sim.run import Latency
from p2pchain.sim.sizes import Sizes
from tests.cli.conftest import Run
from tests.sim.tasks import die_for_seed_2

SHORT = ("--slots", 20, "--faults", "none")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("--many 0", "--many"),
        ("--many -1", "--many"),
        ("--many x", "--many"),
        ("--many 5 --jobs 0", "--jobs"),
        ("--many 5 --jobs 100000", "--jobs"),
        ("--jobs 2", "--jobs"),
        ("--state x", "--state"),
        ("--many 5 --report x.html", "--report"),
        ("--many 5 --state no/such/folder/x", "--state"),
        ("--many 5 --nodes 31..4", "--nodes"),
        ("--many 5 --nodes 1..4 --faults equivocate", "--faults"),
        ("--many 5 --seed 9223372036854775806", "--seed"),
        ("--nodes 0", "--nodes"),
        ("--nodes 4.5", "--nodes"),
        ("--nodes 102", "--nodes"),
        ("--faults nonsense", "--faults"),
        ("--crashed 5", "--crashed"),
        ("--slots 0", "--slots"),
        ("--seed -1", "--seed"),
        ("--report no/such/folder/x.html", "--report"),
        ("--report .", "--report"),
        ("--report x.html --nodes 31 --slots 100000", "--report"),
    ],
)
def test_an_impossible_wish_is_exit_status_2_and_names_its_option(
    run: Run, arguments: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("sim", *arguments.split())
    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_range_of_nodes_is_settled_by_the_seed_and_the_command_names_the_number(run: Run) -> None:
    found = json.loads(run("sim", "--seed", 8, "--nodes", "4..9", *SHORT, "--json").stdout)
    assert found["nodes"] == Sizes(4, 9).draw(8)
    again = json.loads(run("sim", "--seed", 8, "--nodes", found["nodes"], *SHORT, "--json").stdout)
    assert again["trace"] == found["trace"]


def test_many_seeds_are_summed_up_and_each_is_what_it_is_alone(run: Run, tmp_path: Path) -> None:
    state = tmp_path / "state"
    result = run("sim", "--seed", 5, "--many", 4, "--jobs", 2, *SHORT, "--state", state, "--json")
    assert result.exit_code == 0
    sums = json.loads(result.stdout)
    assert (sums["seeds"], sums["slots"], sums["violations"], sums["failures"]) == (4, 80, {}, [])
    alone = json.loads(run("sim", "--seed", 7, *SHORT, "--json").stdout)
    with open_state(state, Plan(5, 4, Sizes(4, 4), 20, frozenset())) as kept:
        assert set(kept.known) == {5, 6, 7, 8}
        assert kept.known[7].final_height == alone["final_height"]


def test_what_is_known_is_not_run_again(run: Run, tmp_path: Path) -> None:
    plan = Plan(1, 2, Sizes(4, 4), 20, frozenset())
    made_up = Outcome(1, 4, 20, 1_000_000, (), {}, Latency(0.0, 0.0, 0.0), 0.0, "again")
    with open_state(tmp_path / "state", plan) as state:
        state.add(made_up)
    sums = json.loads(run("sim", "--many", 2, "--jobs", 1, *SHORT, "--state", tmp_path / "state", "--json").stdout)
    assert sums["seeds"] == 2
    assert 1_000_000 < sums["final_blocks"] <= 1_000_020


def test_another_commands_state_is_exit_status_2(run: Run, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert run("sim", "--many", 1, "--jobs", 1, *SHORT, "--state", state).exit_code == 0
    result = run("sim", "--many", 1, "--slots", 21, "--faults", "none", "--state", state)
    assert result.exit_code == 2
    assert "--slots 20" in result.stderr
    assert "--slots 21" in result.stderr


def test_a_worker_that_dies_is_a_failure_of_its_seed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "run_seed", die_for_seed_2)
    result = run("sim", "--many", 3, "--jobs", 1, *SHORT)
    assert result.exit_code == 1
    assert "NO RESULT  seed 2: its process ended with status 9" in result.stdout
    assert "p2pchain sim --seed 2 --nodes 4 --slots 20 --faults none" in result.stdout
    assert "3 of 3" in result.stdout
    assert "1 seed without a result" in result.stderr


def test_a_violation_that_is_known_fails_the_sums_and_what_cannot_be_shrunk_says_so(run: Run, tmp_path: Path) -> None:
    """The run does not really break: the worker that is to shrink it objects, which is told and hides nothing."""
    plan = Plan(1, 1, Sizes(4, 4), 20, frozenset())
    found = Outcome(1, 4, 20, 9, (Violation("S1", 0, 3, "x"),), {}, Latency(0.0, 0.0, 0.0), 0.0, "the command")
    with open_state(tmp_path / "state", plan) as state:
        state.add(found)
    result = run("sim", "--many", 1, "--jobs", 1, *SHORT, "--state", tmp_path / "state")
    assert result.exit_code == 1
    assert "S1 broken in 1 seed" in result.stderr
    assert "the command" in result.stdout
    assert "could not be shrunk" in result.stdout
    assert "could not" not in run("sim", "--many", 1, "--jobs", 1, *SHORT, "--state", tmp_path / "state", "--no-shrink").stdout


def test_an_interruption_tells_what_stands_and_how_to_go_on(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    add = many._Keeping.add

    def add_and_interrupt(keeping: many._Keeping, outcome: Outcome) -> None:
        add(keeping, outcome)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(many._Keeping, "add", add_and_interrupt)
    result = run("sim", "--many", 50, "--jobs", 2, *SHORT, "--state", state)
    assert result.exit_code == 1
    assert multiprocessing.active_children() == []
    assert "1 of 50 from 1 on" in result.stdout
    command = f"p2pchain sim --seed 1 --nodes 4 --slots 20 --faults none --many 50 --jobs 2 --state {state}"
    assert f"interrupted after 1 of 50 seeds; go on with: {command}" in result.stderr
    monkeypatch.undo()
    sums = json.loads(run(*command.replace("--many 50", "--many 3").split()[1:], "--json").stdout)
    assert sums["seeds"] == 3


def test_a_report_is_a_whole_page_or_nothing(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    page.write_text("old")
    assert run("sim", *SHORT, "--report", page).exit_code == 0
    assert page.read_text().rstrip().endswith("</html>")
    assert list(tmp_path.iterdir()) == [page]
