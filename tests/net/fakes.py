"""A recording inlet, a node on loopback, and a stranger whose bytes are in the test's hand."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import structlog
import trio
from nacl.signing import SigningKey
from structlog.processors import add_log_level
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import ZERO_HASH, BlockId, ChainId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.net.ban_list import BanList
from p2pchain.net.endpoint import parse_endpoint
from p2pchain.net.keeping import BookFile
from p2pchain.net.network import PeerNetwork
from p2pchain.net.settings import NetworkSettings
from p2pchain.node.effects import SubmitResult
from p2pchain.node.events import Peer
from p2pchain.wire.connection import Connection
from p2pchain.wire.errors import ConnectionRefused
from p2pchain.wire.handshake import Credentials, Handshake, make_credentials
from p2pchain.wire.messages import Goodbye, Hello, Message, Ping, Pong, Tips
from p2pchain.wire.secure_connection import SecureConnection

GENESIS = Subject(Slot(0), Height(0), BlockId(ZERO_HASH))
TIPS = Tips(GENESIS, GENESIS)
CHAIN = ChainId(b"\x07" * 32)
DEADLINE_S = 30.0
"""For a machine under load; a test that waits this long has failed."""
NOW_MS = 1_700_000_000_000


# a greater number has a greater key: which of two crossing connections is kept depends on it
NODE_SIGNERS = sorted((KeySigner(SigningKey(bytes([number]) * 32)) for number in range(16)), key=lambda signer: signer.public_key)


def key_of(number: int) -> bytes:
    return NODE_SIGNERS[number].public_key


def credentials_of(number: int, chain_id: ChainId = CHAIN) -> Credentials:
    """Fresh, as of a process that has just started."""
    return make_credentials(NODE_SIGNERS[number], chain_id, secrets.token_bytes(32))


def handshake_of(number: int, *, dials: bool, chain_id: ChainId = CHAIN) -> Handshake:
    return Handshake(credentials_of(number, chain_id), secrets.token_bytes(32), dials=dials)


def hello_of(number: int, listen_port: int = 0) -> Hello:
    return Hello(f"stranger/{number}", listen_port, TIPS)


class Pulse:
    """Lets a test wait for a state of affairs: whoever changes something beats."""

    def __init__(self) -> None:
        self._beat = trio.Event()

    def beat(self) -> None:
        self._beat.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        with trio.fail_after(DEADLINE_S):
            while not is_so():
                self._beat = trio.Event()
                await self._beat.wait()


class Recorder:
    """An inlet that writes everything down and checks the order of its calls."""

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self.joined: dict[Peer, Hello] = {}
        self.left: list[Peer] = []
        self.messages: list[tuple[Peer, Message]] = []
        self.refusal: ConnectionRefused | None = None
        self.gate = trio.Event()
        """Messages wait here; open at first."""
        self.gate.set()

    @property
    def present(self) -> set[Peer]:
        return set(self.joined) - set(self.left)

    def tips(self) -> Tips:
        return TIPS

    async def peer_joined(self, peer: Peer, hello: Hello) -> None:
        await trio.lowlevel.checkpoint()
        assert peer not in self.joined, "a peer joins once"
        self.joined[peer] = hello
        self.pulse.beat()

    async def peer_left(self, peer: Peer) -> None:
        await trio.lowlevel.checkpoint()
        assert peer in self.present, "a peer leaves once, after it joined"
        self.left.append(peer)
        self.pulse.beat()

    async def receive(self, peer: Peer, message: Message) -> None:
        await self.gate.wait()
        assert peer in self.present, "messages come between joining and leaving"
        if self.refusal is not None:
            raise self.refusal
        self.messages.append((peer, message))
        self.pulse.beat()

    async def submit(self, transactions: Sequence[bytes]) -> Sequence[SubmitResult]:
        raise NotImplementedError

    async def pause_production(self) -> None:
        raise NotImplementedError

    async def resume_production(self) -> None:
        raise NotImplementedError


@dataclass
class Node:
    settings: NetworkSettings
    inlet: Recorder
    network: PeerNetwork
    scope: trio.CancelScope
    stopped: trio.Event

    @property
    def address(self) -> str:
        return self.network.listen_address

    async def joined(self, count: int = 1) -> None:
        await self.inlet.pulse.until(lambda: len(self.inlet.present) == count)

    def peer(self) -> Peer:
        """The only one."""
        (peer,) = self.inlet.present
        return peer

    async def stop(self) -> None:
        self.scope.cancel()
        with trio.fail_after(DEADLINE_S):
            await self.stopped.wait()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        with self.scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.network.run)
                task_status.started()
        self.stopped.set()


class MemoryFile:
    """A `BanFile` without a disk."""

    def __init__(self, pulse: Pulse | None = None) -> None:
        self._pulse = pulse
        self.content: bytes | None = None
        self.aside: bytes | None = None

    def load(self) -> bytes | None:
        return self.content

    def save(self, content: bytes) -> None:
        self.content = content
        if self._pulse is not None:
            trio.from_thread.run_sync(self._pulse.beat)

    def set_aside(self) -> Path:
        self.aside, self.content = self.content, None
        return Path("aside")


class World:
    """The nodes of one test, what they log, and a way to wait for it."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.pulse = Pulse()
        self.now_ms = NOW_MS
        self.files: defaultdict[int, MemoryFile] = defaultdict(lambda: MemoryFile(self.pulse))
        """The lists of bans, by the number of their node: they outlive it."""
        self.logs: list[EventDict] = []
        self.clock: Callable[[], int] = lambda: self.now_ms
        self.book_files: dict[int, BookFile] = {}
        self.logger: FilteringBoundLogger = structlog.wrap_logger(
            structlog.PrintLogger(), processors=[add_log_level, self._log], wrapper_class=structlog.make_filtering_bound_logger(0)
        )

    def make(self, number: int, **changes: object) -> Node:
        """A node by its number, with changes to its settings."""
        values: dict[str, object] = {
            "listen": "127.0.0.1:0",
            "credentials": credentials_of(number),
            "agent": f"test/{number}",
            "backoff_max_ms": 200,
        }
        settings = NetworkSettings(**(values | changes))  # type: ignore[arg-type]
        inlet = Recorder(self.pulse)
        bans = BanList(self.files[number], lambda: self.now_ms, settings.named_keys.__contains__, self.logger)
        network = PeerNetwork(
            settings,
            inlet=inlet,
            clock=self.clock,
            random=Random(number),
            logger=self.logger,
            bans=bans,
            book_file=self.book_files.get(number),
        )
        return Node(settings, inlet, network, trio.CancelScope(), trio.Event())

    async def start(self, number: int, **changes: object) -> Node:
        """It is stopped at the end of the test."""
        node = self.make(number, **changes)
        await self.nursery.start(node.run)
        return node

    async def until(self, is_so: Callable[[], bool]) -> None:
        await self.pulse.until(is_so)

    def logged(self, event: str) -> list[EventDict]:
        return [entry for entry in self.logs if entry["event"] == event]

    def _log(self, _logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
        self.logs.append(entry)
        self.pulse.beat()
        raise structlog.DropEvent


class Stranger:
    """The other end of a connection, frame by frame or byte by byte."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, handshake: Handshake, hello: Hello) -> None:
        self.stream = stream
        self.connection = Connection(hello)
        self.secure = SecureConnection(handshake, self.connection)
        self._heard: Iterator[Message] = iter(())

    async def become_secure(self) -> None:
        """What it says last goes with its first frame, as a node does it."""
        if said := self.secure.take():
            await self.stream.send_all(said)
        while not self.secure.is_secure:
            self.secure.shake_hands(await self._receive())
            if not self.secure.is_secure:
                await self.stream.send_all(self.secure.take())
        self._heard = self.secure.receive(b"")  # what came right behind the handshake

    def sealed(self, frames: bytes) -> bytes:
        return self.secure.seal(frames, NOW_MS)

    async def send(self, frames: bytes) -> None:
        await self.stream.send_all(self.sealed(frames))

    async def greet(self) -> None:
        await self.become_secure()
        await self.send(self.connection.greeting())

    async def say(self, message: Message) -> None:
        await self.send(self.connection.send(message))

    async def hear(self) -> Message:
        """The next message."""
        while True:
            for message in self._heard:
                return message
            self._heard = self.secure.receive(await self._receive())

    async def hear_goodbye(self) -> Goodbye:
        """Whatever comes before is passed over."""
        while True:
            message = await self.hear()
            if isinstance(message, Goodbye):
                return message

    async def shake_hands(self) -> Hello:
        await self.greet()
        theirs = await self.hear()
        assert isinstance(theirs, Hello)
        return theirs

    async def ping(self) -> None:
        """Return when the other end has taken in everything that was said before."""
        await self.say(Ping(1))
        while not isinstance(await self.hear(), Pong):
            pass

    async def until_closed(self) -> bytes:
        """What was still said, as bytes."""
        said = bytearray()
        with trio.fail_after(DEADLINE_S):
            try:
                while data := await self.stream.receive_some():
                    said += data
            except trio.BrokenResourceError:
                pass
        return bytes(said)

    async def _receive(self) -> bytes:
        with trio.fail_after(DEADLINE_S):
            data = await self.stream.receive_some()
        assert data, "closed by the other end"
        return bytes(data)


async def meet(address: str, number: int, chain_id: ChainId = CHAIN) -> Stranger:
    stream = await trio.open_tcp_stream(*parse_endpoint(address))
    return Stranger(stream, handshake_of(number, dials=True, chain_id=chain_id), hello_of(number))
