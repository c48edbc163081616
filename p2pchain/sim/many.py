"""Many seeds: which runs they are, and what is left of each when it is over.  Who runs them is not decided here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from p2pchain.sim.findings import Violation
from p2pchain.sim.options import ALL, NONE, Options, more_terms
from p2pchain.sim.run import Latency, Result
from p2pchain.sim.sizes import Sizes

SEED_LIMIT_S = 120
"""The least that a run may take before it counts as hanging."""
PAIR_SLOTS_PER_S = 100
"""The same for large runs: slots times nodes squared, a second; an idle core does about forty times as many."""
TEXT_LETTERS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Seeds from `first` on, and the kind of world that each gives."""

    first: int
    count: int
    sizes: Sizes
    slots: int = 100
    faults: frozenset[str] | None = None
    crashed: int = 0
    liars: int = 0

    def options(self, seed: int) -> Options:
        return Options(seed, self.sizes.draw(seed), self.slots, self.faults, self.crashed, self.liars)

    def validate(self) -> None:
        """`BadOption` where one of these worlds cannot be: the smallest one refuses most, the last seed is the largest."""
        for nodes in (self.sizes.low, self.sizes.high):
            Options(self.first, nodes, self.slots, self.faults, self.crashed, self.liars)
        Options(self.first + self.count - 1, self.sizes.low, self.slots, self.faults, self.crashed, self.liars)

    def seeds(self) -> range:
        return range(self.first, self.first + self.count)

    def terms(self) -> str:
        """What makes a seed's run, in the words of the command.  The count is none of it: more seeds may follow."""
        faults = ALL if self.faults is None else ",".join(sorted(self.faults)) or NONE
        more = more_terms(self.crashed, self.liars)
        return f"--seed {self.first} --nodes {self.sizes} --slots {self.slots} --faults {faults}{more}"


class Outcome(NamedTuple):
    """What is kept of one seed."""

    seed: int
    nodes: int
    slots: int
    final_height: int
    violations: tuple[Violation, ...]
    """The first of each invariant."""
    markers: Mapping[str, int]
    """Those that it reached."""
    latency: Latency
    wall_s: float
    command: str
    failure: str = ""
    """Why there is no result: the run died, hung or ended with an error."""

    @property
    def is_good(self) -> bool:
        return not self.violations and not self.failure


def limit_s(options: Options) -> float:
    """Seconds after which a run counts as hanging."""
    return SEED_LIMIT_S + options.slots * options.nodes**2 / PAIR_SLOTS_PER_S


def outcome_of(result: Result) -> Outcome:
    first: dict[str, Violation] = {}
    for violation in result.violations:
        first.setdefault(violation.invariant, violation._replace(text=violation.text[:TEXT_LETTERS_MAX]))
    return Outcome(
        result.seed,
        result.nodes,
        result.slots,
        result.final_height,
        tuple(first.values()),
        {name: count for name, count in result.markers.items() if count},
        result.latency_slots,
        result.wall_s,
        result.command,
    )


def failure_of(options: Options, reason: str) -> Outcome:
    """A seed that gave no result."""
    text = reason[-TEXT_LETTERS_MAX:]
    return Outcome(options.seed, options.nodes, options.slots, 0, (), {}, Latency(0.0, 0.0, 0.0), 0.0, options.command(), text)


def encode_outcome(outcome: Outcome) -> dict[str, object]:
    """As JSON has it."""
    fields = outcome._asdict()
    return fields | {"violations": [each._asdict() for each in outcome.violations], "latency": outcome.latency._asdict()}


def decode_outcome(fields: Mapping[str, Any]) -> Outcome:
    """The inverse; `KeyError`, `TypeError` or `ValueError` where it is none."""
    return Outcome(
        int(fields["seed"]),
        int(fields["nodes"]),
        int(fields["slots"]),
        int(fields["final_height"]),
        tuple(Violation(**each) for each in fields["violations"]),
        {str(name): int(count) for name, count in dict(fields["markers"]).items()},
        Latency(**fields["latency"]),
        float(fields["wall_s"]),
        str(fields["command"]),
        str(fields["failure"]),
    )
