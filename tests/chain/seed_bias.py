"""How much colluding delegates gain by withholding: `python -m tests.chain.seed_bias`.

The colluders want the last slot of the round to come, which is the seat from which a seed can be ground at all, so this
is their strongest wish: a gain feeds the next.  In the run of their own slots at the end of a round they know every
reveal of their own and none of the others'.  They try all 2**k ways to fill them (k at most 6); a way that leaves
the last slot empty leaves the seed to whoever closes the round after them, whose reveal they do not know.
"""

from __future__ import annotations

import random
from itertools import product
from typing import NamedTuple

from p2pchain.chain.params import Params
from p2pchain.chain.schedule import Schedule, next_seed
from p2pchain.chain.state import ActiveDelegate, Globals
from p2pchain.chain.terms import Terms

TERMS = Terms(1, Params())
RUN_MAX = 6


class Figures(NamedTuple):
    last_share: float
    """Share of rounds whose last slot the colluders had."""
    slots_share: float
    """Share of all slots that were theirs: what no seed can change."""
    withheld: float
    """Blocks that they gave up in a round."""


def measure(members: int, colluders: int, *, rounds: int, grinding: bool, seed: int = 1) -> Figures:
    chance = random.Random(seed)
    active = tuple(ActiveDelegate(bytes((number,)) * 32, bytes((number,)) * 32, 1) for number in range(members))
    guilty = {member.account for member in active[:colluders]}
    current, lasts, slots, withheld = chance.randbytes(32), 0, 0, 0
    for number in range(rounds):
        order = _order(current, number, active)
        lasts += order[-1] in guilty
        slots += sum(account in guilty for account in order)
        tail = 0
        while tail < min(RUN_MAX, members) and order[-1 - tail] in guilty:
            tail += 1
        mixed = next_seed(current, number, chance.randbytes(32))  # all reveals before the tail, unknown until then
        reveals = [chance.randbytes(32) for _ in range(tail)]
        ways = product((True, False), repeat=tail) if grinding and tail else [(True,) * tail]
        chosen = max((_value(way, mixed, reveals, number, active, guilty), -way.count(False), way) for way in ways)[2]
        withheld += chosen.count(False)
        current = _seed(chosen, mixed, reveals)
        if tail and not chosen[-1]:
            current = next_seed(current, number, chance.randbytes(32))
    return Figures(lasts / rounds, slots / rounds / members, withheld / rounds)


def _seed(way: tuple[bool, ...], mixed: bytes, reveals: list[bytes]) -> bytes:
    for place, (is_filled, reveal) in enumerate(zip(way, reveals, strict=True)):
        mixed = next_seed(mixed, place, reveal) if is_filled else mixed
    return mixed


def _value(
    way: tuple[bool, ...], mixed: bytes, reveals: list[bytes], number: int, active: tuple[ActiveDelegate, ...], guilty: set[bytes]
) -> float:
    """How likely the last slot of the next round is theirs, as far as they can know."""
    if way and not way[-1]:
        return len(guilty) / len(active)
    return float(_order(_seed(way, mixed, reveals), number + 1, active)[-1] in guilty)


def _order(seed: bytes, number: int, active: tuple[ActiveDelegate, ...]) -> list[bytes]:
    one = Schedule(Globals(number, 1, seed, seed, active, 0, 0, 0), TERMS)
    return [one.turn(1 + place).delegate.account for place in range(len(active))]


if __name__ == "__main__":
    for members, colluders in ((4, 1), (7, 2), (21, 1), (21, 6), (101, 1), (101, 33)):
        rounds = 200_000 // members
        plain, ground = (measure(members, colluders, rounds=rounds, grinding=grinding) for grinding in (False, True))
        print(  # noqa: T201  (a report)
            f"{colluders:3} of {members:3}, {rounds} rounds: last slot {plain.last_share:.3f} -> {ground.last_share:.3f}, "
            f"slots {plain.slots_share:.4f} -> {ground.slots_share:.4f}, blocks given up per round {ground.withheld:.3f}"
        )
