"""Every dishonest strategy acts, and is survived by the honest."""

import pytest

from p2pchain.sim.byzantine import STRATEGIES
from p2pchain.sim.markers import byzantine_marker
from p2pchain.sim.options import Options, parse_faults
from p2pchain.sim.run import Result, run
from p2pchain.sim.world import World

SLOTS = 60
"""Where the network is bad too."""
SHORT = 24
"""Where it is not: the shortest run that ends with twelve slots in which finality is owed.  Many worlds tell more than long ones."""
OF_FOUR = range(18)
OF_SEVEN = range(2)
FINAL_MIN = 12
PROVABLE = ("bad_state_root", "bad_transactions", "certificate_forger", "malformed_frames", "wrong_slot_blocks")
"""What an honest node can tell from an honest peer's doings at once."""
BY_STATE = ("bad_state_root",)
"""Of these what only its own state tells it: it parts with the peer and bans nobody."""
CONTRADICTING = ("double_vote", "two_faced", "vote_wrong_height")


def play(strategy: str) -> list[Result]:
    worlds = [(4, seed) for seed in OF_FOUR] + [(7, seed) for seed in OF_SEVEN]
    return [run(Options(seed, nodes, SHORT, frozenset({strategy}))) for nodes, seed in worlds]


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_a_strategy_acts_and_neither_splits_nor_stops_the_chain(strategy: str) -> None:
    results = play(strategy)
    assert [(result.command, result.violations[:1]) for result in results if result.violations] == []
    assert min(result.final_height for result in results) >= FINAL_MIN
    assert all(result.markers[byzantine_marker(strategy)] for result in results), "it did nothing"
    if strategy in PROVABLE:
        assert sum(result.markers["liar_disconnected"] for result in results) > 0
        assert (sum(result.markers["liar_banned"] for result in results) > 0) == (strategy not in BY_STATE)


@pytest.mark.parametrize("strategy", ["equivocate", "lie_in_sync", "old_certificate", "hide_certificate", "crash_loop"])
def test_it_is_survived_where_the_network_is_bad_too(strategy: str) -> None:
    for seed in range(2):
        result = run(Options(seed, 4, SLOTS, frozenset({strategy, "favour", "blink", "crash", "partition"})))
        assert (result.command, result.violations) == (result.command, ())
        assert result.markers[byzantine_marker(strategy)]


@pytest.mark.parametrize("strategy", CONTRADICTING)
def test_contradicting_signatures_are_seen(strategy: str) -> None:
    assert any(run(Options(seed, 4, 30, frozenset({strategy}))).markers["contradiction_seen"] for seed in range(10))


@pytest.mark.parametrize("strategy", ["equivocate", "spam_blocks"])
def test_a_third_block_of_one_slot_arrives(strategy: str) -> None:
    assert any(run(Options(seed, 4, 30, frozenset({strategy}))).markers["third_rival"] for seed in range(10))


def test_an_honest_world_counts_no_dishonest_act() -> None:
    result = run(Options(1, 4, 30, frozenset({"loss", "crash"})))
    assert not any(result.markers[byzantine_marker(name)] for name in STRATEGIES)


def test_there_are_more_than_twenty_strategies_and_one_word_names_them_all() -> None:
    assert len(STRATEGIES) >= 22
    assert parse_faults("byzantine") == frozenset(STRATEGIES)
    assert all(name == strategy.NAME and strategy.DOC for name, strategy in STRATEGIES.items())


def test_seeds_draw_several_strategies_on_one_liar_and_several_liars_in_one_world() -> None:
    drawn = [World(Options(seed, 10, 1, None)).roles.strategies_of for seed in range(40)]
    assert any(len({kinds for _, kinds in of_world}) > 1 for of_world in drawn), "several liars with strategies of their own"
    assert any(len(kinds) > 1 for of_world in drawn for _, kinds in of_world), "one liar with several strategies"
    assert any(not of_world for of_world in drawn), "nobody lies"
