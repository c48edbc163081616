"""One run from its options to its result: no I/O, no clock, and picklable at both ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from p2pchain.sim.findings import Violation
from p2pchain.sim.options import Options
from p2pchain.sim.timeline import Timeline
from p2pchain.sim.tolerance import tolerated
from p2pchain.sim.world import World

LIVENESS_SLOTS_MIN = 12
"""A run that has fewer slots left after its faults demands no finality."""


class Latency(NamedTuple):
    """From the beginning of a block's slot until it is final, in slots, over all blocks and nodes of the healed core."""

    p50: float
    p99: float
    max: float


class Result(NamedTuple):
    """What came of a run."""

    seed: int
    nodes: int
    slots: int
    trace: str
    final_height: int
    violations: tuple[Violation, ...]
    markers: dict[str, int]
    latency_slots: Latency
    faults: tuple[str, ...]
    """Those that this world had: naming them gives the same run."""
    command: str
    """Which repeats it."""
    wall_s: float


def run(options: Options, recorder: Timeline | None = None, timer: Callable[[], float] | None = None) -> Result:
    """Play a world to its end.  `timer` gives seconds; without one `wall_s` is 0."""
    began = timer() if timer else 0.0
    world = World(options, recorder)
    _play(world)
    return _result(world, timer() - began if timer else 0.0)


def _play(world: World) -> None:
    options = world.options
    heal_slot = _heal_slot(options.slots) if world.faults else 1
    start, heal, end = (world.slot_start_ms(slot) for slot in (1, heal_slot, options.slots + 1))
    everybody = tuple(world.roles.everybody)
    is_owed = options.crashed <= tolerated(options.nodes) and not options.is_beyond and options.slots - heal_slot + 1 >= LIVENESS_SLOTS_MIN
    world.start()
    if world.faults:
        world.strike("safety", start, heal, everybody)
        world.run_until(heal)
        world.heal()
        if world.roles.rest_is_broken:
            world.strike("lasting", heal, end, tuple(sorted(world.roles.faulty)))
    core = world.core
    if is_owed:
        world.demand_inclusion(heal)
        heights = {node: world.processes[node].disk.ledger.subject.height for node in core}
        has_faults = bool(world.faults)
        world.watch.liveness.begin(heal, heights, is_healed=has_faults, rest_is_broken=has_faults and world.roles.rest_is_broken)
    else:
        world.watch.liveness.measure(frozenset(core))
    world.run_until(end)
    _finish(world, end)


def _heal_slot(slots: int) -> int:
    """Two fifths of a run are for liveness, and as much as it takes to demand it where the run is that long."""
    liveness = max(2 * slots // 5, min(LIVENESS_SLOTS_MIN, slots // 2))
    return slots - liveness + 1


def _finish(world: World, end_ms: int) -> None:
    watch = world.watch
    watch.report(-1, watch.liveness.end(end_ms))
    if watch.culprits is not None:
        watch.report(-1, watch.culprits.end())
    for process in world.processes.values():
        if process.is_honest:
            watch.compare_rows(process)
    if not watch.chain.reference.is_stuck:
        watch.report(-1, watch.chain.reference.count_supply())
        watch.report(-1, watch.chain.reference.build_root())


def _result(world: World, wall_s: float) -> Result:
    options, watch = world.options, world.watch
    faults = tuple(fault.name for fault in world.faults)
    exact = Options(options.seed, options.nodes, options.slots, frozenset(faults), options.crashed, options.liars)
    return Result(
        options.seed,
        options.nodes,
        options.slots,
        watch.trace.hexdigest(),
        watch.chain.height,
        tuple(watch.findings.violations),
        dict(watch.markers.counts),
        _latency([ms / world.slot_ms for ms in watch.liveness.latencies_ms]),
        faults,
        exact.command(),
        round(wall_s, 3),
    )


def _latency(slots: list[float]) -> Latency:
    if not slots:
        return Latency(0.0, 0.0, 0.0)
    ordered = sorted(slots)
    at = [ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] for percent in (50, 99)]
    return Latency(round(at[0], 3), round(at[1], 3), round(ordered[-1], 3))
