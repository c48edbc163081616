"""The sums of many seeds: what was run, what broke, what was reached and what never, and how much that says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from p2pchain.sim.many import Outcome, Plan
from p2pchain.sim.markers import MARKERS

LONG_SEEDS = 1_000
"""From so many seeds with all faults on, a marker that was never reached is a failure: what was meant to be tried was not."""
LISTED_MAX = 20
"""Seeds named for each invariant; the first ones tell."""


class Sums:
    """Grows by one outcome a seed, in any order."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.seeds = self.slots = self.final_blocks = 0
        self.run_s = 0.0
        self.broken: dict[str, list[Outcome]] = {}
        """Seeds by the invariant that they broke, lowest first and the first ones only once `seal`ed."""
        self.lost: list[Outcome] = []
        """Seeds without a result."""
        self.reached: Counter[str] = Counter(dict.fromkeys(MARKERS, 0))
        """In how many seeds each marker was."""
        self._nodes: Counter[int] = Counter()
        self._p50: list[float] = []
        self._p99: list[float] = []
        self._worst: tuple[float, int] = (0.0, 0)

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self._nodes[outcome.nodes] += 1
        if outcome.failure:
            self.lost.append(outcome)
            return
        self.slots += outcome.slots
        self.final_blocks += outcome.final_height
        self.run_s += outcome.wall_s
        self.reached.update(dict.fromkeys(outcome.markers, 1))
        for violation in outcome.violations:
            self.broken.setdefault(violation.invariant, []).append(outcome)
        if outcome.latency.max:
            self._p50.append(outcome.latency.p50)
            self._p99.append(outcome.latency.p99)
            self._worst = max(self._worst, (outcome.latency.max, -outcome.seed))

    # --- judgement

    @property
    def failing(self) -> list[Outcome]:
        """Seeds that broke something, lowest first."""
        return sorted({each.seed: each for found in self.broken.values() for each in found}.values(), key=lambda each: each.seed)

    @property
    def is_long(self) -> bool:
        return self._plan.faults is None and self.seeds >= LONG_SEEDS

    @property
    def never_reached(self) -> list[str]:
        return [name for name in MARKERS if not self.reached[name]]

    def objections(self) -> list[str]:
        """Why these runs failed, each in a line; empty where they did not."""
        found = [f"{invariant} broken in {_seeds(len(outcomes))}" for invariant, outcomes in sorted(self.broken.items())]
        if self.lost:
            found.append(f"{_seeds(len(self.lost))} without a result")
        if self.is_long and self.never_reached:
            found.append(f"never reached in {_seeds(self.seeds)}: {', '.join(self.never_reached)}")
        return found

    def bound(self) -> str:
        """What these seeds say about all others."""
        bad = len(self.failing) + len(self.lost)
        if not self.seeds:
            return "no seed was run, which says nothing"
        if bad:
            return f"{bad} of {_seeds(self.seeds)} failed: {bad / self.seeds:.2%}"
        rate = min(1.0, 3 / self.seeds)
        return f"no failure in {_seeds(self.seeds)} bounds the failure rate of such worlds by 3/{self.seeds} = {rate:.3%} at 95%"

    # --- for programs and for people

    def to_json(self) -> dict[str, object]:
        return {
            "seeds": self.seeds,
            "first_seed": self._plan.first,
            "wanted": self._plan.count,
            "slots": self.slots,
            "final_blocks": self.final_blocks,
            "nodes": {str(size): count for size, count in sorted(self._nodes.items())},
            "violations": {name: _named(outcomes) for name, outcomes in sorted(self.broken.items())},
            "failures": [{"seed": each.seed, "what": each.failure, "command": each.command} for each in _lowest(self.lost)],
            "markers": dict(self.reached),
            "never_reached": self.never_reached,
            "is_long": self.is_long,
            "latency_slots": self._latency(),
            "run_s": round(self.run_s, 3),
            "bound": self.bound(),
            "objections": self.objections(),
        }

    def lines(self) -> Iterator[str]:
        latency = self._latency()
        sizes = ", ".join(f"{size} ({count})" for size, count in sorted(self._nodes.items()))
        yield f"seeds      {self.seeds:,} of {self._plan.count:,} from {self._plan.first} on"
        yield f"run        {self.slots:,} slots, {self.final_blocks:,} final blocks"
        yield f"nodes      {sizes or 'none'}"
        yield (
            f"finality   in slots, when healed: half of the seeds have p50 below {latency['p50']:g}, 99 of 100 have p99 below "
            f"{latency['p99']:g}, max {latency['max']:g} (seed {latency['max_seed']})"
        )
        reached = ", ".join(f"{name} {count}" for name, count in self.reached.items() if count)
        yield f"reached    {reached or 'no marker'}  (in so many seeds)"
        if self.never_reached:
            weight = "" if self.is_long else f"  (judged from {LONG_SEEDS:,} seeds with --faults all)"
            yield f"NEVER      {', '.join(self.never_reached)}{weight}"
        for invariant, outcomes in sorted(self.broken.items()):
            yield f"VIOLATION  {invariant} in {_seeds(len(outcomes))}"
            yield from (f"           {each.command}" for each in _lowest(outcomes))
        for each in _lowest(self.lost):
            yield f"NO RESULT  seed {each.seed}: {each.failure.strip().splitlines()[-1]}"
            yield f"           {each.command}"
        yield f"bound      {self.bound()}"

    def _latency(self) -> dict[str, float | int]:
        """Over seeds in which something became final in time that counts: the median of p50, the 99th percentile of p99, the worst."""
        return {
            "p50": _percentile(self._p50, 50),
            "p99": _percentile(self._p99, 99),
            "max": self._worst[0],
            "max_seed": -self._worst[1],
        }


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0


def _lowest(outcomes: list[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda each: each.seed)[:LISTED_MAX]


def _named(outcomes: list[Outcome]) -> dict[str, object]:
    """How many, and of the first ones the seeds and the commands."""
    lowest = _lowest(outcomes)
    return {"count": len(outcomes), "seeds": [each.seed for each in lowest], "commands": [each.command for each in lowest]}


def _seeds(count: int) -> str:
    return f"{count:,} seed" if count == 1 else f"{count:,} seeds"
