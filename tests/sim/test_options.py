"""What cannot be is refused, naming the word that asks for it."""

from collections.abc import Callable

import pytest

from p2pchain.sim.faults import FAULTS
from p2pchain.sim.options import BadOption, Options, parse_faults


@pytest.mark.parametrize(
    ("option", "make"),
    [
        ("--nodes", lambda: Options(1, nodes=0)),
        ("--nodes", lambda: Options(1, nodes=102)),
        ("--slots", lambda: Options(1, slots=0)),
        ("--seed", lambda: Options(-1)),
        ("--crashed", lambda: Options(1, nodes=4, crashed=5)),
        ("--crashed", lambda: Options(1, crashed=-1)),
        ("--faults", lambda: Options(1, faults=frozenset({"partitoin"}))),
        ("--faults", lambda: Options(1, nodes=3, faults=frozenset({"equivocate"}))),
        ("--faults", lambda: Options(1, nodes=4, crashed=1, faults=frozenset({"amnesia"}))),
        ("--faults", lambda: parse_faults("")),
    ],
)
def test_an_impossible_world_is_refused_by_the_name_of_its_option(option: str, make: Callable[[], object]) -> None:
    with pytest.raises(BadOption) as refused:
        make()
    assert refused.value.option == option
    assert str(refused.value).startswith(f"{option}: ")


def test_an_unknown_fault_is_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(BadOption, match="did you mean partition"):
        parse_faults("loss,partitoin")


def test_faults_are_all_none_names_or_groups() -> None:
    assert parse_faults("all") is None
    assert parse_faults("none") == frozenset()
    assert parse_faults("loss, crash") == frozenset({"loss", "crash"})
    assert parse_faults("clock,loss") == frozenset({"drift", "jump", "loss"})


def test_every_fault_has_a_name_of_its_own_and_says_what_it_does() -> None:
    assert all(fault.doc for fault in FAULTS.values())
    assert {fault.group for fault in FAULTS.values()} & set(FAULTS) == set()


def test_the_command_of_a_run_says_all_that_it_depends_on() -> None:
    options = Options(3, 7, 50, frozenset({"loss", "crash"}), crashed=1)
    assert options.command() == "p2pchain sim --seed 3 --nodes 7 --slots 50 --faults crash,loss --crashed 1"
