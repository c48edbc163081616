"""Slots to finality by size: healthy networks, with everybody up and with as many down as they bear.

    .venv/bin/python -m tests.sim.figures [--seed 1] [--quick] [--json]

One transaction a slot, every link 10 to 40 ms each way, slots of 500 ms; up to seven nodes all are linked, beyond that each has about
four links.  Counted for every block at every node that is up, from the beginning of the block's slot until the node tells that
it is final.  A block that is not final everywhere at the end of a run, ten slots after its own, ends this with an error.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import NamedTuple

from p2pchain.chain.types import TransactionId
from p2pchain.node import events
from p2pchain.node.effects import BlockFinal, Effects
from p2pchain.node.events import Event
from p2pchain.sim.options import Options
from p2pchain.sim.process import Process
from p2pchain.sim.tolerance import tolerated
from p2pchain.sim.world import World

LINK_MS = (10, 40)
SLOTS = {4: 1_000, 7: 600, 21: 200, 101: 50}
QUICK = 5
"""How many times shorter `--quick` is; no run is shorter than 30 slots."""
AFTER = 10
"""Slots at the end of a run whose blocks are not counted: they may not be final yet."""


class Told(NamedTuple):
    """A node told that a block is final."""

    block_slot: int
    late_ms: int
    """Since the beginning of the block's slot."""
    final_slot: int
    waited_since: int | None
    """The first slot at whose beginning something that is in the block waited, or the block's own; None where it is empty."""


class Figures(NamedTuple):
    """Of one network."""

    nodes: int
    down: int
    slots: int
    blocks: int
    mean: float
    """From the beginning of a block's slot, in slots."""
    max: float
    own_slot: float
    """Share of blocks, over all nodes, that were final before their slot ended."""
    whole_mean: float
    """Slots between a block's own and the one in which it became final: 0 is the same one."""
    waited_mean: float
    """Slots between the first in which something in the block waited and the one in which it became final: 0 is the same one."""
    waited_max: int


class Meter:
    """Looks on at a world through its watch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._submitted: dict[TransactionId, int] = {}
        self.told: list[Told] = []
        self.heights: dict[int, int] = {}
        self._handling, self._performed = world.watch.handling, world.watch.performed
        world.watch.handling = self._look_at_event  # type: ignore[method-assign]
        world.watch.performed = self._look_at_effects  # type: ignore[method-assign]

    def _look_at_event(self, process: Process, event: Event) -> None:
        if isinstance(event, events.TransactionsSubmitted):
            for item in event.items:
                if not isinstance(item, Exception):
                    self._submitted.setdefault(item.value.id, self._world.watch.slot)
        self._handling(process, event)

    def _look_at_effects(self, process: Process, effects: Effects) -> None:
        now_ms, slot = self._world.agenda.now_ms, self._world.watch.slot
        for published in effects.publish:
            if isinstance(published, BlockFinal):
                block = published.block
                waited = min((self._submitted[item.id] + 1 for item in block.transactions), default=None)
                start = self._world.slot_start_ms(block.header.slot)
                since = None if waited is None else min(waited, block.header.slot)
                self.told.append(Told(block.header.slot, now_ms - start, slot, since))
                self.heights[process.number] = block.header.height
        self._performed(process, effects)


def measure(seed: int, nodes: int, down: int, slots: int) -> Figures:
    world = World(Options(seed, nodes, slots, crashed=down))
    for lane in world.links.lanes.values():
        lane.delay_ms = LINK_MS
    meter = Meter(world)
    world.start()
    world.run_until(world.slot_start_ms(slots + 1))
    told = [item for item in meter.told if item.block_slot <= slots - AFTER]
    blocks = len({item.block_slot for item in told})
    up = nodes - down
    if world.watch.findings.violations or len(told) != blocks * up:
        raise SystemExit(f"{nodes} nodes, {down} down: {len(told)} times final, {blocks} blocks at {up} nodes wanted")
    late = [item.late_ms / world.slot_ms for item in told]
    waited = [item.final_slot - item.waited_since for item in told if item.waited_since is not None]
    return Figures(
        nodes,
        down,
        slots,
        blocks,
        mean=round(sum(late) / len(late), 2),
        max=round(max(late), 2),
        own_slot=round(sum(part < 1 for part in late) / len(late), 4),
        whole_mean=round(sum(item.final_slot - item.block_slot for item in told) / len(told), 2),
        waited_mean=round(sum(waited) / len(waited), 2),
        waited_max=max(waited),
    )


def line(found: Figures) -> str:
    return (
        f"| {found.nodes} | {found.down} | {found.slots:,} | {found.blocks:,} | {found.mean:.2f} | {found.max:.2f} | {found.own_slot:.1%} "
        f"| {found.whole_mean:.2f} | {found.waited_mean:.2f} | {found.waited_max} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} times shorter")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    rows = []
    if not chosen.json:
        print("| nodes | down | slots | blocks | mean | max | own slot | whole slots | waited, mean | max |")  # noqa: T201
        print("|---|---|---|---|---|---|---|---|---|---|")  # noqa: T201
    for nodes, slots in SLOTS.items():
        for down in (0, tolerated(nodes)):
            rows.append(measure(chosen.seed, nodes, down, max(30, slots // QUICK) if chosen.quick else slots))
            if not chosen.json:
                print(line(rows[-1]), flush=True)  # noqa: T201
    if chosen.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
