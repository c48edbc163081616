"""One node of a world: engine, intake, signing desk and disk, with the shell's order of effects and nothing of the shell.

An event in, its effects in order: the batch is synced, then each record and its signature, then messages, answers and
publications; then the next event, own signed things first.  While the disk is busy everything else waits.  What the
real loop does with an error is done here too: the process ends and does not come back (S11).
"""

from __future__ import annotations

import random
import traceback
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.types import ChainId
from p2pchain.node import effects as e
from p2pchain.node import events
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.events import Event, Peer
from p2pchain.node.intake import Intake
from p2pchain.sim.byzantine.interface import Strategy
from p2pchain.sim.clocks import Clock
from p2pchain.sim.disk import Disk
from p2pchain.sim.lane import Connection, Parcel
from p2pchain.sim.receiving import Receiving, Submission
from p2pchain.sim.sending import Sending
from p2pchain.sim.shared import Shared
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import Message, Tips

T = TypeVar("T")
R = TypeVar("R")

INBOX_MAX = 4_096
"""What a node that stands still may have waiting; beyond it its peers give up on it, as a full outbox does."""


class Process:
    """A node that can be started, crashed, paused and started again."""

    def __init__(self, number: int, signer: KeySigner, disk: Disk, chance: random.Random) -> None:
        self.number = number
        self.signer = signer
        self.disk = disk
        self.is_honest = True
        self.is_copy = False
        self.engine: Engine | None = None
        self.is_paused = False
        self.is_broken = False
        """Ended by its own fault; nobody starts it again."""
        self.is_absent = False
        """Never started: a node that the world is told to do without."""
        self.life = 0
        self.make_strategies: Callable[[Process], tuple[Strategy, ...]] = lambda _: ()
        self.strategies: tuple[Strategy, ...] = ()
        self._chance = chance
        self._inbox: deque[Event | Parcel | Submission] = deque()
        self._own: deque[Event] = deque()
        self._writing: e.Effects | None = None
        self._is_written = False
        """The disk is done, but the process stands still."""
        self._is_pumping = False
        self._due_ms: int | None = None

    def join_world(self, shared: Shared) -> None:
        """Once, before anything else: the links need the processes to exist first."""
        self.shared = shared
        self.spec = shared.spec
        self.sending = Sending(self, shared)
        self.receiving = Receiving(self, shared)
        self.clock = Clock(shared.agenda.now_ms)

    # --- what the world does to it

    @property
    def is_up(self) -> bool:
        return self.engine is not None

    @property
    def running(self) -> Engine:
        assert self.engine is not None, f"node {self.number} is down"
        return self.engine

    def now_ms(self) -> int:
        """Time on its own clock."""
        return self.clock.read(self.shared.agenda.now_ms)

    def start(self) -> None:
        if self.is_up or self.is_broken or self.is_absent:
            return
        self.life += 1
        self.is_paused = False
        recovered = self.disk.ledger.recovered()
        self.shared.watch.started(self, recovered.root.subject)
        try:
            reveals = RevealSecret.derive(self.signer, ChainId(self.spec.chain_id))
            identity = Identity(key=self.signer.public_key, sign=self.disk.sign, reveals=reveals)
            engine = Engine(self.spec, recovered.root, self.disk.ledger, identity, self.shared.limits, self.now_ms())
            self.intake = Intake(engine.core, engine.expects, engine.consensus.known_voters, self.shared.memo.certificates)
            self.engine = engine
            read_block, read_certificate = self.intake.read_block, self.intake.read_certificate
            engine.restore([(read_block(item.raw)[0], read_certificate(item.certificate)) for item in recovered.unfinal])
        except Exception:  # noqa: BLE001  (whatever it is, it is the finding: S11)
            self._break()
            return
        self.strategies = self.make_strategies(self)
        self._take(events.TimeReached())
        self.shared.links.connect_all(self.number)
        if self.disk.journal:
            self._take(Submission(tuple(self.disk.journal)))

    def crash(self) -> None:
        """End at once; the disk keeps what it must."""
        if not self.is_up:
            return
        self.shared.watch.crashed(self)
        self._stop()

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            if self._is_written:
                self._synced()
            self._pump()

    def set_clock(self, *, jump_ms: int, drift_ppm: int) -> None:
        self.clock.drift(self.shared.agenda.now_ms, drift_ppm)
        self.jump_clock(jump_ms)

    def jump_clock(self, by_ms: int) -> None:
        self.shared.watch.moment(self.number, "clock", by_ms=by_ms)
        self.clock.jump(self.shared.agenda.now_ms, by_ms)
        self._due_ms = None
        self._arm()

    def lose_sign_state(self) -> None:
        """The record is gone, whole: nobody may notice that while the process runs."""
        if not self.is_up:
            self.disk.sign = None

    def mend(self) -> None:
        """All troubles of this machine are over."""
        self.disk.heal()
        self.clock.correct(self.shared.agenda.now_ms)
        self._due_ms = None
        self.start()
        self.resume()
        self._arm()

    # --- what comes in

    def joined(self, connection: Connection, tips: Tips) -> None:
        self._take(events.PeerJoined(Peer(connection.number), tips))

    def left(self, connection: Connection) -> None:
        self._take(events.PeerLeft(Peer(connection.number)))

    def deliver(self, parcel: Parcel) -> None:
        """Over a living connection.  Most frames say nothing new: one that finds the node at rest is looked at at once."""
        if self.engine is None:
            return
        if self._inbox or self._is_busy():
            self._take(parcel)
        elif (event := self._guarded(self.receiving.open, parcel)) is not None:
            self._take(event)

    def submit(self, *raw: bytes) -> None:
        """As a client of this node."""
        if self.is_up:
            self._take(Submission(raw))

    def tips(self) -> Tips:
        """For a hello: final is what is on disk."""
        core = self.running.core
        tips = Tips(core.tree.durable.subject, core.head.subject, core.blocks_from)
        for strategy in self.strategies:
            tips = strategy.tips(tips)
        return tips

    # --- what a strategy may do (byzantine.interface.Body)

    def connected(self) -> list[int]:
        return sorted(connection.other(self.number) for connection in self.shared.links.of(self.number).values())

    def speak(self, target: int, message: Message) -> None:
        self.sending.speak(target, encode_frame(message))

    def speak_bytes(self, target: int, frame: bytes) -> None:
        self.sending.speak(target, frame)

    def fall(self, down_ms: int) -> None:
        self.crash()
        self.shared.agenda.after(down_ms, self.start)

    def acted(self, strategy: str) -> None:
        self.shared.watch.acted(self.number, strategy)

    def later(self, delay_ms: int, action: Callable[[], None]) -> None:
        self.shared.agenda.after(delay_ms, self._if_alive, self.life, action)

    def slot_began(self, slot: int) -> None:
        for strategy in self.strategies:
            if self.is_up:
                strategy.slot_began(slot)

    # --- the loop

    def _take(self, item: Event | Parcel | Submission) -> None:
        self._inbox.append(item)
        if len(self._inbox) > INBOX_MAX:
            self.shared.links.drop_all(self.number)
            self._inbox = deque(kept for kept in self._inbox if not isinstance(kept, Parcel))
        self._pump()

    def _is_busy(self) -> bool:
        return self._writing is not None or self.is_paused or self._is_pumping

    def _pump(self) -> None:
        """Handle what waits, until the disk is waited for; what a step brings about for this node itself waits its turn."""
        if self._is_pumping:
            return
        while self.engine is not None and not self._is_busy() and (self._own or self._inbox):
            self._is_pumping = True
            self._guarded(self._step, self._own.popleft() if self._own else self._inbox.popleft())
            self._is_pumping = False
        self._arm()

    def _guarded(self, action: Callable[[T], R], item: T) -> R | None:
        """An error ends the node, as it ends the real process."""
        try:
            return action(item)
        except Exception:  # noqa: BLE001  (whatever it is, it is the finding: S11)
            self._break()
            return None

    def _step(self, item: Event | Parcel | Submission) -> None:
        match item:
            case Parcel():
                event = self.receiving.open(item) if self.shared.links.is_living(item.connection) else None
            case Submission():
                event = self.receiving.open_submission(item)
            case _:
                event = item
        if event is not None:
            self._handle(event)

    def _handle(self, event: Event) -> None:
        engine, watch = self.running, self.shared.watch
        watch.handling(self, event)
        effects = engine.handle(event, self.now_ms())
        if self.strategies:
            effects.sign = [request for request in effects.sign if all(strategy.signs(request) for strategy in self.strategies)]
        watch.decided(self, event, effects)
        if effects.commit or effects.sign:
            self._writing = effects
            self.disk.write(effects)
            self.shared.agenda.after(self._chance.randint(*self.disk.sync_ms), self._if_alive, self.life, self._synced)
        else:
            self._perform(effects)

    def _synced(self) -> None:
        """The disk is done: sign and go on."""
        if self.is_paused:
            self._is_written = True
            return
        effects, self._writing = self._writing, None
        assert effects is not None, "nothing was being written"
        self._is_written = False
        self.disk.sync()
        self._is_pumping = True
        self._guarded(self._go_on, effects)
        self._is_pumping = False
        self._pump()

    def _go_on(self, effects: e.Effects) -> None:
        """Everything is on disk."""
        self.running.settled()
        self._own += [self.receiving.sign(request) for request in effects.sign]
        self._perform(effects)

    def _perform(self, effects: e.Effects) -> None:
        """What follows the disk: messages, answers, publications."""
        for keep in effects.keep:
            self.disk.keep([transaction.raw for transaction in keep.transactions])
        for outgoing in effects.send:
            self.sending.send(outgoing)
        self.shared.watch.performed(self, effects)

    # --- time and the end

    def _arm(self) -> None:
        """See to it that the engine is called when it wants to be."""
        if self.engine is None or self._writing is not None or self.is_paused:
            return
        agenda = self.shared.agenda
        due = max(self.clock.true_ms(self.engine.next_ms()), agenda.now_ms + 1)
        if self._due_ms is None or due < self._due_ms or self._due_ms <= agenda.now_ms:
            self._due_ms = due
            agenda.at(due, self._tick, self.life, due)

    def _tick(self, life: int, due_ms: int) -> None:
        if life != self.life or due_ms != self._due_ms:
            return
        self._due_ms = None
        if self.engine is not None and self._writing is None and not self.is_paused and self.now_ms() >= self.engine.next_ms():
            self._take(events.TimeReached())
        else:
            self._arm()

    def _if_alive(self, life: int, action: Callable[[], None]) -> None:
        if life == self.life and self.is_up:
            action()

    def _stop(self) -> None:
        self.disk.crash(self._chance)
        self.engine = None
        self.strategies = ()
        self.life += 1
        self._writing = None
        self._is_written = False
        self._due_ms = None
        self._inbox.clear()
        self._own.clear()
        self.shared.links.close_all(self.number)

    def _break(self) -> None:
        self.is_broken = True
        self.shared.watch.broke(self, traceback.format_exc())
        self._stop()
