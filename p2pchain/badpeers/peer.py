"""One link of a bad peer: everything a true peer can say, and whatever else the attack makes of it.

Every peer has a node key and link keys of its own, made for this one connection.  `ending` is written once, by whoever
sees the end first; after that every call raises `Over`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

import trio
from nacl.signing import SigningKey

from p2pchain.badpeers.answers import Answer, Ending, Silent, answer_of
from p2pchain.badpeers.targets import Target
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import ZERO_HASH, BlockId, ChainId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.wire.connection import Connection
from p2pchain.wire.errors import ConnectionRefused
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.handshake import Credentials, Handshake, make_credentials
from p2pchain.wire.messages import Goodbye, Hello, Message, Ping, Pong, Status, Tips
from p2pchain.wire.noise import DH_BYTES
from p2pchain.wire.secure_connection import SecureConnection

AGENT = "p2pchain/badpeer"
NOTHING = Tips(Subject(Slot(0), Height(0), BlockId(ZERO_HASH)), Subject(Slot(0), Height(0), BlockId(ZERO_HASH)))
"""The tips of a node that has the genesis alone."""
WORDS_S = 3.0
"""What a node still has to say, once it takes nothing more, comes within this."""


class Over(Exception):  # noqa: N818  (the end of a link is what is waited for)
    """The link has ended; `BadPeer.ending` says how."""


class Identity(NamedTuple):
    """A node key and the link keys of one process."""

    signer: KeySigner
    credentials: Credentials


def new_identity(chain_id: ChainId) -> Identity:
    signer = KeySigner(SigningKey.generate())
    return Identity(signer, make_credentials(signer, chain_id, secrets.token_bytes(DH_BYTES)))


class BadPeer:
    def __init__(self, stream: trio.SocketStream, chain_id: ChainId, number: int, identity: Identity | None = None) -> None:
        """`number` tells the links of one campaign apart, so that each can try another case."""
        self.stream = stream
        self.chain_id = chain_id
        self.number = number
        self.identity = identity or new_identity(chain_id)
        self.handshake = Handshake(self.identity.credentials, secrets.token_bytes(DH_BYTES), dials=True)
        self.hello = Hello(AGENT, 0, NOTHING)
        self.is_mute = False
        """Whether the node's pings stay unanswered."""
        self.theirs: Tips = NOTHING
        """Where the node stands, as it said last."""
        self.ending: Ending | None = None
        self._began_s = trio.current_time()
        self._connection = Connection(self.hello)
        self._secure = SecureConnection(self.handshake, self._connection)
        self._heard: Iterator[Message] = iter(())
        self._over = trio.Event()
        self._writing = trio.Lock()
        """What is sealed first must leave first."""
        self.has_listener = False
        """Whether a task of its own listens, beside the one that speaks."""

    # what a true peer does

    async def join(self, hello: Hello | None = None) -> None:
        """Handshake and hellos; `Over` where the node does not want it."""
        await self.shake_hands()
        await self.send_frames(encode_frame(hello or self.hello))
        first = await self.hear()
        if not isinstance(first, Hello):
            self.conclude(Silent.BROKE_RULES, f"the node began with {type(first).__name__} where a hello is wanted")

    async def shake_hands(self) -> None:
        """Until the link is secure on this side; the last flight goes with the first frames."""
        await self.send_raw(self.take())
        while not self._secure.is_secure:
            self.read_flight(await self.receive())
        self._heard = self._secure.receive(b"")

    def take(self) -> bytes:
        """What the handshake says now."""
        return self._secure.take()

    def read_flight(self, data: bytes) -> None:
        try:
            self._secure.shake_hands(data)
        except ConnectionRefused as refusal:
            self.conclude(Silent.BROKE_RULES, f"handshake: {refusal}")

    async def say(self, *messages: Message) -> None:
        await self.send_frames(b"".join(map(encode_frame, messages)))

    async def hear(self) -> Message:
        """The next message; pings are answered on the way.  `Over` at the end."""
        while True:
            message = await self._next()
            match message:
                case Ping(token) if not self.is_mute:
                    await self.say(Pong(token))
                case Goodbye(reason, text):
                    self.conclude(answer_of(reason), text)
                case Hello():
                    self.theirs = message.tips
                    return message
                case Status():
                    self.theirs = message.tips
                    return message
                case _:
                    return message

    async def hear_end(self) -> NoReturn:
        """Whatever is heard, until the link ends."""
        while True:
            await (self.hear() if self._secure.is_secure else self.receive())

    # what only a bad one does

    def seal(self, frames: bytes) -> bytes:
        """The bytes of any frames, sealed as the node expects the next ones.  They must be sent."""
        return self._secure.seal(frames, self._now_ms())

    async def send_frames(self, frames: bytes) -> None:
        """Sealed, whatever they are."""
        async with self._writing:
            await self._write(self.seal(frames))

    async def send_raw(self, data: bytes) -> None:
        """As they are."""
        async with self._writing:
            await self._write(data)

    async def drip(self, data: bytes, pause_s: float) -> None:
        """Byte by byte, which is the attack."""
        for at in range(len(data)):
            await self.send_raw(data[at : at + 1])
            await trio.sleep(pause_s)

    async def hang_up(self) -> None:
        """Say that nothing follows, without a goodbye, and hear the rest."""
        async with self._writing:
            await self.stream.send_eof()

    async def receive(self) -> bytes:
        """The next bytes of the socket."""
        self._require_going_on()
        try:
            data = await self.stream.receive_some()
        except trio.BrokenResourceError as error:
            self.conclude(Silent.CLOSED, str(error.__cause__ or "reset"))
        if not data:
            self.conclude(Silent.CLOSED, "end of the stream")
        return bytes(data)

    def conclude(self, answer: Answer, text: str) -> NoReturn:
        """Write down how it ended, unless somebody did."""
        if self.ending is None:
            self.ending = Ending(answer, text, self.age_s)
            self._over.set()
        raise Over

    @property
    def age_s(self) -> float:
        return trio.current_time() - self._began_s

    async def _write(self, data: bytes) -> None:
        """Where the node takes nothing more, its last words are heard first."""
        self._require_going_on()
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError:
            await self._hear_last_words()

    async def _hear_last_words(self) -> NoReturn:
        with trio.move_on_after(WORDS_S):
            if self.has_listener:
                await self._over.wait()
                raise Over
            await self.hear_end()
        self.conclude(Silent.CLOSED, "it took nothing more")

    async def _next(self) -> Message:
        while True:
            self._require_going_on()
            try:
                for message in self._heard:
                    return message
            except ConnectionRefused as refusal:
                self.conclude(Silent.BROKE_RULES, str(refusal))
            self._heard = self._secure.receive(await self.receive())

    def _require_going_on(self) -> None:
        if self.ending is not None:
            raise Over

    def _now_ms(self) -> int:
        return int(trio.current_time() * 1000)


async def dial(target: Target, chain_id: ChainId, number: int, identity: Identity | None = None) -> BadPeer:
    """A connection on which nothing was said yet; `OSError` where the node does not accept."""
    stream = await trio.open_tcp_stream(target.host, target.port)
    return BadPeer(stream, chain_id, number, identity)
