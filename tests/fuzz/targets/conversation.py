"""A whole link: handshake, records, frames and messages in any order, against a real `SecureConnection` on either side.

The other end has keys and knows the protocol; the bytes decide what it says next, honest or not, and in which pieces.
"""

from __future__ import annotations

from p2pchain.wire.channel import SecureChannel
from p2pchain.wire.connection import Connection, State
from p2pchain.wire.errors import ConnectionRefused, LocalMisuse
from p2pchain.wire.framing import HEADER_BYTES, encode_frame
from p2pchain.wire.messages import MESSAGES, Goodbye, Hello, Message
from p2pchain.wire.noise import CipherState
from p2pchain.wire.secure_connection import SecureConnection
from tests.fuzz.choices import Choices, block
from tests.fuzz.claims import told
from tests.fuzz.target import Target
from tests.wire.ends import ACCEPTOR, DIALLER, NOW_MS, acceptor, dialler
from tests.wire.samples import OURS, SAMPLES, THEIRS

STEPS_MAX = 40
KEPT_MAX = max(message.BYTES_MAX for message in MESSAGES) + HEADER_BYTES
FLIGHT, SHAKE, SAMPLE, FRAME, SEALED, CLEAR, ANSWER, FAREWELL, PIECES = range(9)


class Link:
    """Both ends, and what the victim must have heard by now as long as the other has said nothing wrong."""

    def __init__(self, *, victim_dials: bool) -> None:
        self.victim = SecureConnection(dialler() if victim_dials else acceptor(), Connection(OURS))
        self.other = SecureConnection(acceptor() if victim_dials else dialler(), Connection(THEIRS))
        self.victim_key = (DIALLER if victim_dials else ACCEPTOR).public_key
        self.heard: list[Message] = []
        self.due: list[Message] | None = []
        """None once anything was said that need not be a message."""
        self.pieces = 4_096

    @property
    def state(self) -> State:
        return self.victim._connection.state

    def skip_handshake(self) -> None:
        """As after one: the handshake has targets of its own, and costs fifty times as much as what follows."""
        keys = b"\x07" * 32, b"\x08" * 32
        for end, node_key, (sending, receiving) in (
            (self.victim, self.other._handshake._credentials.node_key, keys),
            (self.other, self.victim_key, keys[::-1]),
        ):
            end.take()
            end._handshake.channel = SecureChannel(CipherState(sending), CipherState(receiving))
            end._handshake.node_key = node_key

    def flight(self) -> None:
        """What both sides of the handshake have to say now."""
        if not self.other.is_secure and (said := self.victim.take()):
            try:
                self.other.shake_hands(said)
            except ConnectionRefused:
                return  # the attacker made the handshake useless for itself; it may go on without one
        if not self.victim.is_secure:
            self.arrive(self.other.take())

    def seal(self, frames: bytes) -> None:
        if self.other.is_secure:
            self.arrive(self.other.seal(frames, NOW_MS))

    def arrive(self, data: bytes) -> None:
        """As a session does it: into the handshake until the link is secure, then through records and frames."""
        for start in range(0, len(data), self.pieces):
            if self.state is State.CLOSED:
                return
            piece = data[start : start + self.pieces]
            if not self.victim.is_secure:
                self.victim.shake_hands(piece)
                piece = b""
            if self.victim.is_secure:
                assert self.victim.node_key is not None, "nobody is heard who has not proven who it is"
                self.heard += self.victim.receive(piece)

    def expect(self, message: Message) -> None:
        """What an honest message must come to: heard, or refused."""
        if self.due is None or not self.other.is_secure:
            return
        if (self.state is State.FRESH and isinstance(message, Hello | Goodbye)) or (
            self.state is State.OPEN and not isinstance(message, Hello)
        ):
            self.due.append(message)
        elif self.state is not State.CLOSED:
            self.due = None


def _check(data: bytes) -> str:
    choices = Choices(data)
    mode = choices.number(4)
    link = Link(victim_dials=bool(mode & 1))
    if mode & 2:
        link.skip_handshake()
    try:
        for _ in range(STEPS_MAX):
            if choices.is_over or link.state is State.CLOSED:
                break
            _step(link, choices)
            _require_sane(link)
    except ConnectionRefused as refusal:
        _require_over(link)
        return f"{len(link.heard) > 0} {told(refusal)}"
    return f"{min(len(link.heard), 3)} heard, {link.state.name}, {'secure' if link.victim.is_secure else 'in clear'}"


def _step(link: Link, choices: Choices) -> None:
    match choices.number(9):
        case 0 | 1:
            link.flight()
        case 2:
            message = choices.pick(SAMPLES)
            link.expect(message)
            link.seal(encode_frame(message))
        case 3:
            number, body = choices.number(256), choices.block()
            link.due = None
            link.seal((len(body) + 1).to_bytes(4, "big") + bytes((number,)) + body)
        case 4:
            link.due = None
            link.seal(choices.block())
        case 5:
            link.due = None
            link.arrive(choices.block())
        case 6:
            _answer(link, choices.pick(SAMPLES))
        case 7:
            _part(link)
        case _:
            link.pieces = choices.number(256) + 1


def _answer(link: Link, message: Message) -> None:
    """The victim speaks: only on an open connection."""
    connection = link.victim._connection
    if link.state is State.OPEN:
        assert connection.send(message) == encode_frame(message)
        return
    try:
        connection.send(message)
    except LocalMisuse:
        return
    raise AssertionError(f"{type(message).__name__} sent while the connection is {link.state.name}")


def _part(link: Link) -> None:
    if link.victim.is_secure:
        goodbye = link.victim._connection.farewell(Goodbye(1, ""))
        assert link.victim.seal(goodbye, NOW_MS), "a goodbye can be said on any secure link"
        assert link.state is State.CLOSED


def _require_sane(link: Link) -> None:
    assert not link.heard or link.victim.is_secure, "nothing is heard in clear"
    assert link.due is None or link.state is State.CLOSED or link.heard == link.due, "what was said is what was heard"
    assert sum(isinstance(message, Hello) for message in link.heard) <= 1, "one hello"
    reader = link.victim._connection._reader
    assert len(reader._buffer) < KEPT_MAX, "one frame is kept"


def _require_over(link: Link) -> None:
    assert link.state is State.CLOSED, "a refusal ends the connection"
    assert link.victim.node_key in (None, link.other._handshake._credentials.node_key)


def _seeds() -> list[bytes]:
    hello, *others = (bytes((SAMPLE, i)) for i in range(len(SAMPLES)))
    handshake = bytes((FLIGHT,)) * 4
    frames = [bytes((FRAME, sample.TYPE)) + block(sample.encode()) for sample in SAMPLES]
    made = []
    for mode, before in ((0, handshake), (1, handshake), (2, b""), (3, b"")):
        start = bytes((mode,)) + before
        made += [start, start + hello + b"".join(others), start + hello + others[0] + bytes((ANSWER, 3, FAREWELL)), start + others[0]]
        made += [start + bytes((PIECES, 2)) + hello + others[2] + others[-1], start + bytes((CLEAR,)) + block(b"\x00" * 20)]
    made += [b"\x02" + hello + frame for frame in frames]
    made += [b"\x02" + hello + bytes((SEALED,)) + block(encode_frame(sample)[:-1]) + bytes((SEALED,)) + block(b"x") for sample in SAMPLES]
    return made


TARGETS = (
    Target(
        "conversation",
        "messages in order from who was proven, or one refusal, whatever is said in whichever state",
        _check,
        _seeds,
        size_max=2_048,
    ),
)
