"""Links: what is under way keeps its order, ends with its connection, and is not held back by a trouble that is over."""

from __future__ import annotations

import random

from p2pchain.sim.agenda import Agenda
from p2pchain.sim.lane import DELAY_MS, Connection, Lane, Parcel
from p2pchain.sim.links import Ends, Links

BYTES_PER_S = 1_000
FRAMES = [bytes([number]) * BYTES_PER_S for number in range(60)]
"""A minute of a narrow direction."""


class Pair:
    """Two nodes with one link, and what node 1 heard."""

    def __init__(self) -> None:
        self.agenda = Agenda(0)
        self.heard: list[tuple[int, bytes]] = []
        ends = Ends(lambda _: True, lambda _: None, lambda *_: None, self._deliver)
        self.links = Links(self.agenda, [(0, 1)], random.Random(1), ends)
        self.links.connect(0, 1)

    @property
    def lane(self) -> Lane:
        return self.links.lanes[0, 1]

    @property
    def connection(self) -> Connection:
        found = self.links.connection(0, 1)
        assert found is not None
        return found

    def say(self, frame: bytes) -> None:
        self.links.transmit(self.connection, 0, frame)

    def _deliver(self, parcel: Parcel) -> None:
        assert parcel[:3] == (self.connection, 0, 1)
        self.heard.append((self.agenda.now_ms, parcel.frame))

    def frames(self) -> list[bytes]:
        return [frame for _, frame in self.heard]


def narrow_pair_with_a_minute_under_way() -> Pair:
    pair = Pair()
    pair.lane.bytes_per_s = BYTES_PER_S
    for frame in FRAMES:
        pair.say(frame)
    pair.agenda.run_until(5_500)
    assert pair.frames() == FRAMES[:5]
    return pair


def test_a_narrow_direction_carries_so_many_bytes_a_second() -> None:
    pair = narrow_pair_with_a_minute_under_way()
    pair.agenda.run_until(61_000)
    assert pair.heard == [(1_000 * (place + 1), frame) for place, frame in enumerate(FRAMES)]


def test_a_mended_direction_owes_nothing_to_what_waited_while_it_was_narrow() -> None:
    pair = narrow_pair_with_a_minute_under_way()
    pair.links.mend()
    pair.say(b"later")
    pair.agenda.run_until(5_500 + 2 * DELAY_MS[1])
    assert pair.frames() == [*FRAMES, b"later"]
    pair.agenda.run_until(61_000)
    assert len(pair.heard) == len(FRAMES) + 1


def test_a_new_connection_does_not_wait_for_what_was_lost_with_the_old_one() -> None:
    pair = narrow_pair_with_a_minute_under_way()
    pair.links.close(pair.connection, redial=False)
    pair.links.connect(0, 1)
    pair.say(FRAMES[0])
    pair.agenda.run_until(61_000)
    assert pair.heard[5:] == [(6_500, FRAMES[0])]


def test_a_frame_that_comes_twice_does_so_over_a_narrow_direction_too() -> None:
    pair = Pair()
    pair.lane.bytes_per_s, pair.lane.duplicate = BYTES_PER_S, 1.0
    for frame in FRAMES[:2]:
        pair.say(frame)
    pair.agenda.run_until(1_500)
    assert pair.frames() == [FRAMES[0]] * 2
    pair.links.mend()
    pair.agenda.run_until(1_500 + DELAY_MS[1])
    assert pair.frames() == [FRAMES[0]] * 2 + [FRAMES[1]] * 2
