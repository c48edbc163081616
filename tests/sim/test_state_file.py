import json
from pathlib import Path

import pytest

from p2pchain.cli.simulating.state_file import open_state
from p2pchain.sim.many import Outcome, Plan
from p2pchain.sim.options import BadOption
from p2pchain.sim.run import Latency
from p2pchain.sim.sizes import Sizes

PLAN = Plan(1, 10, Sizes(4, 7), 100, None)


def outcome(seed: int) -> Outcome:
    return Outcome(seed, 4, 100, 90, (), {"pool_full": 1}, Latency(0.1, 0.2, 0.3), 0.5, "again")


def fill(path: Path, *seeds: int, plan: Plan = PLAN) -> None:
    with open_state(path, plan) as state:
        for seed in seeds:
            state.add(outcome(seed))


def known(path: Path, plan: Plan = PLAN) -> dict[int, Outcome]:
    with open_state(path, plan) as state:
        return dict(state.known)


def test_what_was_added_is_known_again(tmp_path: Path) -> None:
    path = tmp_path / "state"
    fill(path, 3, 1)
    fill(path, 2)
    assert known(path) == {seed: outcome(seed) for seed in (1, 2, 3)}


def test_a_file_cut_at_any_byte_loses_at_most_what_was_cut_and_can_go_on(tmp_path: Path) -> None:
    path = tmp_path / "state"
    fill(path, 1, 2)
    whole = path.read_bytes()
    ends = [at for at in range(len(whole) + 1) if whole[:at].endswith(b"\n")]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        fill(path, 3)
        lines = max(0, sum(end <= length for end in ends) - 1)
        assert set(known(path)) == {*range(1, lines + 1), 3}, f"cut at byte {length}"


def test_other_options_are_refused_with_both_named(tmp_path: Path) -> None:
    path = tmp_path / "state"
    fill(path, 1)
    before = path.read_bytes()
    with pytest.raises(BadOption, match=r"--nodes 4\.\.7 --slots 100 .*wanted --seed 1 --nodes 4\.\.7 --slots 99") as refusal:
        known(path, Plan(1, 10, Sizes(4, 7), 99, None))
    assert refusal.value.option == "--state"
    assert path.read_bytes() == before


def test_more_seeds_of_the_same_options_are_welcome(tmp_path: Path) -> None:
    path = tmp_path / "state"
    fill(path, 1)
    assert set(known(path, Plan(1, 20, Sizes(4, 7), 100, None))) == {1}


@pytest.mark.parametrize("text", ["hello", "hello\n", "{}\n", '{"title": "x", "version": "1", "terms": ""}\n', "[1]\n", "\xff\xfe\n", "\n"])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadOption, match="--state"):
        known(path)
    assert path.read_text(encoding="latin-1") == text


@pytest.mark.parametrize("line", ["x", "{}", "[]", '{"seed": 1}', "null"])
def test_a_damaged_line_in_the_middle_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "state"
    fill(path, 1)
    path.write_text(path.read_text() + line + "\n" + json.dumps({}) + "\n")
    with pytest.raises(BadOption, match=r"state:3: found no outcome"):
        known(path)


def test_two_commands_cannot_have_it_at_once(tmp_path: Path) -> None:
    with open_state(tmp_path / "state", PLAN), pytest.raises(BadOption, match="in use"), open_state(tmp_path / "state", PLAN):
        pass


@pytest.mark.parametrize("place", [".", "no/such/folder/state"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(BadOption, match="--state"), open_state(tmp_path / place, PLAN):
        pass
