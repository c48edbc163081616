"""One connection from its first byte to its last: the handshake, then a reader and a writer, then a goodbye.

    secure -> hello heard -> admitted -> joined -> ... -> ended

Nothing but the handshake is ever sent in clear: before the link is secure it can only be closed.  Then the dialling end
says hello, the other answers once it has decided, so that a hello back means yes.  Whatever ends
a connection (the peer, the wire rules, the node, silence, slowness) is written down once, in `ending`, and nothing of
it leaves `run`; any other error does, and ends the process.  Only the writer writes: a goodbye waits for the frame that
is under way, because nothing can be said in the middle of one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import trio

from p2pchain.chain.consequences import Consequence
from p2pchain.net.endpoint import Endpoint
from p2pchain.net.errors import LinkLost
from p2pchain.net.groups import NOWHERE, Group, group_of_host
from p2pchain.net.lanes import Lane, lane_of
from p2pchain.net.link import Link
from p2pchain.net.meter import Kind, Meter, kind_of
from p2pchain.net.outbox import Outbox
from p2pchain.net.settings import GOODBYE_S, HANDSHAKE_S, KEEPALIVE_S, PROBE_S, SEAL_BYTES, SEND_BYTES_PER_S, SEND_S, SILENCE_S, VISIT_S
from p2pchain.net.talk import Talk
from p2pchain.node.events import Peer
from p2pchain.node.ports import Inlet
from p2pchain.wire.connection import Connection, State
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.handshake import Handshake
from p2pchain.wire.messages import GetPeers, Goodbye, Hello, Message, Peers, Ping, Pong
from p2pchain.wire.secure_connection import SecureConnection


class Ending(NamedTuple):
    """Why a connection is over."""

    reason: int | None
    """A number of `Reason`, or one unknown to us; None where the link was simply lost."""
    text: str
    by_us: bool


class Ends(NamedTuple):
    """The addresses of a connection; empty where it has none."""

    far: str = ""
    far_port: int = 0
    near: str = ""


NO_ENDS = Ends()


class Discovery(Protocol):
    """What a session tells of; `net.exchange` and `net.room` listen."""

    def vet(self, session: Session) -> None:
        """It has proven who it is; `ConnectionRefused` where that is not wanted here."""
        ...

    def hear(self, session: Session, message: GetPeers | Peers) -> None: ...

    def part(self, session: Session) -> None:
        """A visit has lasted long enough."""
        ...


class Session:
    def __init__(
        self,
        link: Link,
        handshake: Handshake,
        hello: Hello,
        *,
        address: str,
        outbound: bool,
        outbox_bytes_max: int,
        discovery: Discovery | None = None,
        ends: Ends = NO_ENDS,
        came_from: str = "",
        is_visit: bool = False,
        exchange_ms: int = 3_000,
        vet: Callable[[Session], None] = lambda _session: None,
        concluded: Callable[[Session], None] = lambda _session: None,
    ) -> None:
        """`vet` raises `ConnectionRefused` for whom the handshake has identified; `concluded` is told once, when `ending` is there."""
        self.link = link
        self.ends = ends
        self.group: Group = group_of_host(ends.far) if ends.far else NOWHERE
        self.came_from = came_from
        """How its address became known."""
        self.is_visit = is_visit
        """For addresses alone: the node is not told of it."""
        self.talk = Talk(exchange_ms / 1000)
        self._discovery = discovery
        self._origin = address
        self.host = ends.far
        """The address of the other end without its port, as the socket tells it."""
        self._vet = vet
        self._concluded = concluded
        self.outbound = outbound
        self.peer: Peer | None = None
        """Set when the connection is admitted."""
        self.joined_s: float | None = None
        """Trio's time when the node had been told of it."""
        self.connected_ms = 0
        self.ending: Ending | None = None
        self.consequence = Consequence.NOBODY
        """What the ending means for the other end."""
        self.ended = trio.Event()
        self._connection = Connection(hello)
        self._secure = SecureConnection(handshake, self._connection)
        self._outbox = Outbox(outbox_bytes_max)
        self.meter = Meter()
        """What it sends, by kind."""
        self.tell_slowed: Callable[[Session, Kind], None] = lambda _session, _kind: None
        """Called once for each kind that the peer sends too much of."""
        self._whole = trio.CancelScope()
        self._hearing = trio.CancelScope()
        self._writing = trio.CancelScope()
        self._parted_s: float | None = None
        self._life_sign = trio.Event()

    @property
    def theirs(self) -> Hello | None:
        """What the other end said first."""
        return self._connection.theirs

    @property
    def node_key(self) -> bytes | None:
        """Who the other end has proven to be."""
        return self._secure.node_key

    @property
    def address(self) -> str:
        """The address dialled; of an inbound connection the host, with the port it claims to listen on once it said so."""
        if self.outbound or self.theirs is None or not self.theirs.listen_port:
            return self._origin
        return str(Endpoint(self._origin, self.theirs.listen_port))

    # what the network calls

    def send(self, message: Message) -> None:
        if self.ending is None and self._connection.state is State.OPEN:
            self.post(self._connection.send(message), lane_of(message))

    def post(self, frame: bytes, lane: Lane) -> None:
        """Queue a frame that may be shared with other sessions.  Transactions that find no room are left out: they can be
        asked for, and a block asks for those it needs.
        """
        if self.ending is None and not self._outbox.put(frame, lane) and lane is not Lane.TRANSACTIONS:
            self.end(Reason.TOO_SLOW, f"{self._outbox.size} bytes are waiting to be read")

    def end(self, reason: Reason, text: str, consequence: Consequence = Consequence.NOBODY, *, before: Message | None = None) -> None:
        """Say goodbye and close, soon; nothing else is sent any more but what comes right `before` it."""
        if self.ending is None:
            self.consequence = consequence
            self._conclude(reason, text, by_us=True)
            self._parted_s = trio.current_time() + GOODBYE_S
            self._writing.deadline = self._parted_s
            last = encode_frame(before) if before is not None else b""
            self._outbox.close(last + self._connection.farewell(make_goodbye(reason, text)))

    def abort(self) -> None:
        """Close at once; only for a connection that has not been admitted."""
        assert self.peer is None, "an admitted peer gets a goodbye"
        self._conclude(None, "gave way to a newer connection", by_us=False)
        self._whole.cancel()

    async def is_alive(self) -> bool:
        """Whether anything is heard from the other end when asked."""
        heard = self._life_sign
        self.send(Ping(0))
        with trio.move_on_after(PROBE_S):
            await heard.wait()
        return heard.is_set() and self.ending is None

    async def run(self, inlet: Inlet, admit: Callable[[Session], Awaitable[None]]) -> None:
        """The whole life; `admit` raises `ConnectionRefused` or sets `peer`."""
        try:
            with self._whole:
                await self._hear(lambda: self._shake_hands(admit))
                if self.ending is None:
                    await self._converse(inlet)
                elif self.ending.by_us and self._secure.is_secure and not self.link.is_torn:
                    await self._write()
                if self.joined_s is not None and self.peer is not None:
                    await inlet.peer_left(self.peer)
                await self._part()
        finally:
            await self.link.close()
            self.ended.set()

    # the phases

    async def _shake_hands(self, admit: Callable[[Session], Awaitable[None]]) -> None:
        try:
            with trio.fail_after(HANDSHAKE_S):
                await self._become_secure()
                self._vet(self)
                if self._discovery is not None:
                    self._discovery.vet(self)
                if self.outbound:
                    await self._send(self._connection.greeting())
                message = await self._hear_first()
                if isinstance(message, Goodbye):
                    self._conclude(*message, by_us=False)
                    return
                await admit(self)
                if not self.outbound:
                    await self._send(self._connection.greeting())
        except trio.TooSlowError:
            raise ConnectionRefused(Reason.TIMEOUT, f"no handshake and hello within {HANDSHAKE_S:.0f} s") from None

    async def _become_secure(self) -> None:
        """The dialler's last word is left for `_send`, to go with its hello."""
        await self._say_in_clear()
        while not self._secure.is_secure:
            data = await self.link.receive()
            try:
                self._secure.shake_hands(data)
            except ConnectionRefused:
                await self._say_in_clear()  # so that a node of another network or version learns why
                raise
            if not self._secure.is_secure:
                await self._say_in_clear()

    async def _say_in_clear(self) -> None:
        if said := self._secure.take():
            await self.link.send(said)

    async def _converse(self, inlet: Inlet) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            await self._hear(lambda: self._read(inlet))
            assert self.ending is not None
            if not self.ending.by_us:
                nursery.cancel_scope.cancel()  # nobody is there to read

    async def _part(self) -> None:
        if self._parted_s is not None and not self._writing.cancelled_caught:
            try:
                with trio.CancelScope(deadline=self._parted_s):
                    await self.link.finish()
            except LinkLost:
                pass  # it closed first

    # reading

    async def _hear(self, act: Callable[[], Awaitable[None]]) -> None:
        """Run `act` until it is done or the connection has ended: the closed set of what may end one."""
        with trio.CancelScope() as self._hearing:
            if self.ending is not None:
                return
            try:
                await act()
            except LinkLost as lost:
                self._conclude(None, str(lost), by_us=False)
            except ConnectionRefused as refusal:
                self.end(refusal.reason, refusal.message, refusal.consequence)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                # of the inlet: the loop is gone, which ends the process and is told by the loop's own error
                self._conclude(None, "the node is stopping", by_us=False)

    async def _hear_first(self) -> Message:
        data = b""  # what came right after the handshake waits in the channel
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()  # it may have ended while these bytes were on their way to this task
            for message in self._secure.receive(data):
                return message
            data = await self.link.receive()

    async def _read(self, inlet: Inlet) -> None:
        assert self.peer is not None
        assert self.theirs is not None
        if self.is_visit:
            await self._read_visit()
            return
        await inlet.peer_joined(self.peer, self.theirs)
        self.joined_s = trio.current_time()
        await self._listen(self.peer, inlet)

    async def _read_visit(self) -> None:
        assert self.peer is not None
        assert self._discovery is not None, "somebody must end the visit"
        with trio.move_on_after(VISIT_S):
            await self._listen(self.peer, None)
        if self.ending is None:
            self._discovery.part(self)

    async def _listen(self, peer: Peer, inlet: Inlet | None) -> None:
        data = b""  # what came right after the hello waits in the connection
        while True:
            await self._take_in(data, peer, inlet)
            if self.ending is not None:
                return
            data = await self._receive()

    async def _receive(self) -> bytes:
        try:
            with trio.fail_after(SILENCE_S):
                data = await self.link.receive()
        except trio.TooSlowError:
            raise ConnectionRefused(Reason.TIMEOUT, f"nothing heard for {SILENCE_S:.0f} s") from None
        self._life_sign.set()
        self._life_sign = trio.Event()
        return data

    async def _take_in(self, data: bytes, peer: Peer, inlet: Inlet | None) -> None:
        if self.ending is not None:
            return
        for message in self._secure.receive(data):
            if wait_s := self.meter.wait_s(message, trio.current_time()):
                await self._slow_down(message, wait_s)
            match message:
                case Ping(token):
                    self.send(Pong(token))
                    await trio.lowlevel.checkpoint()  # a flood of pings takes turns with everybody else
                case Pong():
                    await trio.lowlevel.checkpoint()
                case Goodbye(reason, text):
                    self._conclude(reason, text, by_us=False)
                case GetPeers() | Peers():
                    if self._discovery is not None:
                        self._discovery.hear(self, message)
                    await trio.lowlevel.checkpoint()
                case _ if inlet is None:
                    await trio.lowlevel.checkpoint()  # a visit is not for that
                case _:
                    await inlet.receive(peer, message)

    async def _slow_down(self, message: Message, wait_s: float) -> None:
        """It sent more than its allowance: the bytes behind this message stay in the kernel for a while."""
        kind = kind_of(message)
        if self.meter.slowed[kind] == 1:
            self.tell_slowed(self, kind)
        await trio.sleep(wait_s)

    # writing

    async def _write(self) -> None:
        try:
            with self._writing:
                while batch := await self._next_batch():
                    with trio.fail_after(SEND_S + len(batch) / SEND_BYTES_PER_S):
                        await self._send(batch)
        except LinkLost as lost:
            self._conclude(None, str(lost), by_us=False)
        except trio.TooSlowError:
            self._conclude(Reason.TOO_SLOW, f"a write was not taken within {SEND_S:.0f} s", by_us=True)

    async def _send(self, frames: bytes) -> None:
        """Encrypted once, and in one write up to `SEAL_BYTES`."""
        for start in range(0, len(frames), SEAL_BYTES):
            await trio.lowlevel.checkpoint_if_cancelled()  # what is sealed and not sent would make all that follows unreadable
            await self.link.send(self._secure.seal(frames[start : start + SEAL_BYTES], int(trio.current_time() * 1000)))

    async def _next_batch(self) -> bytes:
        while True:
            with trio.move_on_after(KEEPALIVE_S):
                return await self._outbox.take()
            if self.ending is None:
                return encode_frame(Ping(0))

    # the end

    def _conclude(self, reason: int | None, text: str, *, by_us: bool) -> None:
        if self.ending is None:
            self.ending = Ending(reason, text, by_us)
            self._life_sign.set()
            self._hearing.cancel()
            self._concluded(self)


def make_goodbye(reason: Reason, text: str) -> Goodbye:
    """A goodbye that the wire accepts, whatever the text."""
    return Goodbye(int(reason), printable(text.encode("ascii", "replace").decode())[:200])


def printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
