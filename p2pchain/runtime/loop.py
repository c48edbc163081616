"""The one loop of a node: an event in, the engine's answer performed in its order, the next event.

    edges -> receive/submit: open, verify -> inbox (bounded) -> engine.handle -> disk, signatures, network, clients

Only this loop calls the engine.  It waits for the disk and for nothing else; the edges wait for it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog
import trio

from p2pchain.chain.crypto import Verified, attest
from p2pchain.chain.errors import Code, Invalid, Refusal
from p2pchain.chain.mempool import Limits
from p2pchain.chain.transaction import Transaction
from p2pchain.node import effects as todo
from p2pchain.node import events
from p2pchain.node.effects import Effects, Publication, SubmitResult
from p2pchain.node.engine import Engine
from p2pchain.node.events import Event, Peer, RequestId
from p2pchain.node.intake import Intake, OpenedTransaction
from p2pchain.node.opening_sync import Question
from p2pchain.node.ports import Journal, Network, Store
from p2pchain.node.room import Room
from p2pchain.runtime.serving import Serving
from p2pchain.runtime.signing import SigningDesk
from p2pchain.runtime.turns import Turns
from p2pchain.runtime.verifier import Verifier
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.messages import ANSWER_BYTES_MAX, Blocks, Hello, Message, Proofs, Tips, Transactions

INBOX_MAX = 16
"""Verified events that wait.  A full inbox slows its senders down, and they take turns before it: so whatever one peer sends, a
vote of another waits behind these and one event of each other peer."""
TURN_S = 0.005
"""How long the loop takes what waits without giving way to the edges: were it one event for each of theirs, then the inbox
would be full whenever more than one peer has much to say."""
GOSSIPED_MAX = 2
"""Messages of transactions of one peer that wait to be verified: at most 2 MiB; a peer that sends more is read more slowly."""
JOURNAL_BYTES_MAX = 128 << 20
"""The journal of the mempool is rewritten when it has grown to this: twice what the pool itself may hold."""
SUBMIT_BATCH = 500
"""Transactions of one request that enter the engine at once: about 10 ms of work."""

Clock = Callable[[], int]
Publish = Callable[[Publication], None]


class Edges(NamedTuple):
    """What the loop writes to."""

    store: Store
    network: Network
    journal: Journal
    desk: SigningDesk | None
    """None for an observer."""
    publish: Publish


class NodeLoop:
    """Implements `node.ports.Inlet` for the edges, and owns the engine."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.intake = Intake(engine.core, engine.expects, engine.consensus.known_voters)
        self._connected: Edges | None = None
        self._clock = clock
        self._verifier = Verifier()
        self._send, self._receive = trio.open_memory_channel[Event](INBOX_MAX)
        self._gossiped = Turns[Peer, Transactions](GOSSIPED_MAX)
        self._serving = Serving()
        self._own: deque[Event] = deque()
        self._answers: dict[RequestId, Sequence[SubmitResult]] = {}
        self._waiting: dict[RequestId, trio.Event] = {}
        self._last_request = 0
        self._journal_bytes = 0
        self._turn_began = 0.0
        self._log = structlog.get_logger()
        self.alive_at = time.monotonic()
        """When the loop last finished an event: what the watchdog looks at."""

    def connect(self, edges: Edges) -> None:
        """Name the edges, once, before `run`: the network needs the loop to exist first."""
        self._connected = edges

    @property
    def _edges(self) -> Edges:
        assert self._connected is not None, "the loop was not connected"
        return self._connected

    # --- Inlet

    def tips(self) -> Tips:
        core = self.engine.core
        return Tips(core.tree.durable.subject, core.head.subject)

    async def peer_joined(self, peer: Peer, hello: Hello) -> None:
        await self._send.send(events.PeerJoined(peer, hello.tips))

    async def peer_left(self, peer: Peer) -> None:
        await self._send.send(events.PeerLeft(peer))

    async def receive(self, peer: Peer, message: Message) -> None:
        """Open, verify, hand over; a message that its sender could know to be wrong ends the connection.

        Transactions step aside, and so do questions: a vote that comes behind a thousand of them on one link must not wait for them.
        """
        if isinstance(message, Transactions):
            await self._gossiped.put(peer, message)
        elif isinstance(message, Question):
            await self._serving.put(peer, message)
        else:
            await self._open(peer, message)

    async def _open(self, peer: Peer, message: Message) -> None:
        try:
            opened = self.intake.open(peer, message)
            if opened is None:
                await trio.lowlevel.checkpoint()  # a flood of what is worth nothing takes turns with everybody else
                return
            event = opened.finish(await self._verifier.verify(opened.checks))
        except Invalid as refusal:
            text = f"{type(message).__name__}: {refusal}"[:200]
            raise ConnectionRefused(Reason.INVALID_DATA, text, self.intake.consequence(peer, message, refusal)) from None
        await self._send.send(event)

    async def submit(self, transactions: Sequence[bytes]) -> Sequence[SubmitResult]:
        """Take a client's transactions in batches; what is wrong with one is its own result."""
        results: list[SubmitResult] = []
        for start in range(0, len(transactions), SUBMIT_BATCH):
            results += await self._submit_batch(transactions[start : start + SUBMIT_BATCH])
        return results

    async def pause_production(self) -> None:
        await self._send.send(events.ProductionPaused())

    async def resume_production(self) -> None:
        await self._send.send(events.ProductionResumed())

    def change_limits(self, limits: Limits) -> None:
        """Of the mempool; before the next event that comes from outside."""
        self._own.append(events.LimitsChanged(limits))

    async def room_measured(self, room: Room) -> None:
        """How much room the disk has left: the engine stops producing before it is full."""
        await self._send.send(events.RoomMeasured(room))

    async def examine(self, transactions: Sequence[bytes]) -> tuple[Verified[Transaction] | Refusal, ...]:
        """Decode and verify, and take nothing."""
        opened = self.intake.open_submitted(transactions)
        checks = [check for item in opened if isinstance(item, OpenedTransaction) for check in item.checks]
        return _attest(opened, await self._verifier.verify(checks))

    async def _submit_batch(self, raw: Sequence[bytes]) -> Sequence[SubmitResult]:
        items = await self.examine(raw)
        self._last_request += 1
        request = RequestId(self._last_request)
        done = self._waiting[request] = trio.Event()
        try:
            await self._send.send(events.TransactionsSubmitted(request, items))
            await done.wait()
            return self._answers.pop(request)
        finally:
            del self._waiting[request]
            self._answers.pop(request, None)

    # --- the loop

    async def run(self) -> None:
        """For ever; only an error or a cancellation ends it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._take_turns, self._gossiped.take)
            nursery.start_soon(self._take_turns, self._serving.take)
            await self._handle(events.TimeReached())
            while True:
                await self._handle(await self._next_event())

    async def _take_turns(self, take: Callable[[], Awaitable[tuple[Peer, Message]]]) -> None:
        """What stepped aside, of peers who take turns: their order on a link is their order here."""
        while True:
            peer, message = await take()
            try:
                await self._open(peer, message)
            except ConnectionRefused as refused:
                self._edges.network.disconnect(peer, refused.reason, refused.message, refused.consequence)

    async def restore_pool(self) -> None:
        """Bring back what waited when the process ended; what no longer holds is dropped with its reason."""
        kept = await trio.to_thread.run_sync(self._edges.journal.load)
        results = await self.submit(kept)
        self._rewrite_journal()
        taken = sum(result.code in {None, Code.DUPLICATE} for result in results)
        settled = sum(result.code is Code.NONCE_TOO_LOW for result in results)
        if kept:
            self._log.info("mempool_restored", transactions=taken, settled=settled, dropped=len(kept) - taken - settled)

    async def _next_event(self) -> Event:
        if self._own:
            return self._own.popleft()
        wait_s = (self.engine.next_ms() - self._clock()) / 1000
        if wait_s > 0 and time.monotonic() - self._turn_began < TURN_S:
            with suppress(trio.WouldBlock):
                return self._receive.receive_nowait()
        try:
            return await self._wait_for_event(wait_s)
        finally:
            self._turn_began = time.monotonic()

    async def _wait_for_event(self, wait_s: float) -> Event:
        if wait_s <= 0:
            await trio.lowlevel.checkpoint()
            return events.TimeReached()
        with trio.move_on_after(wait_s):
            return await self._receive.receive()
        return events.TimeReached()

    async def _handle(self, event: Event) -> None:
        began_s = time.monotonic()
        await self._perform(self.engine.handle(event, self._clock()))
        self.alive_at = time.monotonic()
        self._serving.count(event, self.alive_at - began_s)

    async def _perform(self, effects: Effects) -> None:
        """Disk, signatures, network, clients, subscribers: in this order, always."""
        if effects.commit:
            self._edges.store.stage(effects.commit)
        if effects.commit or effects.sign:
            signatures = await trio.to_thread.run_sync(self._write, effects)
            self.engine.settled()
            assert self._edges.desk is not None or not effects.sign, "an observer never signs"
            if self._edges.desk is not None:
                pairs = zip(effects.sign, signatures, strict=True)
                self._own += [self._edges.desk.event(request, signature, self.intake) for request, signature in pairs]
        self._keep(effects.keep)
        for outgoing in effects.send:
            self._send_out(outgoing)
        for answer in effects.answer:
            if answer.request in self._waiting:
                self._answers[answer.request] = answer.results
                self._waiting[answer.request].set()
        for publication in effects.publish:
            self._edges.publish(publication)

    def _write(self, effects: Effects) -> list[bytes]:
        """In a worker thread: the batch is durable before any record is written, each record before its signature."""
        if effects.commit:
            self._edges.store.sync()
        desk = self._edges.desk
        return [desk.record(request) for request in effects.sign] if desk is not None else []

    def _keep(self, kept: Sequence[todo.KeepTransactions]) -> None:
        for keep in kept:
            raw = [transaction.raw for transaction in keep.transactions]
            self._journal_bytes += sum(map(len, raw))
            self._edges.journal.append(raw)
        if self._journal_bytes > JOURNAL_BYTES_MAX:
            self._rewrite_journal()

    def _rewrite_journal(self) -> None:
        pool = [transaction.raw for transaction in self.engine.core.pool]
        self._edges.journal.rewrite(pool)
        self._journal_bytes = sum(map(len, pool))

    def _send_out(self, outgoing: todo.Outgoing) -> None:
        network = self._edges.network
        match outgoing:
            case todo.Send():
                network.send(outgoing.peer, outgoing.message)
            case todo.Broadcast():
                network.broadcast(outgoing.message, outgoing.but)
            case todo.Disconnect():
                network.disconnect(outgoing.peer, outgoing.reason, outgoing.text, outgoing.consequence)
            case todo.SendFinalBlocks():
                found = self._edges.store.final_range(outgoing.from_height, outgoing.limit, ANSWER_BYTES_MAX)
                items = [part for block in found for part in (block.raw, block.certificate if outgoing.with_proofs else b"")]
                network.send(outgoing.peer, Blocks(outgoing.request, items))
            case todo.SendProofs():
                headers = self._edges.store.final_headers(outgoing.from_height, outgoing.limit, ANSWER_BYTES_MAX)
                network.send(outgoing.peer, Proofs(outgoing.request, [part for header in headers for part in header]))


def _attest(opened: Sequence[OpenedTransaction | Refusal], results: Sequence[bool]) -> tuple[Verified[Transaction] | Refusal, ...]:
    items: list[Verified[Transaction] | Refusal] = []
    at = 0
    for item in opened:
        if isinstance(item, Refusal):
            items.append(item)
            continue
        end = at + len(item.checks)
        verified = attest(item.value, results[at:end])
        items.append(verified or Invalid(Code.BAD_SIGNATURE, "a signature in this transaction is not its signer's", id=item.value.id))
        at = end
    return tuple(items)
