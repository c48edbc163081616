"""What the arrival of ballots tells about this machine's clock, and that no f liars can make it tell otherwise."""

from __future__ import annotations

import pytest

from p2pchain.chain.types import BlockId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject
from p2pchain.node.clocks import FRESH_MS, Clocks
from p2pchain.node.condition import clock_offset_ms
from tests.fakes.world import World, make_genesis

SLOT_MS = 500
SPEC = make_genesis().spec()
KEYS = [PublicKey(bytes([number]) * 32) for number in range(1, 8)]


def ballot(voter: PublicKey, slot: int) -> Ballot:
    return Ballot(Kind.VOTE, Subject(Slot(slot), Height(slot), BlockId(b"b" * 32)), voter, Signature(b"s" * 64))


def clocks(*after_ms: int, slot: int = 100) -> Clocks:
    """Each delegate was heard one round before; its ballot of `slot` came so long after the slot's beginning."""
    made = Clocks(SPEC)
    for key, after in zip(KEYS, after_ms, strict=False):
        made.hear(ballot(key, slot - 4), SPEC.slot_start_ms(slot - 4) + after)
        made.hear(ballot(key, slot), SPEC.slot_start_ms(slot) + after)
    return made


def offset(made: Clocks, members: int, *, own: PublicKey | None = None, later_ms: int = 1_000) -> int | None:
    return made.offset_ms(SPEC.slot_start_ms(100) + later_ms, frozenset(KEYS[:members]), own)


@pytest.mark.parametrize(
    ("after_ms", "wanted"),
    [
        ((20, 30, 90), 0),
        ((0, 499, 500), 0),
        ((-400, -300, -200), -300),
        ((-400, -300, 20), -300),
        ((-90_000, 20, 30), 0),
        ((20, 30, 90_000), 0),
        ((900, 1_200, 1_500), 700),
        ((-400, -300), -300),
        ((1_100, 1_200), 600),
        ((20, 1_200), 0),
        ((-400,), None),
        ((), None),
    ],
)
def test_of_four_delegates_two_must_say_that_the_clock_is_wrong(after_ms: tuple[int, ...], wanted: int | None) -> None:
    assert offset(clocks(*after_ms), 4, own=KEYS[6]) == wanted


@pytest.mark.parametrize("lie_ms", [-(10**9), 10**9])
def test_no_f_liars_of_seven_change_what_the_honest_say_by_more_than_they_differ(lie_ms: int) -> None:
    assert offset(clocks(lie_ms, lie_ms, 10, 20, 30, 40), 7, own=KEYS[6]) == 0
    assert offset(clocks(lie_ms, lie_ms, -700, -600, -600, -600), 7, own=KEYS[6]) in {-700, -600}


def test_the_first_ballot_of_a_delegate_says_nothing_because_it_may_be_an_old_one() -> None:
    made = Clocks(SPEC)
    for key in KEYS[:4]:
        made.hear(ballot(key, 3), SPEC.slot_start_ms(100))
    assert offset(made, 4) is None


def test_an_old_ballot_says_nothing_about_now() -> None:
    made = clocks(900, 900, 900, 900)
    assert offset(made, 4, later_ms=900 + FRESH_MS) == 400
    assert offset(made, 4, later_ms=901 + FRESH_MS) is None


def test_ones_own_ballots_and_those_of_former_delegates_do_not_count() -> None:
    made = clocks(-400, -400, 20, 20)
    assert offset(made, 4) == -400
    assert offset(made, 4, own=KEYS[0]) == 0
    made.forget_strangers(frozenset(KEYS[2:4]))
    assert offset(made, 4) == 0


def test_in_a_network_whose_clocks_agree_every_node_finds_so() -> None:
    world = World(make_genesis(heartbeat_slots=1), 4, observers=1, seed=2, delay_ms=(1, 200))
    world.start()
    world.run(20 * SLOT_MS)
    assert [clock_offset_ms(node.running) for node in world.nodes] == [0] * 5
    world.crash(0, 1)
    world.run(20 * SLOT_MS)
    world.start(0, 1)
    world.run(10 * SLOT_MS)
    assert [clock_offset_ms(node.running) for node in world.nodes] == [0] * 5


@pytest.mark.parametrize("wrong_ms", [-5_000, -700, 2_000, 3_600_000])
def test_a_node_whose_clock_is_wrong_finds_how_wrong_and_says_so(wrong_ms: int) -> None:
    """Its ballots come as they came to node 0, by a clock that is so far off."""
    world = World(make_genesis(heartbeat_slots=1), 4, observers=1, seed=2)
    world.start()
    observer = world.nodes[4].running.consensus
    heard: list[tuple[Ballot, int]] = []
    observer.clocks.hear = lambda ballot, now_ms: heard.append((ballot, now_ms))  # type: ignore[method-assign]
    world.run(20 * SLOT_MS)
    made = Clocks(world.spec)
    for found, now_ms in heard:
        made.hear(found, now_ms + wrong_ms)
    told = made.offset_ms(world.now_ms + wrong_ms, observer.known_voters(), None)
    assert told is not None
    assert wrong_ms - SLOT_MS <= told <= wrong_ms + SLOT_MS
