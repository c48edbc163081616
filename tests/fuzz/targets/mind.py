"""The engine: messages of peers in any order through the real intake, with sound signatures or without, while time goes on.

The node is delegate 0 of four, its disk a fake one; peers hold the keys of all others (`tests.fuzz.prepared`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from p2pchain.chain.crypto import SignatureCheck, verify_batch
from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.node import effects as e
from p2pchain.node import events
from p2pchain.node.engine import WAITING_MAX
from p2pchain.node.events import Peer
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import (
    BY_TYPE,
    BallotMessage,
    BlockMessage,
    Blocks,
    CertificateMessage,
    GetBlocks,
    GetBranch,
    Message,
    Status,
    Tips,
    Transactions,
)
from tests.fakes.world import SimNode, World
from tests.fuzz.choices import Choices, block
from tests.fuzz.claims import told
from tests.fuzz.prepared import GENESIS, prepared
from tests.fuzz.target import Target
from tests.wire.samples import SAMPLES

STEPS_MAX = 48
PEERS = 4
NUMBERS = (0, 1, 2, 3, 7, 12, 500, 2**31, 2**62, 2**63 - 1)
(TICK, JOIN, LEAVE, BLOCK, BALLOT, CERTIFICATE, TRANSACTIONS, STATUS, ASK, ANSWER, RAW, CHANGED, PAUSE, RESTART) = range(14)


@lru_cache(maxsize=20_000)
def _is_valid(check: SignatureCheck) -> bool:
    return verify_batch([check])[0]


class Mind:
    """One node among peers that are nothing but bytes."""

    def __init__(self) -> None:
        self.world = World(GENESIS, 1)
        self.node: SimNode = self.world.nodes[0]
        self.node.send = self.send  # type: ignore[method-assign]
        self.asked: dict[int, int] = {}
        """Number of the last question to each peer."""
        self.joined: set[int] = set()
        self.final: list[bytes] = []
        self.words: set[str] = set()
        self.node.start()

    def send(self, out: e.Outgoing) -> None:
        match out:
            case e.Send(peer, GetBlocks() | GetBranch() as message):
                self.asked[peer] = message.request
            case e.SendFinalBlocks():
                assert len(self.node.final_range(out)) <= out.limit, "no more than was asked for"
            case e.Disconnect(peer, reason, text):
                assert text.isprintable(), f"a goodbye holds {text!r}"
                self.words.add(f"{Reason(reason).name} {text[:5]}")
                assert peer in self.joined or peer < PEERS, "only a peer is disconnected"
                self.leave(peer)
            case _:
                pass

    def join(self, peer: int, tips: Tips) -> None:
        if peer not in self.joined:
            self.joined.add(peer)
            self.node.handle(events.PeerJoined(Peer(peer), tips))

    def leave(self, peer: int) -> None:
        """The network tells the loop later; here it is the next thing that happens."""
        self.joined.discard(peer)

    def receive(self, peer: int, message: Message) -> None:
        """As the loop does it: what intake refuses ends the connection and never reaches the engine."""
        if peer not in self.joined:
            return
        try:
            opened = self.node.intake.open(Peer(peer), message)
            event = opened.finish([_is_valid(check) for check in opened.checks]) if opened is not None else None
        except Invalid as refusal:
            self.words.add(told(refusal))
            self.drop(peer)
            return
        if event is not None:
            self.node.handle(event)
            if peer not in self.joined:
                self.node.handle(events.PeerLeft(Peer(peer)))

    def drop(self, peer: int) -> None:
        if peer in self.joined:
            self.joined.discard(peer)
            self.node.handle(events.PeerLeft(Peer(peer)))

    def restart(self) -> None:
        self.node.crash()
        self.joined.clear()
        self.asked.clear()
        self.node.start()

    def require_sane(self) -> None:
        core = self.node.running.core
        assert self.node.running.waiting <= WAITING_MAX, "blocks that wait are bounded"
        assert set(core.peers) <= self.joined | set(range(PEERS)), "only peers are known"
        now = [block.raw for block in self.node.disk.final]
        assert now[: len(self.final)] == self.final, "finality never goes back (S4)"
        self.final = now
        assert core.head.height >= core.tree.root.height, "the head stands on what is final"
        assert self.node.running.next_ms() > 0
        for noted in self.node.noted:
            for value in noted.fields.values():
                assert not isinstance(value, str) or value.isprintable(), f"a log line holds {value!r}"


def _check(data: bytes) -> str:
    choices, mind = Choices(data), Mind()
    for _ in range(STEPS_MAX):
        if choices.is_over:
            break
        _step(mind, choices)
        mind.require_sane()
    height = min(len(mind.final), 9)
    word = min(mind.words, key=lambda text: (len(text), text)) if mind.words else "no refusal"
    return f"final {height}, contradictions {min(mind.node.contradictions, 2)}, {word}"


def _step(mind: Mind, choices: Choices) -> None:  # noqa: C901, PLR0912  (the table of steps)
    kind, peer = choices.number(14), choices.number(PEERS)
    made = prepared()
    match kind:
        case 0:
            mind.world.run(choices.pick((1, 50, 200, 500, 1_000, 3_000)))
        case 1:
            mind.join(peer, _tips(choices))
        case 2:
            mind.drop(peer)
        case 3:
            mind.receive(peer, BlockMessage(choices.pick(made.blocks)))
        case 4:
            mind.receive(peer, BallotMessage(choices.pick(made.ballots)))
        case 5:
            mind.receive(peer, CertificateMessage(choices.pick(made.certificates)))
        case 6:
            mind.receive(peer, Transactions(_some(choices, made.transactions)))
        case 7:
            mind.receive(peer, Status(_tips(choices)))
        case 8:
            mind.receive(peer, _question(choices))
        case 9:
            _answer(mind, peer, choices)
        case 10:
            _raw(mind, peer, choices.pick(sorted(BY_TYPE)), choices.block())
        case 11:
            _changed(mind, peer, choices)
        case 12:
            mind.node.handle(events.ProductionResumed() if choices.number(2) else events.ProductionPaused())
        case _:
            mind.restart()


def _tips(choices: Choices) -> Tips:
    return Tips(_subject(choices), _subject(choices))


def _subject(choices: Choices) -> Subject:
    number = choices.number(256)
    subjects = prepared().subjects
    if number < 200:
        return subjects[number % len(subjects)]
    return Subject(Slot(choices.pick(NUMBERS)), Height(choices.pick(NUMBERS)), BlockId(bytes([number]) * 32))


def _some(choices: Choices, items: Sequence[bytes]) -> list[bytes]:
    return [choices.pick(items) for _ in range(choices.number(6))]


def _question(choices: Choices) -> Message:
    if choices.number(2):
        return GetBlocks(choices.pick(NUMBERS), Height(max(1, choices.pick(NUMBERS))), choices.number(512) + 1)
    return GetBranch(choices.pick(NUMBERS), _subject(choices).block, _subject(choices).block)


def _answer(mind: Mind, peer: int, choices: Choices) -> None:
    """To the last question of the node, or to none; a piece of the line in order, or any blocks with any certificates."""
    made = prepared()
    request = mind.asked.get(peer, 0) if choices.number(8) else choices.pick(NUMBERS)
    start, size = choices.number(len(made.pairs)), choices.number(len(made.pairs) + 1)
    items = [part for pair in made.pairs[start : start + size] for part in pair]
    if not choices.number(4):
        items += [choices.pick(made.blocks), choices.pick((*made.certificates, b""))]
    mind.receive(peer, Blocks(request, items))


def _raw(mind: Mind, peer: int, number: int, body: bytes) -> None:
    try:
        message = BY_TYPE[number].decode(body)
    except Invalid as refusal:
        mind.words.add(told(refusal))
        mind.drop(peer)
        return
    mind.receive(peer, message)


def _changed(mind: Mind, peer: int, choices: Choices) -> None:
    """Something that is sound, but for one byte."""
    made = prepared()
    number, source = choices.pick(
        ((4, made.blocks), (6, made.certificates), (3, tuple(Transactions([raw]).encode() for raw in made.transactions)))
    )
    body = bytearray(choices.pick(source))
    body[choices.number(65_536) % len(body)] ^= 1 << choices.number(8)
    _raw(mind, peer, number, bytes(body))


def _seeds() -> list[bytes]:
    made = prepared()
    join = bytes((JOIN, 1, 6, 6, JOIN, 2, 0, 0))
    tick = bytes((TICK, 0, 3))
    line = b"".join(tick + bytes((BLOCK, 1, i)) + b"".join(bytes((BALLOT, 1, 6 * i + j)) for j in range(6)) for i in range(6))
    certified = b"".join(tick + bytes((BLOCK, 1, i, CERTIFICATE, 2, 2 * i, CERTIFICATE, 2, 2 * i + 1)) for i in range(7))
    answered = tick * 7 + bytes((ANSWER, 1, 1, 0, 7, 1)) + tick + bytes((ANSWER, 1, 1, 3, 4, 1))
    forks = tick * 12 + b"".join(bytes((BLOCK, 1, i)) for i in range(len(made.blocks) - 1, -1, -1))
    paid = b"".join(bytes((TRANSACTIONS, 2, 5, i, i + 1, i + 2, i + 3, i + 4)) for i in range(0, 20, 5)) + tick * 6
    asks = bytes((ASK, 1, 1, 1, 1, 0, 9, ASK, 1, 0, 1, 3, 0))
    numbers = sorted(BY_TYPE)
    raw = [bytes((RAW, 1, numbers.index(sample.TYPE), *block(sample.encode()))) for sample in SAMPLES]
    changed = b"".join(bytes((CHANGED, 1, i % 3, i, 0, 40 + i, i % 8, JOIN, 1, 6, 6)) for i in range(8))
    rest = bytes((PAUSE, 0, 0, RESTART, 0)) + join + tick + bytes((PAUSE, 0, 1, LEAVE, 1, STATUS, 2, 250, 9, 9, 251, 8, 8))
    bodies = (
        line,
        certified,
        answered,
        forks,
        paid,
        asks + line,
        b"".join(raw),
        *raw,
        changed,
        certified[:40] + rest + certified[20:],
        rest + forks,
    )
    return [join + body for body in bodies]


TARGETS = (
    Target(
        "engine",
        "a node that stands, within its bounds, whose final blocks stay final, whatever peers send in any order",
        _check,
        _seeds,
        size_max=1_024,
        cpu_s_max=2.0,
    ),
)
