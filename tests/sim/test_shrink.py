from collections.abc import Callable

import pytest

from p2pchain.chain.voting import Hold, Proposal, SignState, hold_vote
from p2pchain.node import consensus
from p2pchain.sim.findings import Violation
from p2pchain.sim.options import Options
from p2pchain.sim.run import Latency, Result, run
from p2pchain.sim.shrink import shrink

NAMES = ("bandwidth", "bridge", "crash", "delay", "drift", "duplicate", "flap", "loss", "pause", "reorder")


def result_of(options: Options, *violations: Violation) -> Result:
    faults = tuple(sorted(options.faults or ()))
    height, latency = 1, Latency(0.0, 0.0, 0.0)
    return Result(options.seed, options.nodes, options.slots, "", height, violations, {}, latency, faults, options.command(), 0.0)


def broken_by(*needed: str, slot: int = 30, invariant: str = "S1") -> Callable[[Options], Result]:
    """A world that breaks when these faults are there and it is long enough."""

    def attempt(options: Options) -> Result:
        fails = set(needed) <= set(options.faults or ()) and options.slots >= slot
        return result_of(options, *([Violation(invariant, 0, slot, "broken")] if fails else []))

    return attempt


@pytest.mark.parametrize("needed", [(), ("crash",), ("crash", "loss"), ("bandwidth", "drift", "reorder"), NAMES])
def test_what_is_left_is_what_it_takes(needed: tuple[str, ...]) -> None:
    options, attempt = Options(1, 4, 100, frozenset(NAMES)), broken_by(*needed)
    shrunk = shrink(options, attempt(options), attempt=attempt)
    assert shrunk.options == Options(1, 4, 30, frozenset(needed))
    assert not shrunk.is_exhausted


def test_slots_are_searched_where_the_first_violation_does_not_come_in_a_run_of_its_slot() -> None:
    def attempt(options: Options) -> Result:
        return result_of(options, *([Violation("S1", 0, 20, "")] if options.slots >= 37 else []))

    options = Options(1, 4, 100, frozenset())
    assert shrink(options, attempt(options), attempt=attempt).options.slots == 37


def test_another_invariant_is_another_failure() -> None:
    def attempt(options: Options) -> Result:
        found = "S1" if "crash" in (options.faults or ()) else "L1"
        return result_of(options, Violation(found, 0, 1, ""))

    options = Options(1, 4, 10, frozenset(NAMES))
    shrunk = shrink(options, attempt(options), attempt=attempt)
    assert (shrunk.options.faults, shrunk.invariant) == (frozenset({"crash"}), "S1")


def test_tries_are_bounded_and_the_words_say_so() -> None:
    tries = []

    def attempt(options: Options) -> Result:
        tries.append(options)
        return broken_by("crash", "loss")(options)

    options = Options(1, 4, 100, frozenset(NAMES))
    failing = broken_by("crash", "loss")(options)
    shrunk = shrink(options, failing, attempt=attempt, runs_max=5)
    assert len(tries) == shrunk.runs == 5
    assert "smaller may be possible" in shrunk.line()


def test_what_can_go_only_after_another_went_goes_too() -> None:
    """`crash` can go only after `loss`, which is tried later: one pass is not enough."""

    def attempt(options: Options) -> Result:
        faults = options.faults or frozenset()
        fails = "reorder" in faults and ("crash" in faults or "loss" not in faults)
        return result_of(options, *([Violation("S1", 0, 1, "")] if fails else []))

    options = Options(1, 4, 1, frozenset({"crash", "loss", "reorder"}))
    assert shrink(options, attempt(options), attempt=attempt).options.faults == frozenset({"reorder"})


def vote_twice(state: SignState, proposal: Proposal, *, in_window: bool) -> Hold | None:
    """V2 without V1."""
    hold = hold_vote(state, proposal, in_window=in_window)
    return None if hold is Hold.ALREADY_VOTED else hold


def test_a_broken_voting_rule_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus, "hold_vote", vote_twice)
    options = Options(1, 4, 60, frozenset({"delay", "slow_disk", "equivocate"}))
    failing = run(options)
    assert failing.violations[0].invariant == "S3"
    shrunk = shrink(options, failing)
    assert len(shrunk.result.faults) < len(failing.faults)
    assert shrunk.options.slots < 60
    again = run(shrunk.options)
    assert any(violation.invariant == "S3" for violation in again.violations)
    assert again.trace == shrunk.result.trace


def test_the_rule_was_what_broke_it() -> None:
    assert run(Options(1, 4, 60, frozenset({"delay", "slow_disk", "equivocate"}))).violations == ()
