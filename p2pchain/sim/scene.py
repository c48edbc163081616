"""Where and when a fault may strike: what the plans of `faults` work with."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from p2pchain.sim.agenda import Agenda
from p2pchain.sim.lane import Lane
from p2pchain.sim.links import Links
from p2pchain.sim.process import Process
from p2pchain.sim.watch import Watch


class Scene(NamedTuple):
    """A span of time, the nodes that a fault may strike in it, and the chance of this fault alone."""

    agenda: Agenda
    links: Links
    processes: Mapping[int, Process]
    watch: Watch
    chance: random.Random
    start_ms: int
    end_ms: int
    slot_ms: int
    nodes: tuple[int, ...]
    """Those that may be struck, in ascending order."""
    weak: tuple[int, ...]
    """Those of them that the network can do without for good."""

    def episodes(self, every_slots: int, length_slots: int) -> Iterator[tuple[int, int]]:
        """Beginnings and ends of what comes and goes, one after the other, none beyond the span."""
        at = self.start_ms
        while True:
            at += self.chance.randint(self.slot_ms // 2, 2 * every_slots * self.slot_ms)
            end = at + self.chance.randint(self.slot_ms // 4, 2 * length_slots * self.slot_ms)
            if at >= self.end_ms:
                return
            yield at, min(end, self.end_ms)
            at = end

    def lanes(self) -> list[Lane]:
        """Directions that touch a node of the scene."""
        struck = set(self.nodes)
        return [lane for (source, target), lane in self.links.lanes.items() if source in struck or target in struck]

    def everybody(self) -> list[int]:
        return sorted(self.processes)

    def cut(self, ways: list[tuple[int, int]], start_ms: int, end_ms: int, cause: int) -> None:
        """Close these directions for a time."""

        def begin() -> None:
            self.watch.moment(-1, "cut", ways=len(ways), cause=cause)
            for source, target in ways:
                self.links.cut(source, target, cause)

        def finish() -> None:
            self.watch.moment(-1, "heal", ways=len(ways), cause=cause)
            for source, target in ways:
                self.links.uncut(source, target, cause)

        self.agenda.at(start_ms, begin)
        self.agenda.at(end_ms, finish)
