"""The faults that a world may have, by name; and the draw of those that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from p2pchain.sim import machine_faults, network_faults
from p2pchain.sim.byzantine import STRATEGIES
from p2pchain.sim.scene import Scene
from p2pchain.sim.streams import Streams

DRAWN_SHARE = 0.3
"""How often a fault exists in a world that may have all."""
DRAWN_SHARE_BYZANTINE = 0.06
BYZANTINE = "byzantine"


class Fault(NamedTuple):
    """A name for `--faults`."""

    name: str
    group: str
    doc: str
    plan: Callable[[Scene], None] | None = None
    """None for a strategy, which is not planned: its delegate has it for as long as the world stands."""
    spends_tolerance: bool = False
    """Whether it strikes only delegates that the others must be able to do without."""


def _planned(group: str, plan: Callable[[Scene], None], *, spends_tolerance: bool = False) -> Fault:
    return Fault(plan.__name__, group, plan.__doc__ or "", plan, spends_tolerance)


_network, _machine = network_faults, machine_faults
_FAULTS = (
    *(_planned("network", plan) for plan in (_network.delay, _network.loss, _network.duplicate, _network.reorder)),
    *(_planned("network", plan) for plan in (_network.partition, _network.oneway, _network.bandwidth, _network.flap, _network.bridge)),
    *(_planned("network", plan) for plan in (_network.blink, _network.favour)),
    _planned("clock", _machine.drift),
    _planned("clock", _machine.jump, spends_tolerance=True),
    *(_planned("disk", plan) for plan in (_machine.lose_unsynced, _machine.torn_sign_state, _machine.slow_disk)),
    *(_planned("process", plan) for plan in (_machine.crash, _machine.restart_storm, _machine.pause)),
    _planned("process", _machine.amnesia, spends_tolerance=True),
    *(Fault(name, BYZANTINE, strategy.DOC, None, spends_tolerance=True) for name, strategy in sorted(STRATEGIES.items())),
)
FAULTS: dict[str, Fault] = {fault.name: fault for fault in _FAULTS}
"""In the order in which they are planned."""


def draw_faults(allowed: frozenset[str] | None, streams: Streams, *, spendable: int) -> tuple[Fault, ...]:
    """Exactly the named ones, or a draw from all; each fault's lot is its own, so that naming what was drawn gives the same world."""
    if allowed is not None:
        return tuple(fault for fault in FAULTS.values() if fault.name in allowed)
    drawn = []
    for fault in FAULTS.values():
        share = DRAWN_SHARE_BYZANTINE if fault.group == BYZANTINE else DRAWN_SHARE
        if streams.of(f"exists/{fault.name}").random() < share and (spendable > 0 or not fault.spends_tolerance):
            drawn.append(fault)
    return tuple(drawn)
