"""A world: nodes, links, time, faults and traffic, put together from a seed.

The safety phase has all faults; then the core is healed, more than two thirds of the delegates up and connected, and
the liveness phase begins.  In half of the worlds the rest stays half broken until the end (L4).
"""

from __future__ import annotations

from p2pchain.chain.types import PublicKey
from p2pchain.sim.agenda import Agenda
from p2pchain.sim.byzantine import STRATEGIES
from p2pchain.sim.byzantine.censor import Censor
from p2pchain.sim.byzantine.interface import Actor
from p2pchain.sim.checkers.culprits import CulpritsChecker
from p2pchain.sim.checkers.inclusion import InclusionChecker
from p2pchain.sim.checkers.liveness import WORST_SLOTS
from p2pchain.sim.disk import Disk
from p2pchain.sim.faults import BYZANTINE, draw_faults
from p2pchain.sim.lane import Connection
from p2pchain.sim.links import Ends, Links
from p2pchain.sim.memo import Memo
from p2pchain.sim.options import Options
from p2pchain.sim.pace import slot_ms
from p2pchain.sim.population import GENESIS_MS, Population, consensus_signer, draw_seats, drawn_population, quiet_population
from p2pchain.sim.process import Process
from p2pchain.sim.roles import Roles, draw_roles
from p2pchain.sim.scene import Scene
from p2pchain.sim.shared import Shared
from p2pchain.sim.streams import Streams
from p2pchain.sim.timeline import Timeline
from p2pchain.sim.tolerance import tolerated
from p2pchain.sim.topology import draw_pairs
from p2pchain.sim.traffic import Traffic
from p2pchain.sim.watch import Watch


class World:
    """Everything of one run."""

    def __init__(self, options: Options, timeline: Timeline | None = None) -> None:
        self.options = options
        self.streams = Streams(options.seed)
        self.faults = draw_faults(options.faults, self.streams, spendable=options.spendable)
        may_stand_by = self.faults and not options.liars  # so many liars are among the active delegates, and stay there
        seats = draw_seats(options.nodes, options.crashed, self.streams.of("seats")) if may_stand_by else options.nodes
        self.roles: Roles = draw_roles(options, seats, self.streams)
        byzantine = [fault for fault in self.faults if fault.group == BYZANTINE]
        self.roles = self.roles.assign([STRATEGIES[fault.name] for fault in byzantine], to_each=options.is_beyond)
        self.population = self._make_population(seats)
        self.spec = self.population.genesis.spec()
        self.slot_ms = slot_ms(self.spec)
        self.agenda = Agenda(GENESIS_MS)
        honest = frozenset(PublicKey(consensus_signer(node).public_key) for node in self.roles.honest)
        self.watch = Watch(self.population.genesis, self.agenda, honest, timeline)
        if options.is_beyond:
            self.watch.culprits = CulpritsChecker(self.population.genesis.schedule().keys, honest)
        self.processes = {number: self._make_process(number) for number in self.roles.everybody}
        self.links = self._make_links()
        self.watch.honest = lambda node: self.processes[node].is_honest
        self.watch.is_partitioned = self.links.is_partitioned
        shared = Shared(self.agenda, self.links, Memo(), self.watch, self.spec, self.population.limits)
        for process in self.processes.values():
            process.join_world(shared)
        self.traffic = Traffic(
            self.streams.of("traffic"),
            delegates=options.nodes,
            standby=options.nodes - self.population.seats,
            staking=bool(may_stand_by),
        )
        self._pace = self.streams.of("pace")
        self._choice = self.streams.of("clients")
        self._clients = self.roles.everybody[: options.nodes]

    # --- phases

    def start(self) -> None:
        """Everybody who takes part, at the genesis time."""
        for number, process in self.processes.items():
            process.is_absent = number in self.roles.absent
            self.agenda.at(GENESIS_MS, process.start)
        self._each_slot()

    def strike(self, concern: str, start_ms: int, end_ms: int, nodes: tuple[int, ...]) -> None:
        """Plan all faults of this world for a span and some nodes."""
        weak = tuple(node for node in self.roles.weak if node in nodes)
        for fault in self.faults:
            if fault.plan is not None:
                chance = self.streams.of(f"{concern}/{fault.name}")
                scene = Scene(self.agenda, self.links, self.processes, self.watch, chance, start_ms, end_ms, self.slot_ms, nodes, weak)
                fault.plan(scene)

    def heal(self) -> None:
        """All troubles are over, but for dishonesty; clients turn to the core."""
        self.watch.moment(-1, "heal")
        for process in self.processes.values():
            process.mend()
        self.links.mend()
        self._clients = list(self.core)

    @property
    def core(self) -> tuple[int, ...]:
        """The nodes that finality is owed to: honest, there, and of sound clock and memory."""
        struck = set(self.roles.weak) if any(fault.spends_tolerance and fault.plan for fault in self.faults) else set()
        rest = set(self.roles.faulty) if self.roles.rest_is_broken and self.faults else struck
        return tuple(node for node in self.roles.honest if node not in rest and node not in self.roles.absent)

    def demand_inclusion(self, from_ms: int) -> None:
        """L3, in a world where censors are the worst that is left."""
        names = {kind.NAME for node in self.roles.dishonest for kind in self.roles.strategies(node)}
        is_troubled = self.roles.rest_is_broken and any(fault.plan for fault in self.faults)
        if names == {Censor.NAME} and not is_troubled and not self.options.is_beyond:
            wait_ms = WORST_SLOTS * self.slot_ms if any(fault.plan for fault in self.faults) else 0
            self.watch.inclusion = InclusionChecker(tolerated(self.population.seats), self.slot_ms, from_ms + wait_ms)

    def run_until(self, end_ms: int) -> None:
        self.agenda.run_until(end_ms)

    def slot_start_ms(self, slot: int) -> int:
        return self.spec.slot_start_ms(slot)

    # --- parts

    def _make_population(self, seats: int) -> Population:
        seed, nodes = self.options.seed, self.options.nodes
        if not self.faults:
            return quiet_population(seed, nodes)
        return drawn_population(seed, nodes, seats, self.streams.of("population"))

    def _make_process(self, number: int) -> Process:
        signer = consensus_signer(self.roles.key_of(number))
        process = Process(number, signer, Disk(self.population.genesis), self.streams.of(f"disk/{number}"))
        kinds = self.roles.strategies(number)
        if kinds:
            process.is_honest = False
            process.is_copy = number >= self.options.nodes
            chance, allies = self.streams.of(f"strategy/{number}"), frozenset(self.roles.dishonest)
            process.make_strategies = lambda body: tuple(kind(Actor(body, chance, allies)) for kind in kinds)
        return process

    def _make_links(self) -> Links:
        chance = self.streams.of("topology")
        pairs = draw_pairs(len(self.roles.everybody), list(self.roles.sound), chance)
        processes = self.processes
        ends = Ends(
            lambda node: processes[node].is_up,
            self._join,
            lambda connection, node: processes[node].left(connection),
            lambda parcel: processes[parcel.target].deliver(parcel),
        )
        return Links(self.agenda, pairs, self.streams.of("links"), ends)

    def _join(self, connection: Connection) -> None:
        low, high = self.processes[connection.low], self.processes[connection.high]
        of_low, of_high = low.tips(), high.tips()
        low.joined(connection, of_high)
        high.joined(connection, of_low)

    def _each_slot(self) -> None:
        """At the beginning of a slot: look around, let strategies act, let clients want something."""
        slot = self.spec.slot_at(self.agenda.now_ms)
        self.watch.moment(-1, "slot", number=slot)
        for process in self.processes.values():
            if process.is_up:
                if process.is_honest:
                    self.watch.slot_passed(process)
                else:
                    process.slot_began(slot)
        self.agenda.after(self._pace.randint(0, self.slot_ms // 2), self._want)
        self.agenda.at(self.slot_start_ms(slot + 1), self._each_slot)

    def _want(self) -> None:
        """A client asks a node that is up; one that is down it cannot reach."""
        process = self.processes[self._choice.choice(self._clients)]
        if process.is_up and process.is_honest:
            self.traffic.submit(process)
