import json

import pytest

from p2pchain.sim.findings import Violation
from p2pchain.sim.many import Outcome, Plan, decode_outcome, encode_outcome, failure_of, limit_s, outcome_of
from p2pchain.sim.markers import MARKERS
from p2pchain.sim.options import BadOption, Options
from p2pchain.sim.run import Latency, run
from p2pchain.sim.sizes import Sizes
from p2pchain.sim.sums import LONG_SEEDS, Sums

PLAN = Plan(1, 2_000, Sizes(4, 7), 100, None)


def good(seed: int, **markers: int) -> Outcome:
    return Outcome(seed, 4, 100, 90, (), markers, Latency(0.1, 0.2, 0.3), 0.5, f"again {seed}")


def bad(seed: int, *invariants: str) -> Outcome:
    return good(seed)._replace(violations=tuple(Violation(name, 0, 7, "found") for name in invariants))


def sums_of(*outcomes: Outcome, plan: Plan = PLAN) -> Sums:
    sums = Sums(plan)
    for outcome in outcomes:
        sums.add(outcome)
    return sums


def test_an_outcome_goes_through_json_unchanged() -> None:
    outcome = outcome_of(run(Options(1, 4, 30, None)))
    assert decode_outcome(json.loads(json.dumps(encode_outcome(outcome)))) == outcome
    lost = failure_of(Options(1), "died")
    assert decode_outcome(json.loads(json.dumps(encode_outcome(lost)))) == lost


def test_a_seeds_command_names_its_exact_size_and_faults() -> None:
    plan = Plan(1, 5, Sizes(4, 7), 20, None)
    for seed in plan.seeds():
        result = run(plan.options(seed))
        assert f"--nodes {plan.sizes.draw(seed)} " in result.command
        assert "all" not in result.command.split()


def test_what_was_run_is_added_up() -> None:
    found = sums_of(*[good(seed) for seed in range(10)]).to_json()
    assert (found["seeds"], found["slots"], found["final_blocks"]) == (10, 1_000, 900)
    assert found["latency_slots"] == {"p50": 0.1, "p99": 0.2, "max": 0.3, "max_seed": 0}
    assert found["objections"] == []


def test_violations_are_named_by_invariant_with_their_seeds_and_commands() -> None:
    sums = sums_of(bad(9, "S1"), bad(3, "S1", "L1"), good(4))
    assert sums.to_json()["violations"] == {
        "L1": {"count": 1, "seeds": [3], "commands": ["again 3"]},
        "S1": {"count": 2, "seeds": [3, 9], "commands": ["again 3", "again 9"]},
    }
    assert [outcome.seed for outcome in sums.failing] == [3, 9]
    assert "again 3" in "\n".join(sums.lines())
    assert sums.objections() == ["L1 broken in 1 seed", "S1 broken in 2 seeds"]


def test_a_seed_without_a_result_is_a_failure_of_its_own() -> None:
    sums = sums_of(good(1), failure_of(Options(2), "its process ended with status -9"))
    assert sums.objections() == ["1 seed without a result"]
    assert "its process ended with status -9" in "\n".join(sums.lines())
    assert sums.bound() == "1 of 2 seeds failed: 50.00%"


def test_markers_count_seeds_and_those_never_reached_are_named() -> None:
    sums = sums_of(good(1, lock_moved=5), good(2, lock_moved=1, pool_full=2))
    assert sums.reached["lock_moved"] == 2
    assert set(sums.never_reached) == set(MARKERS) - {"lock_moved", "pool_full"}


def test_a_long_run_that_never_reached_a_marker_fails_and_a_short_one_does_not() -> None:
    all_but_one = {name: 1 for name in MARKERS if name != "pool_full"}
    short = sums_of(*[good(seed, **all_but_one) for seed in range(LONG_SEEDS - 1)])
    assert short.objections() == []
    short.add(good(LONG_SEEDS, **all_but_one))
    assert short.objections() == [f"never reached in {LONG_SEEDS:,} seeds: pool_full"]
    short.add(good(LONG_SEEDS + 1, pool_full=1))
    assert short.objections() == []


def test_a_long_run_of_chosen_faults_owes_no_marker() -> None:
    plan = Plan(1, LONG_SEEDS, Sizes(4, 4), 100, frozenset({"crash"}))
    assert sums_of(*[good(seed) for seed in range(LONG_SEEDS)], plan=plan).objections() == []


def test_what_no_failure_says_is_three_over_n() -> None:
    words = sums_of(*[good(seed) for seed in range(300)]).bound()
    assert words == "no failure in 300 seeds bounds the failure rate of such worlds by 3/300 = 1.000% at 95%"
    assert "nothing" in sums_of().bound()


@pytest.mark.parametrize(
    ("plan", "option"),
    [
        (Plan(2**63 - 2, 5, Sizes(4, 4), 100), "--seed"),
        (Plan(-1, 5, Sizes(4, 4), 100), "--seed"),
        (Plan(1, 5, Sizes(4, 4), 0), "--slots"),
        (Plan(1, 5, Sizes(3, 9), 100, frozenset({"equivocate"})), "--faults"),
        (Plan(1, 5, Sizes(4, 9), 100, None, crashed=5), "--crashed"),
    ],
)
def test_a_plan_with_one_impossible_world_is_refused_before_it_begins(plan: Plan, option: str) -> None:
    with pytest.raises(BadOption) as refusal:
        plan.validate()
    assert refusal.value.option == option


def test_the_limit_of_a_run_grows_with_its_work() -> None:
    assert limit_s(Options(1, 4, 100)) < 200 < limit_s(Options(1, 31, 1_000))
