"""`p2pchain sim --many`: seeds in worker processes, summed up, resumable, the first failing ones made small."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import NamedTuple

import click

from p2pchain.cli.failures import FAILED, Failure
from p2pchain.cli.simulating.progress import Meter, progress_of
from p2pchain.cli.simulating.state_file import StateFile, open_state
from p2pchain.cli.simulating.workers import Done, Lost, Task, run_all
from p2pchain.cli.testnet.interruption import Interruption, interruptions
from p2pchain.sim.many import Outcome, Plan, failure_of, limit_s, outcome_of
from p2pchain.sim.options import Options
from p2pchain.sim.run import run
from p2pchain.sim.shrink import RUNS_MAX, Shrunk, shrink
from p2pchain.sim.sums import Sums

SHRUNK_MAX = 3
"""Failing seeds that are made small: the first ones tell, and one bug breaks many."""


class Asked(NamedTuple):
    """What the command says beside the plan."""

    jobs: int
    state: Path | None
    shrinks: bool
    as_json: bool


def run_many(plan: Plan, asked: Asked) -> None:
    """Run what is not known yet, print the sums; `Failure` where something broke, was never reached, or was interrupted."""
    sums = Sums(plan)
    with interruptions() as interruption:
        with open_state(asked.state, plan) if asked.state else nullcontext(None) as state:
            known = state.known if state else {}
            for seed in plan.seeds():
                if seed in known:
                    sums.add(known[seed])
            with progress_of(sums, plan.count) as meter:
                _run_rest(plan, asked.jobs, _Keeping(sums, state, known), meter, interruption)
        shrunk = list(_shrink_first(plan, sums, asked.jobs, interruption)) if asked.shrinks else []
        _tell(plan, asked, meter, shrunk)
        _judge(plan, asked, sums, is_interrupted=bool(interruption))


class _Keeping(NamedTuple):
    """Where outcomes go."""

    sums: Sums
    state: StateFile | None
    known: dict[int, Outcome]

    def add(self, outcome: Outcome) -> None:
        if self.state:
            self.state.add(outcome)
        self.sums.add(outcome)


def _run_rest(plan: Plan, jobs: int, keeping: _Keeping, meter: Meter, interruption: Interruption) -> None:
    wanted = (plan.options(seed) for seed in plan.seeds() if seed not in keeping.known)
    tasks = (Task(options, limit_s(options)) for options in wanted)
    with closing(run_all(run_seed, tasks, jobs)) as answers:
        for answer in answers:
            match answer:
                case Done(value=outcome):
                    keeping.add(outcome)
                case Lost(argument=options, reason=reason):
                    keeping.add(failure_of(options, reason))
                case None:
                    pass
            meter.tick()
            if interruption:
                return


def run_seed(options: Options) -> Outcome:
    """In a worker."""
    return outcome_of(run(options, timer=time.perf_counter))


def shrink_seed(options: Options) -> Shrunk:
    """In a worker: once again, and smaller."""
    return shrink(options, run(options))


def _shrink_first(plan: Plan, sums: Sums, jobs: int, interruption: Interruption) -> Iterator[tuple[int, str, str]]:
    """Seed, words and command of the first failing seeds."""
    failing = [plan.options(outcome.seed) for outcome in sums.failing[:SHRUNK_MAX]]
    if not failing or interruption:
        return
    click.echo(f"making {len(failing)} of {len(sums.failing)} failing seeds small ...", err=True)
    tasks = [Task(options, limit_s(options) * RUNS_MAX) for options in failing]
    with closing(run_all(shrink_seed, tasks, jobs)) as answers:
        for answer in answers:
            match answer:
                case Done(argument=options, value=shrunk):
                    yield options.seed, shrunk.line(), shrunk.command
                case Lost(argument=options, reason=reason):
                    yield options.seed, f"could not be shrunk: {reason.strip().splitlines()[-1]}", options.command()
                case None:
                    pass
            if interruption:
                return


def _tell(plan: Plan, asked: Asked, meter: Meter, shrunk: list[tuple[int, str, str]]) -> None:
    sums = meter.sums
    shrunk.sort()
    if asked.as_json:
        parts = [{"seed": seed, "what": words, "command": command} for seed, words, command in shrunk]
        speed = {"wall_s": round(meter.wall_s, 3), "slots_per_s": round(meter.slots_per_s, 1), "terms": plan.terms()}
        click.echo(json.dumps(sums.to_json() | speed | {"shrunk": parts}))
        return
    for line in sums.lines():
        click.echo(line)
    for seed, words, _ in shrunk:
        click.echo(f"SHRUNK     seed {seed} {words}")
    click.echo(f"wall       {meter.wall_s:.1f} s here, {sums.run_s:.1f} s of runs in all; {meter.slots_per_s:,.0f} slots/s")


def _judge(plan: Plan, asked: Asked, sums: Sums, *, is_interrupted: bool) -> None:
    if is_interrupted and sums.seeds < plan.count:
        again = f"p2pchain sim {plan.terms()} --many {plan.count} --jobs {asked.jobs}"
        how = f"go on with: {again} --state {asked.state}" if asked.state else "nothing was kept, as there is no --state FILE"
        raise Failure(f"interrupted after {sums.seeds:,} of {plan.count:,} seeds; {how}", FAILED)
    objections = sums.objections()
    if objections:
        raise Failure("; ".join(objections), FAILED)
