"""Links between nodes: delay, loss, duplication, reordering, bandwidth and cuts, for each direction on its own.

A connection has a number that is never used twice and dies with either end; what is under way dies with it.  Without
reordering a direction keeps its order, as TCP does; what a narrow one still holds when it is mended arrives at once,
for nothing that comes later can overtake it.  A cut direction swallows what is sent into it; a connection whose
cut lasts is given up and dialled again, as the real edges do.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from p2pchain.sim.agenda import Agenda
from p2pchain.sim.lane import Connection, Lane, Parcel

REDIAL_MS = (100, 2_000)
"""How long a node waits before it dials a lost peer again."""
GIVEN_UP_MS = 15_000
"""How long a link may be dead before its connection is closed."""


class Ends(NamedTuple):
    """What the links call in the nodes."""

    is_up: Callable[[int], bool]
    join: Callable[[Connection], None]
    leave: Callable[[Connection, int], None]
    """A connection ended; tell this end."""
    deliver: Callable[[Parcel], None]
    """A frame arrives over a living connection."""


class Links:
    """All links of a world."""

    def __init__(self, agenda: Agenda, pairs: list[tuple[int, int]], chance: random.Random, ends: Ends) -> None:
        self._agenda = agenda
        self._chance = chance
        self._ends = ends
        self.pairs = pairs
        self.lanes = {way: Lane() for low, high in pairs for way in ((low, high), (high, low))}
        self._living: dict[tuple[int, int], Connection] = {}
        self._of_node: dict[int, dict[int, Connection]] = {node: {} for pair in pairs for node in pair}
        self._last = 0
        self._parcels = 0

    def of(self, node: int) -> dict[int, Connection]:
        """Living connections of a node by their numbers, oldest first."""
        return self._of_node.get(node, {})

    def neighbours(self, node: int) -> list[int]:
        """Nodes that this one has a link to, living or not."""
        return [low if high == node else high for low, high in self.pairs if node in (low, high)]

    def connection(self, a: int, b: int) -> Connection | None:
        return self._living.get((min(a, b), max(a, b)))

    def is_living(self, connection: Connection) -> bool:
        return self._living.get((connection.low, connection.high)) is connection

    def connect_all(self, node: int) -> None:
        """Dial everybody whom this node has a link to."""
        for other in self.neighbours(node):
            self.connect(node, other)

    def connect(self, a: int, b: int) -> None:
        """Open the link of two nodes that are up, or dial again later."""
        low, high = min(a, b), max(a, b)
        if (low, high) in self._living or not (self._ends.is_up(low) and self._ends.is_up(high)):
            return
        if self.lanes[low, high].cuts or self.lanes[high, low].cuts:
            self.dial_later(low, high)
            return
        self._last += 1
        connection = self._living[low, high] = Connection(self._last, low, high)
        self._of_node[low][connection.number] = self._of_node[high][connection.number] = connection
        self._ends.join(connection)

    def dial_later(self, low: int, high: int) -> None:
        self._agenda.after(self._chance.randint(*REDIAL_MS), self.connect, low, high)

    def close(self, connection: Connection, *, redial: bool = True) -> None:
        """End a connection; ends that are still up are told, and dial again."""
        if not self.is_living(connection):
            return
        low, high = connection.low, connection.high
        del self._living[low, high]
        for way in ((low, high), (high, low)):
            self.lanes[way].forget()
        for node in (low, high):
            del self._of_node[node][connection.number]
            if self._ends.is_up(node):
                self._ends.leave(connection, node)
        if redial:
            self.dial_later(low, high)

    def close_all(self, node: int) -> None:
        for connection in list(self.of(node).values()):
            self.close(connection, redial=False)

    def drop_all(self, node: int) -> None:
        """Its peers give up on a node that does not read; they dial it again."""
        for connection in list(self.of(node).values()):
            self.close(connection)

    def transmit(self, connection: Connection, source: int, frame: bytes) -> None:
        """Send a frame over a living connection, with all that may happen to it."""
        target = connection.other(source)
        lane, chance = self.lanes[source, target], self._chance
        if lane.cuts or (lane.loss and chance.random() < lane.loss):
            return
        now = self._agenda.now_ms
        when = now + _draw(chance, lane.delay_ms)
        if lane.bytes_per_s:
            lane.busy_until_ms = max(lane.busy_until_ms, now) + len(frame) * 1000 // lane.bytes_per_s
            when = max(when, lane.busy_until_ms)
        if not (lane.reorder and chance.random() < lane.reorder):
            when = lane.last_ms = max(when, lane.last_ms)
        parcel = Parcel(connection, source, target, frame)
        self._send(lane, when, parcel)
        if lane.duplicate and chance.random() < lane.duplicate:
            self._send(lane, when + _draw(chance, lane.delay_ms), parcel)

    def cut(self, source: int, target: int, cause: int) -> None:
        """Nothing passes from `source` to `target` until this cause is gone."""
        lane = self.lanes.get((source, target))
        if lane is not None:
            lane.cuts.add(cause)
            connection = self.connection(source, target)
            if connection is not None:
                self._agenda.after(GIVEN_UP_MS, self._give_up, connection, lane, cause)

    def uncut(self, source: int, target: int, cause: int) -> None:
        lane = self.lanes.get((source, target))
        if lane is not None:
            lane.cuts.discard(cause)

    def is_partitioned(self) -> bool:
        return any(lane.cuts for lane in self.lanes.values())

    def mend(self) -> None:
        """Every direction is as good as new, and everybody who is up is connected."""
        for lane in self.lanes.values():
            lane.mend()
            self._hurry(lane)
        for low, high in self.pairs:
            self.connect(low, high)

    def _give_up(self, connection: Connection, lane: Lane, cause: int) -> None:
        if cause in lane.cuts:
            self.close(connection)

    def _send(self, lane: Lane, when: int, parcel: Parcel) -> None:
        """Let a frame arrive then, or earlier where its direction is narrow and is mended before."""
        if not lane.bytes_per_s:
            self._agenda.at(when, self._arrive, parcel)
            return
        self._parcels += 1
        lane.waiting[self._parcels] = parcel
        self._agenda.at(when, self._leave, lane, self._parcels)

    def _leave(self, lane: Lane, number: int) -> None:
        parcel = lane.waiting.pop(number, None)
        if parcel is not None:
            self._arrive(parcel)

    def _hurry(self, lane: Lane) -> None:
        """Everything that waited arrives now, in its order."""
        if not lane.waiting:
            return
        lane.last_ms = self._agenda.now_ms + _draw(self._chance, lane.delay_ms)
        for parcel in lane.waiting.values():
            self._agenda.at(lane.last_ms, self._arrive, parcel)
        lane.waiting.clear()

    def _arrive(self, parcel: Parcel) -> None:
        if self.is_living(parcel.connection):
            self._ends.deliver(parcel)


def _draw(chance: random.Random, span: tuple[int, int]) -> int:
    """Between the two, both included; three times as fast as `randint`, and every frame draws."""
    return span[0] + int(chance.random() * (span[1] - span[0] + 1))
