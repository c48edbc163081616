"""`p2pchain sim`: a whole network of the real engine in this process, from one seed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from p2pchain.cli.failures import FAILED, WRONG_USE, Failure
from p2pchain.cli.options import json_option
from p2pchain.cli.simulating.many import Asked, run_many
from p2pchain.cli.simulating.report_file import open_report
from p2pchain.sim.many import Plan
from p2pchain.sim.options import NODES_MAX, BadOption, Options, parse_faults
from p2pchain.sim.run import Result, run
from p2pchain.sim.shrink import Shrunk, shrink
from p2pchain.sim.sizes import parse_sizes

MANY_MAX = 10_000_000
JOBS_MAX = 256
SHOWN_MAX = 10
"""Violations: the first ones tell."""


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Makes the world: the same seed gives the same run.")
@click.option(
    "--nodes", default="4", show_default=True, help=f"Delegates in it, 1 to {NODES_MAX}; of a range as 4..31 the seed draws, mostly few."
)
@click.option("--slots", type=int, default=100, show_default=True, help="How long it runs.")
@click.option("--faults", default="all", show_default=True, help="all (the seed draws which), none, or names and groups with commas.")
@click.option("--crashed", type=int, default=0, show_default=True, help="Nodes that never start.")
@click.option("--liars", type=int, default=0, help="Dishonest delegates, also more than a chain can bear [the seed draws fewer].")
@click.option("--many", type=click.IntRange(1, MANY_MAX), metavar="COUNT", help="Run so many seeds, from --seed on, and sum up.")
@click.option("--jobs", type=click.IntRange(1, JOBS_MAX), help="Processes for --many [the cores of this machine].")
@click.option("--state", type=click.Path(path_type=Path), metavar="FILE", help="Keeps what --many has done, to go on after an end.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.html", help="Draw the run as a page that needs no network.")
@click.option("--no-shrink", is_flag=True, help="Leave failing runs as large as they are.")
@json_option
def sim(
    *,
    seed: int,
    nodes: str,
    slots: int,
    faults: str,
    crashed: int,
    liars: int,
    many: int | None,
    jobs: int | None,
    state: Path | None,
    report: Path | None,
    no_shrink: bool,
    as_json: bool,
) -> None:
    """Simulate a network with faults and judge it; exit 1 where an invariant did not hold."""
    with _wrong_use():
        plan = Plan(seed, many or 1, parse_sizes(nodes), slots, parse_faults(faults), crashed, liars)
        if many is not None:
            _refuse("--report draws one run, and --many runs many; name one of its seeds with --seed", report)
            plan.validate()
            run_many(plan, Asked(jobs or os.cpu_count() or 1, state, not no_shrink, as_json))
            return
        _refuse("--jobs is for --many; one run is one process", jobs)
        _refuse("--state is for --many; one run is not resumed", state)
        _run_one(plan.options(seed), report, shrinks=not no_shrink, as_json=as_json)


def _refuse(words: str, value: object) -> None:
    """An option that goes with other words of the command than these."""
    if value is not None:
        option, _, rest = words.partition(" ")
        raise BadOption(option, rest)


def _run_one(options: Options, report: Path | None, *, shrinks: bool, as_json: bool) -> None:
    with open_report(report, options) as drawing:
        result = run(options, drawing.recorder, time.perf_counter)
        drawing.draw(result)
    if not as_json:
        click.echo(summary(result))
    shrunk = shrink(options, result) if result.violations and shrinks else None
    if as_json:
        click.echo(json.dumps(to_json(result) | ({"shrunk": _shrunk_to_json(shrunk)} if shrunk else {})))
    elif shrunk:
        click.echo(f"SHRUNK     {shrunk.line()}")
    if result.violations:
        count = len(result.violations)
        raise Failure(f"{count} violation{'s' if count > 1 else ''}; again with: {result.command}", FAILED)


def _shrunk_to_json(shrunk: Shrunk) -> dict[str, object]:
    return {
        "faults": list(shrunk.result.faults),
        "slots": shrunk.options.slots,
        "invariant": shrunk.invariant,
        "runs": shrunk.runs,
        "command": shrunk.command,
    }


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
    shown = result.violations[:SHOWN_MAX]
    lines = [
        f"seed {result.seed}: {result.nodes} nodes, {result.slots} slots in {result.wall_s:.1f} s",
        f"faults     {', '.join(result.faults) or 'none'}",
        f"final      height {result.final_height}; slots to finality p50 {latency.p50:g}, p99 {latency.p99:g}, max {latency.max:g}",
        f"reached    {reached or 'nothing unusual'}",
        f"trace      {result.trace}",
        *(f"VIOLATION  {found.invariant} at node {found.node} in slot {found.slot}: {found.text}" for found in shown),
    ]
    if len(result.violations) > SHOWN_MAX:
        lines.append(f"           and {len(result.violations) - SHOWN_MAX} more violations, which --json prints")
    return "\n".join(lines if result.violations else [*lines, "no violation"])
