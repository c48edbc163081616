"""Edges that write down, in order, what the loop asks of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from p2pchain.chain.consequences import Consequence
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.mempool import Limits
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.types import ChainId
from p2pchain.chain.voting import SignState
from p2pchain.node.effects import Commit, Publication
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.events import Peer
from p2pchain.node.ports import PeerCounts, PeerRefusal, PeerView
from p2pchain.runtime.loop import Edges, NodeLoop
from p2pchain.runtime.signing import SigningDesk
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import BallotMessage, Message
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import signer


class Recorder:
    """One list of what happened, shared by all edges, so that their order can be asserted."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.disconnected: list[tuple[Peer, Reason]] = []
        self.journal: list[bytes] = []
        self.fails: str | None = None

    def note(self, what: str) -> None:
        if what == self.fails:
            raise OSError(f"{what} fails, as it was told")
        self.happened.append(what)


class RecordingStore(MemoryStore):
    def __init__(self, genesis: Genesis, recorder: Recorder) -> None:
        super().__init__(genesis)
        self._recorder = recorder

    def commit(self, commit: Commit) -> None:
        self._recorder.note("commit")
        super().commit(commit)


class RecordingNetwork:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def send(self, peer: Peer, message: Message) -> None:
        self._recorder.note(f"send {type(message).__name__}")

    def broadcast(self, message: Message, but: Collection[Peer]) -> None:
        kind = f" {message.ballot.kind.name}" if isinstance(message, BallotMessage) else ""
        self._recorder.note(f"broadcast {type(message).__name__}{kind}")

    def disconnect(self, peer: Peer, reason: Reason, text: str, consequence: Consequence) -> None:
        self._recorder.disconnected.append((peer, reason))

    def peers(self) -> Sequence[PeerView]:
        return []

    def refusals(self) -> Sequence[PeerRefusal]:
        return []

    def peer_counts(self) -> PeerCounts:
        return PeerCounts({}, {}, 0, 0, 0)


class RecordingStates:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.state = SignState()

    def load(self) -> SignState | None:
        return self.state

    def save(self, state: SignState) -> None:
        self._recorder.note("record")
        self.state = state


class RecordingJournal:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def append(self, transactions: Sequence[bytes]) -> None:
        self._recorder.journal += transactions

    def load(self) -> list[bytes]:
        return list(self._recorder.journal)

    def rewrite(self, transactions: Sequence[bytes]) -> None:
        self._recorder.journal[:] = transactions


class Clock:
    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def make_loop(genesis: Genesis, recorder: Recorder, clock: Clock) -> NodeLoop:
    """The loop of delegate 0 over recording edges."""
    store = RecordingStore(genesis, recorder)
    key = signer(1000)
    states = RecordingStates(recorder)
    identity = Identity(key.public_key, SignState(), RevealSecret.derive(key, genesis.chain_id))
    engine = Engine(genesis.spec(), store.recovered().root, store, identity, Limits(), clock())
    loop = NodeLoop(engine, clock)
    desk = SigningDesk(key, states, ChainId(genesis.chain_id))

    def publish(publication: Publication) -> None:
        recorder.note(f"publish {type(publication).__name__}")

    loop.connect(Edges(store, RecordingNetwork(recorder), RecordingJournal(recorder), desk, publish))
    return loop
