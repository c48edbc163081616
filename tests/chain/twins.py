"""Twins: partitions, leaders and losses, over delegates of which some run twice with one key.

    python -m tests.chain.twins --members 4 --scenarios 65536                       all of two slots, then by seed
    python -m tests.chain.twins --members 7 --first 1000000 --scenarios 500000      a range of them, on another machine
    python -m tests.chain.twins --members 4 --twins 2 --scenarios 10000             more than tolerated: who is found?
    python -m tests.chain.twins --members 4 --amnesiacs 2 --scenarios 10000         the same without two signatures in one slot

A scenario says for each slot who leads it, which copies reach each other, which sort of message gets lost on the way
to whom; then the network heals.  Every scenario has a number: the first ones are all those of two slots, the
others are drawn, each from its own seed.  Claims, while at most f keys have two copies:

- S1: no two conflicting blocks become final;
- L2: every copy that is alone with its key has a new final block within f + 1 slots of the healing: the first that no twin leads;
- S2b: forensics and the nodes themselves name twins and nobody else, and name each one that some node heard contradict itself.

With more twins than tolerated, or as many single delegates that forget what they have confirmed, S1 may break; then
forensics names at least f + 1 keys, and no honest one (F16).
Bano, Sonnino, Chursin, Perelman, Li, Ching, Malkhi: "Twins: BFT Systems Made Robust", OPODIS 2021.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from functools import partial
from random import Random
from typing import NamedTuple

from p2pchain.chain.forensics import Amnesia, culprits
from tests.chain.adversary import MUTANTS, Rules
from tests.chain.twin_network import Network, Plan, Sort, key_of

LOSSES = (0, 1 << Sort.VOTE, 1 << Sort.CERTIFICATE | 1 << Sort.CONFIRM, 1 << Sort.CONFIRM)
"""What the systematic scenarios lose, towards everybody."""
DEPTH = 2
SEED = 20_261_124


class World(NamedTuple):
    """Which keys there are, and which twice: copies 0 to n - 1 have a key each, the others double the first keys."""

    members: int
    twins: int
    amnesiacs: int = 0
    """How many of the first keys may forget."""
    mutant: str | None = None
    seed: int = SEED

    @property
    def keys(self) -> tuple[int, ...]:
        return (*range(self.members), *range(self.twins))

    @property
    def dishonest(self) -> int:
        """The first keys are."""
        return max(self.twins, self.amnesiacs)

    @property
    def tolerated(self) -> int:
        return (self.members - 1) // 3


class Scenario(NamedTuple):
    plans: tuple[Plan, ...]
    heals_with: int
    """The leader of the first healed slot; the others follow in turn."""
    swapped: int = 0
    """Copies that hear of a twin's second block first, when it leads after the healing."""


class Sums(NamedTuple):
    """What scenarios came to: violations of the claims, then what was reached."""

    scenarios: int = 0
    conflicts: int = 0
    stalls: int = 0
    framed: int = 0
    missed: int = 0
    """Too few found: a conflict with fewer than f + 1 culprits, or a contradiction that was heard and is not among them."""
    contradicting: int = 0
    held_by_lock: int = 0
    forgotten: int = 0
    """Conflicts of which some culprit is known by its amnesia alone."""
    slowest: int = 0
    """Slots from the healing until everybody had a new final block."""
    first: str = ""

    def plus(self, other: Sums) -> Sums:
        added = Sums(*(mine + its for mine, its in zip(self[:8], other[:8], strict=True)))  # type: ignore[arg-type]
        return added._replace(slowest=max(self.slowest, other.slowest), first=self.first or other.first)

    def is_clean(self, world: World) -> bool:
        """With too many twins conflicts are what they can do, and a stall is what follows."""
        if world.dishonest > world.tolerated:
            return not self.framed and not self.missed
        return not (self.conflicts or self.stalls or self.framed or self.missed)


def scenario(world: World, index: int) -> Scenario:
    """The scenario of a number."""
    keys = world.keys
    choices = world.members * 2 ** (len(keys) - 1) * len(LOSSES)
    if index < choices**DEPTH:
        plans = []
        for _ in range(DEPTH):
            index, choice = divmod(index, choices)
            plans.append(_systematic(world, choice))
        return Scenario(tuple(plans), 0, swapped=0b101010101)
    return _drawn(world, Random(f"{world.seed}/{index}"))


def _systematic(world: World, choice: int) -> Plan:
    """Two groups, and one loss for all."""
    choice, leader = divmod(choice, world.members)
    split, loss = divmod(choice, len(LOSSES))
    everybody = (1 << len(world.keys)) - 1
    group = split << 1 | 1
    groups = tuple(group if group >> place & 1 else everybody & ~group for place in range(len(world.keys)))
    return Plan(leader, groups, LOSSES[loss], everybody)


def _drawn(world: World, random: Random) -> Scenario:
    """Up to three groups, which may stay for several slots; any losses to anybody; twins lead more than their share."""
    count = len(world.keys)
    everybody = (1 << count) - 1
    plans: list[Plan] = []
    groups: tuple[int, ...] = (everybody,) * count
    for _ in range(random.randint(2, 7)):
        if random.random() < 0.7:
            groups = _groups([random.randrange(random.choice((1, 2, 2, 3))) for _ in range(count)])
        leader = random.randrange(world.twins if world.twins and random.random() < 0.3 else world.members)
        lost = random.randrange(16) if random.random() < 0.5 else 0
        deaf, swapped = random.randrange(1 << count), random.randrange(1 << count)
        forgetful = random.randrange(1 << world.amnesiacs)
        plans.append(Plan(leader, groups, lost, deaf, swapped, forgetful, random.random() < 0.2))
    return Scenario(tuple(plans), random.randrange(world.members), random.randrange(1 << count))


def _groups(names: list[int]) -> tuple[int, ...]:
    sets = [sum(1 << place for place, name in enumerate(names) if name == which) for which in range(3)]
    return tuple(sets[name] for name in names)


def play(world: World, index: int) -> Sums:
    """One scenario, and whether it keeps the claims."""
    plot = scenario(world, index)
    network = Network(world.keys, MUTANTS[world.mutant] if world.mutant else Rules())
    slot = 0
    for plan in plot.plans:
        slot += 1
        network.play(slot, plan)
    slots = _heal(world, plot, network, slot)
    return _judged(world, network, slots, index)


def _heal(world: World, plot: Scenario, network: Network, slot: int) -> int | None:
    """Slots until every copy without a twin has a block final that is newer than the healing; None where they are too many."""
    everybody = ((1 << len(world.keys)) - 1,) * len(world.keys)
    single = [copy for copy in network.copies if copy.key >= world.dishonest]
    for count in range(world.dishonest + 1):
        network.play(slot + count + 1, Plan((plot.heals_with + count) % world.members, everybody, swapped=plot.swapped))
        if all(network.subjects[copy.root].slot > slot for copy in single):
            return count + 1
    return None


def _judged(world: World, network: Network, slots: int | None, index: int) -> Sums:
    dishonest = {key_of(key) for key in range(world.dishonest)}
    heard = {key_of(key) for key in range(world.members) if network.contradicting >> key & 1}
    proofs = culprits([key_of(key) for key in range(world.members)], network.ballots(), network.blocks())
    found = proofs.keys()
    conflict = network.conflict()
    is_framed = bool((found | heard) - dishonest)
    is_missed = bool(heard - found) or (conflict is not None and len(found) <= world.tolerated)
    is_forgotten = conflict is not None and any(isinstance(proof, Amnesia) for proof in proofs.values())
    sums = Sums(1, conflict is not None, slots is None, is_framed, is_missed, bool(heard), network.held_by_lock, is_forgotten, slots or 0)
    return (
        sums
        if sums.is_clean(world)
        else sums._replace(first=f"scenario {index}: final {conflict}, healed after {slots}, found {len(found)}")
    )


def play_range(world: World, first: int, count: int) -> Sums:
    sums = Sums()
    for index in range(first, first + count):
        sums = sums.plus(play(world, index))
    return sums


def _play_part(world: World, part: tuple[int, int]) -> Sums:
    return play_range(world, *part)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--twins", type=int, help="keys with two copies; as many as are tolerated, unless said")
    parser.add_argument("--amnesiacs", type=int, default=0, help="keys that forget what they confirmed; no twins then, unless said")
    parser.add_argument("--first", type=int, default=0, help="number of the first scenario: ranges can be split and taken up again")
    parser.add_argument("--scenarios", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    usual = 0 if chosen.amnesiacs else (chosen.members - 1) // 3
    world = World(chosen.members, usual if chosen.twins is None else chosen.twins, chosen.amnesiacs, chosen.mutant, chosen.seed)
    started = time.monotonic()
    last = chosen.first + chosen.scenarios
    parts = [(first, min(500, last - first)) for first in range(chosen.first, last, 500)]
    sums = Sums()
    with multiprocessing.Pool(chosen.jobs) as pool:
        for more in pool.imap(partial(_play_part, world), parts):
            sums = sums.plus(more)
    seconds = time.monotonic() - started
    told = world._asdict() | sums._asdict() | {"seconds": round(seconds, 1), "scenarios_per_s": round(sums.scenarios / seconds)}
    sys.stdout.write((json.dumps(told) if chosen.json else ", ".join(f"{name} {value}" for name, value in told.items())) + "\n")
    return 0 if sums.is_clean(world) else 1


if __name__ == "__main__":
    sys.exit(main())
