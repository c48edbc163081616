"""Who is honest, who is not, who may be struck by what the others must be able to do without, and who never comes.

The seed puts all nodes in an order: the first f of them, fewer than a third, are the faulty ones; absent nodes come
first, then dishonest ones, and faults that a delegate does not get over by itself strike from the other end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from p2pchain.sim.byzantine.interface import Strategy
from p2pchain.sim.options import Options
from p2pchain.sim.streams import Streams
from p2pchain.sim.tolerance import tolerated


@dataclass(frozen=True, slots=True)
class Roles:
    """The parts that nodes play.  Copies of dishonest nodes have numbers above those of the nodes."""

    nodes: int
    faulty: tuple[int, ...]
    """At most f nodes that the network must be able to do without, absent ones excepted."""
    absent: frozenset[int]
    dishonest_wanted: int
    rest_is_broken: bool
    """Whether what is faulty stays half broken to the end (L4)."""
    strategies_of: tuple[tuple[int, tuple[type[Strategy], ...]], ...] = ()
    copies: tuple[int, ...] = ()
    """Whose key each node above `nodes` has."""

    @property
    def everybody(self) -> list[int]:
        return list(range(self.nodes + len(self.copies)))

    @property
    def dishonest(self) -> tuple[int, ...]:
        named = {node for node, _ in self.strategies_of}
        return tuple(node for node in self.everybody if self.key_of(node) in named)

    @property
    def honest(self) -> tuple[int, ...]:
        dishonest = set(self.dishonest)
        return tuple(node for node in range(self.nodes) if node not in dishonest)

    @property
    def sound(self) -> tuple[int, ...]:
        """Neither faulty nor absent."""
        return tuple(node for node in range(self.nodes) if node not in self.faulty and node not in self.absent)

    @property
    def weak(self) -> tuple[int, ...]:
        """Whom clocks and memory may fail."""
        return tuple(sorted(self.faulty[-max(1, len(self.faulty) - self.dishonest_wanted) :])) if self.faulty else ()

    def key_of(self, node: int) -> int:
        return node if node < self.nodes else self.copies[node - self.nodes]

    def strategies(self, node: int) -> tuple[type[Strategy], ...]:
        return dict(self.strategies_of).get(self.key_of(node), ())

    def assign(self, kinds: list[type[Strategy]], *, to_each: bool = False) -> Roles:
        """Give the dishonest nodes their strategies, in turn, or all of them to each."""
        members = self.faulty[: min(self.dishonest_wanted, len(self.faulty))]
        if not kinds or not members:
            return self
        given: dict[int, list[type[Strategy]]] = {node: [] for node in members}
        if to_each:
            given = {node: list(kinds) for node in members}
        for place in range(max(len(kinds), len(members))):
            mine = given[members[place % len(members)]]
            kind = kinds[place % len(kinds)]
            if kind not in mine:
                mine.append(kind)
        copies = tuple(node for node in members for _ in range(max(kind.COPIES for kind in given[node]) - 1))
        strategies = tuple((node, tuple(sorted(mine, key=lambda kind: kind.NAME))) for node, mine in sorted(given.items()))
        return replace(self, strategies_of=strategies, copies=copies)


def draw_roles(options: Options, seats: int, streams: Streams) -> Roles:
    """For a network with so many seats: whoever is elected, fewer than a third of them are faulty."""
    chance = streams.of("roles")
    order = chance.sample(range(options.nodes), options.nodes)
    spent = max(0, tolerated(seats) - options.crashed)
    absent, faulty = order[: options.crashed], order[options.crashed : options.crashed + max(spent, options.liars)]
    dishonest = chance.randint(1, max(1, spent))
    return Roles(options.nodes, tuple(faulty), frozenset(absent), options.liars or dishonest, rest_is_broken=chance.random() < 0.5)
