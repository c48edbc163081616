"""`p2pchain sim`: a whole network of the real engine in this process, from one seed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from p2pchain.cli.failures import FAILED, WRONG_USE, Failure
from p2pchain.cli.options import json_option
from p2pchain.sim.options import NODES_MAX, BadOption, Options, parse_faults
from p2pchain.sim.run import Result, run


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Makes the world: the same seed gives the same run.")
@click.option("--nodes", type=int, default=4, show_default=True, help=f"Delegates in it, 1 to {NODES_MAX}.")
@click.option("--slots", type=int, default=100, show_default=True, help="How long it runs.")
@click.option("--faults", default="all", show_default=True, help="all (the seed draws which), none, or names and groups with commas.")
@click.option("--crashed", type=int, default=0, show_default=True, help="Nodes that never start.")
@json_option
def sim(*, seed: int, nodes: int, slots: int, faults: str, crashed: int, as_json: bool) -> None:
    """Simulate a network with faults and judge it; exit 1 where an invariant did not hold."""
    with _wrong_use():
        options = Options(seed, nodes, slots, parse_faults(faults), crashed)
    result = run(options, timer=time.perf_counter)
    click.echo(json.dumps(to_json(result)) if as_json else summary(result))
    if result.violations:
        raise Failure(f"{len(result.violations)} violations; again with: {result.command}", FAILED)


@contextmanager
def _wrong_use() -> Iterator[None]:
    try:
        yield
    except BadOption as refusal:
        raise Failure(str(refusal), WRONG_USE) from None


def to_json(result: Result) -> dict[str, object]:
    """The names that others rely on, and `faults`."""
    return {
        "seed": result.seed,
        "nodes": result.nodes,
        "slots": result.slots,
        "trace": result.trace,
        "final_height": result.final_height,
        "violations": [violation._asdict() for violation in result.violations],
        "markers": result.markers,
        "latency_slots": result.latency_slots._asdict(),
        "wall_s": result.wall_s,
        "faults": list(result.faults),
    }


def summary(result: Result) -> str:
    latency = result.latency_slots
    reached = ", ".join(f"{name} {count}" for name, count in result.markers.items() if count)
    lines = [
        f"seed {result.seed}: {result.nodes} nodes, {result.slots} slots in {result.wall_s:.1f} s",
        f"faults     {', '.join(result.faults) or 'none'}",
        f"final      height {result.final_height}; slots to finality p50 {latency.p50:g}, p99 {latency.p99:g}, max {latency.max:g}",
        f"reached    {reached or 'nothing unusual'}",
        f"trace      {result.trace}",
        *(f"VIOLATION  {found.invariant} at node {found.node} in slot {found.slot}: {found.text}" for found in result.violations),
    ]
    return "\n".join(lines if result.violations else [*lines, "no violation"])
