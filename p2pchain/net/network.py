"""The whole of the links: `node.ports.Network` for the loop, and one task that lives as long as the node.

Two nurseries: the doors (listeners and dialler) close first; the room, where sessions live, is shielded so that each
of them can say goodbye, and has a deadline of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from functools import partial
from random import Random

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.chain.consequences import Consequence
from p2pchain.net.adjusting import partings
from p2pchain.net.announcing import Announcement
from p2pchain.net.ban_list import BanList
from p2pchain.net.bans import Kind as BanKind
from p2pchain.net.bans import describe_ban
from p2pchain.net.book.listing import list_book
from p2pchain.net.connect import is_address, resolve
from p2pchain.net.dial import Dialler
from p2pchain.net.endpoint import Endpoint, PeerAddress, parse_endpoint, plain_host, socket_endpoint
from p2pchain.net.errors import Unreachable
from p2pchain.net.exchange import Exchange
from p2pchain.net.keeping import BookFile, BookKeeper, open_book
from p2pchain.net.lanes import lane_of
from p2pchain.net.link import Link, decide_late
from p2pchain.net.listen import listening_endpoint, open_listeners
from p2pchain.net.lobby import Lobby
from p2pchain.net.outbound import Outbound
from p2pchain.net.room import Room
from p2pchain.net.roster import Roster
from p2pchain.net.session import Ends, Session, printable
from p2pchain.net.settings import GOODBYE_S, LEAVE_S, NetworkSettings
from p2pchain.net.telling import Telling, node_id
from p2pchain.node.events import Peer
from p2pchain.node.ports import BookView, Inlet, PeerCounts, PeerRefusal, PeerView
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.handshake import Handshake
from p2pchain.wire.messages import Hello, Message
from p2pchain.wire.noise import DH_BYTES


class PeerNetwork:
    def __init__(
        self,
        settings: NetworkSettings,
        *,
        inlet: Inlet,
        clock: Callable[[], int],
        random: Random,
        logger: FilteringBoundLogger,
        bans: BanList,
        book_file: BookFile | None = None,
    ) -> None:
        """`clock` gives Unix time in ms, for people and records; `random` is for jitter and for whom to dial."""
        self._settings = settings
        self._inlet = inlet
        self._clock = clock
        self._logger = logger
        self._places = room = Room(settings)
        chain_id = settings.credentials.chain_id
        self._roster = Roster(settings.credentials.node_key, room)
        self._telling = Telling(clock, logger)
        self.bans = bans
        self._dialler = Dialler(
            settings,
            enter=self._enter,
            find=self._roster.find,
            is_connected=self._is_connected,
            is_banned=bans.is_banned,
            random=random,
            logger=logger,
        )
        self.book = open_book(book_file, chain_id, logger)
        self._announcement = Announcement(
            None if settings.announce == "never" or not settings.exchange else settings.signer, chain_id, clock
        )
        self._exchange = Exchange(settings, self.book, self._announcement, room, clock=clock, random=random)
        self._outbound = Outbound(
            settings, self.book, self._dialler, self._roster, self._exchange, room, clock=clock, random=random, logger=logger
        )
        self._keeper = BookKeeper(self.book, book_file, chain_id, settings.tempo.save_ms, logger) if book_file is not None else None
        self._sessions: set[Session] = set()
        self._lobby = Lobby[Session]()
        self._closing = trio.Event()
        self._room: trio.Nursery | None = None
        self._endpoint: Endpoint | None = None

    # what the loop calls

    def send(self, peer: Peer, message: Message) -> None:
        session = self._roster.get(peer)
        if session is not None:
            session.send(message)

    def broadcast(self, message: Message, but: Collection[Peer]) -> None:
        frame = encode_frame(message)
        lane = lane_of(message)
        for peer, session in self._roster.items():
            if peer not in but and not session.is_visit:
                session.post(frame, lane)

    def disconnect(self, peer: Peer, reason: Reason, text: str, consequence: Consequence) -> None:
        session = self._roster.get(peer)
        if session is not None:
            session.end(reason, text, consequence)

    def peers(self) -> Sequence[PeerView]:
        return [_view(peer, session) for peer, session in self._roster.items() if session.ending is None]

    def refusals(self) -> Sequence[PeerRefusal]:
        return self._telling.refusals.listed()

    def list_book(self, limit: int) -> BookView:
        """The book's sizes and so many of its entries."""
        announced = [str(Endpoint(*each)) for each in self._announcement.endpoints()]
        return list_book(self.book, announced, limit)

    def peer_counts(self) -> PeerCounts:
        listed = self.bans.listed()
        cooling = sum(ban.kind is BanKind.ADDRESS for ban in listed)
        refusals = self._telling.refusals
        return PeerCounts(refusals.by_us, refusals.by_peers, self.bans.put, len(listed) - cooling, cooling)

    @property
    def listen_address(self) -> str:
        """`host:port` with the port that was really taken; only while the network runs."""
        assert self._endpoint is not None, "the network has not been started"
        return str(self._endpoint)

    # the life

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; reports `listen_address` once it accepts.  `ListenError` where it cannot."""
        listeners = await open_listeners(self._settings.listen)
        try:
            self._endpoint = listening_endpoint(listeners[0])
            self._announcement.listen(self._endpoint)
            async with trio.open_nursery() as nursery:
                self._room = await nursery.start(self._keep_room)
                nursery.start_soon(self.bans.run)
                await self._open_doors(listeners, task_status)
        finally:
            for listener in listeners:
                listener.socket.close()
            await self.bans.close()

    async def _open_doors(self, listeners: list[trio.SocketListener], task_status: trio.TaskStatus[str]) -> None:
        try:
            async with trio.open_nursery() as doors:
                doors.start_soon(partial(trio.serve_listeners, self._welcome, listeners, handler_nursery=self._room))
                doors.start_soon(self._dialler.run)
                self._start_discovery(doors)
                self._logger.info("listening for peers", address=self.listen_address)
                task_status.started(self.listen_address)
        finally:
            self._close_room()

    def _start_discovery(self, doors: trio.Nursery) -> None:
        if self._settings.exchange:
            doors.start_soon(self._outbound.run)
            if self._keeper is not None:
                doors.start_soon(self._keeper.run)
            if self._settings.announce not in {"", "never"}:
                doors.start_soon(self._announce, parse_endpoint(self._settings.announce))

    async def _announce(self, endpoint: Endpoint) -> None:
        """What the operator says; a name is resolved here, again and again, because records hold addresses."""
        resolving = trio.CapacityLimiter(1)
        pause_s = self._settings.backoff_max_ms / 1000
        while True:
            try:
                found = await resolve(endpoint, resolving)
                self._announcement.set_fixed([(host, endpoint.port) for host in found])
                if is_address(endpoint.host):
                    return
                pause_s = self._settings.tempo.seed_ms / 1000
            except Unreachable as error:
                self._logger.info("announced name cannot be resolved", name=endpoint.host, error=str(error))
            await trio.sleep(pause_s)

    def _is_connected(self) -> bool:
        return any(session.ending is None and not session.is_visit for session in self._roster.sessions())

    async def _keep_room(self, *, task_status: trio.TaskStatus[trio.Nursery]) -> None:
        async with trio.open_nursery() as room:
            room.cancel_scope.shield = True
            task_status.started(room)
            await self._closing.wait()

    def _close_room(self) -> None:
        assert self._room is not None
        for session in self._sessions:
            session.end(Reason.SHUTTING_DOWN, "this node is stopping")
        self._room.cancel_scope.deadline = trio.current_time() + GOODBYE_S + LEAVE_S
        self._closing.set()

    def adopt(self, settings: NetworkSettings) -> None:
        """The operator's new wishes; `listen`, `credentials` and what is announced stay as they are.  Whoever has no place is let go."""
        self._settings = settings
        for part in (self._places, self._exchange, self._outbound, self._dialler):
            part.adopt(settings)
        self.bans.spare(settings.named_keys.__contains__)
        for parting in partings(self._roster.sessions(), self._places, settings.peers_out_max):
            parting.session.end(parting.reason, parting.text)

    # sessions

    async def _welcome(self, stream: trio.SocketStream) -> None:
        """A connection came in."""
        if self._closing.is_set():
            return
        ends = _ends_of(stream)
        if not ends.far:
            return  # gone before it was looked at
        session = self._new_session(stream, ends.far, ends, outbound=False, came_from="inbound")
        displaced = self._lobby.enter(session, ends.far)
        if displaced is not None:
            displaced.abort()
        await self._host(session)

    def _enter(self, stream: trio.SocketStream, address: PeerAddress, came_from: str) -> Session:
        """A connection went out."""
        assert self._room is not None
        session = self._new_session(
            stream, str(address.endpoint), _ends_of(stream), outbound=True, wanted=address.node_key, came_from=came_from
        )
        self._room.start_soon(self._host, session)
        return session

    def _new_session(
        self, stream: trio.SocketStream, address: str, ends: Ends, *, outbound: bool, came_from: str, wanted: bytes | None = None
    ) -> Session:
        settings = self._settings
        decide_late(stream)
        handshake = Handshake(settings.credentials, secrets.token_bytes(DH_BYTES), dials=outbound, wanted=wanted)
        session = Session(
            Link(stream),
            handshake,
            self._hello(),
            address=address,
            outbound=outbound,
            outbox_bytes_max=settings.outbox_bytes_max,
            discovery=self._exchange,
            ends=ends,
            came_from=came_from,
            is_visit=settings.seed_only,
            exchange_ms=settings.tempo.exchange_ms,
            vet=self._vet,
            concluded=self._judge,
        )
        session.tell_slowed = self._telling.slowed
        self._sessions.add(session)
        return session

    def _hello(self) -> Hello:
        assert self._endpoint is not None
        return Hello(printable(self._settings.agent)[:64], self._endpoint.port, self._inlet.tips())

    async def _host(self, session: Session) -> None:
        try:
            await session.run(self._inlet, self._admit)
        finally:
            self._sessions.discard(session)
            self._lobby.leave(session)
            self._roster.leave(session)
        self._telling.ended(session)

    def _vet(self, newcomer: Session) -> None:
        """Who it is, is proven; nothing that it says is read before this."""
        assert newcomer.node_key is not None
        look = self.bans.of_link if newcomer.outbound else self.bans.of_newcomer
        ban = look(newcomer.node_key, newcomer.host)
        if ban is not None:
            raise ConnectionRefused(Reason.BANNED, describe_ban(ban, self._clock()))

    def _judge(self, session: Session) -> None:
        """A connection is about to end: what follows holds at once, also for the other connections of its node."""
        assert session.ending is not None
        if session.node_key is None:
            return  # nobody is blamed who has proven nothing
        came_from = "" if session.outbound else session.host
        ban = self.bans.punish(session.node_key, came_from, session.consequence, session.ending.text)
        if ban is not None:
            self.end_banned()

    def end_banned(self) -> None:
        """Say goodbye to everybody who is banned and connected."""
        for session in list(self._sessions):
            if session.node_key is None or session.ending is not None:
                continue
            ban = self.bans.of_link(session.node_key, session.host)
            if ban is not None:
                session.end(Reason.BANNED, describe_ban(ban, self._clock()))

    async def _admit(self, newcomer: Session) -> None:
        replaced = await self._roster.admit(newcomer)
        if replaced is not None:
            replaced.end(Reason.ALREADY_CONNECTED, "replaced by another connection")
        self._lobby.leave(newcomer)
        newcomer.connected_ms = self._clock()
        self._exchange.greet(newcomer)
        self._telling.connected(newcomer)


def _ends_of(stream: trio.SocketStream) -> Ends:
    try:
        far, near = socket_endpoint(stream.socket.getpeername()), socket_endpoint(stream.socket.getsockname())
    except OSError:
        return Ends()  # gone already, which its session will find out
    return Ends(plain_host(far.host), far.port, plain_host(near.host))


def _view(peer: Peer, session: Session) -> PeerView:
    assert session.theirs is not None
    return PeerView(
        peer,
        node_id(session),
        session.address,
        session.outbound,
        session.theirs.agent,
        session.connected_ms,
        session.link.bytes_in,
        session.link.bytes_out,
        session.came_from,
    )
