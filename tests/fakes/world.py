"""A small network of real engines on a heap of (time, sequence, action): no Trio, no sockets, no disk.

Messages travel as encoded frames and are opened by the real intake, so everything but the shell is the node that runs.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from nacl.signing import SigningKey

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.block import Header, decode_envelope
from p2pchain.chain.crypto import Domain, KeySigner, Verified, attest, verify_batch
from p2pchain.chain.errors import Code, Invalid, Refusal
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.mempool import Limits
from p2pchain.chain.params import Params
from p2pchain.chain.recovery import Recoveries, Recovery
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.state import ACCOUNTS, Account
from p2pchain.chain.terms import PROTOCOL
from p2pchain.chain.transaction import Transaction, build_transaction
from p2pchain.chain.types import BlockId, ChainId, Height
from p2pchain.chain.votes import Ballot, Kind, encode_subject
from p2pchain.chain.voting import SignState
from p2pchain.node import effects as e
from p2pchain.node import events
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.events import Event, Peer, RequestId
from p2pchain.node.intake import Intake, require_verified
from p2pchain.node.ports import FinalBlock
from p2pchain.node.producer import sealed
from p2pchain.wire.framing import FrameReader, encode_frame
from p2pchain.wire.messages import ANSWER_BYTES_MAX, MESSAGES, Blocks, Message, Proofs
from tests.fakes.memory_store import MemoryStore

ALL_TYPES = frozenset(message.TYPE for message in MESSAGES)
GENESIS_MS = 1_700_000_000_000


def signer(seed: int) -> KeySigner:
    """A key that is the same in every run."""
    return KeySigner(SigningKey(seed.to_bytes(32, "big")))


def make_genesis(delegates: int = 4, accounts: int = 4, registered: int | None = None, **params: int) -> Genesis:
    """`delegates` seats for the `registered` ones with the most stake, which grows with their number.

    Delegate i signs with key 1000 + i and its account with key 2000 + i; account i is key 3000 + i.
    """
    return Genesis(
        name="world",
        address_prefix="p2p",
        genesis_ms=GENESIS_MS,
        params=Params(**{"delegates": delegates, **params}),
        accounts=tuple(GenesisAccount(signer(3000 + i).public_key, 10**12) for i in range(accounts)),
        delegates=tuple(
            GenesisDelegate(signer(2000 + i).public_key, signer(1000 + i).public_key, 500, 10**9 + i)
            for i in range(registered or delegates)
        ),
    )


class Disk(MemoryStore):
    """What survives a crash of a node: the store and the sign state."""

    def __init__(self, genesis: Genesis) -> None:
        super().__init__(genesis)
        self.sign: SignState | None = SignState()


class World:
    """Nodes, links and time."""

    def __init__(self, genesis: Genesis, nodes: int, *, observers: int = 0, seed: int = 0, delay_ms: tuple[int, int] = (1, 20)) -> None:
        self.genesis = genesis
        self.spec = genesis.spec()
        self.random = random.Random(seed)
        self.delay_ms = delay_ms
        self.now_ms = GENESIS_MS
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0
        self.cut: set[tuple[int, int]] = set()
        self.drops: Callable[[int, int, Message], bool] = lambda _source, _target, _message: False
        """Messages that vanish by their content."""
        self.loss = 0.0
        """Share of messages that vanish."""
        self.nodes: list[SimNode] = [SimNode(self, i, Disk(genesis), is_delegate=i < nodes) for i in range(nodes + observers)]

    def start(self, *numbers: int) -> None:
        """Start these nodes, or all."""
        for node in self.nodes if not numbers else [self.nodes[number] for number in numbers]:
            node.start()

    def crash(self, *numbers: int) -> None:
        for number in numbers:
            self.nodes[number].crash()

    def up(self) -> list[SimNode]:
        return [node for node in self.nodes if node.engine is not None]

    def check(self) -> None:
        """S1 and S5 over all disks: one final chain, one state where two nodes stand at one height."""
        longest = max((node.disk.final for node in self.nodes), key=len)
        for node in self.nodes:
            ids = [block.raw for block in node.disk.final]
            assert ids == [block.raw for block in longest[: len(ids)]], f"node {node.number} finalised another chain (S1)"
            if len(ids) == len(longest):
                assert node.disk.rows == self.longest().disk.rows, "equal blocks, different state (S5)"

    def longest(self) -> SimNode:
        return max(self.nodes, key=lambda node: len(node.disk.final))

    def final_height(self) -> int:
        return len(self.longest().disk.final)

    def at(self, when_ms: int, action: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (when_ms, self._sequence, action))

    def run(self, duration_ms: int) -> None:
        end = self.now_ms + duration_ms
        while self._heap and self._heap[0][0] <= end:
            when, _, action = heapq.heappop(self._heap)
            self.now_ms = max(self.now_ms, when)
            action()
        self.now_ms = end

    def transmit(self, source: int, target: int, message: Message) -> None:
        if target >= len(self.nodes) or (source, target) in self.cut or self.random.random() < self.loss:
            return
        if self.drops(source, target, message):
            return
        frame = encode_frame(message)
        link = self.nodes[target]
        life = link.life
        self.at(self.now_ms + self.random.randint(*self.delay_ms), lambda: link.receive(source, frame, life))


class SimNode:
    """One engine with its disk; peers are the other nodes' numbers."""

    def __init__(self, world: World, number: int, disk: Disk, *, is_delegate: bool) -> None:
        self.world = world
        self.number = number
        self.disk = disk
        self.signer = signer(1000 + number)
        self.life = 0
        self.engine: Engine | None = None
        self.final: list[tuple[int, BlockId]] = []
        self.answers: list[e.Answer] = []
        self.signed: dict[tuple[Kind, int], bytes] = {}
        self.noted: list[e.Noted] = []
        self.disconnects: list[e.Disconnect] = []
        """Honest nodes never disconnect honest nodes: tests without a liar assert that this stays empty."""
        self.contradictions = 0
        self.latencies_ms: list[int] = []
        """From the beginning of a block's slot until it was final here."""
        self.is_delegate = is_delegate
        self.supported = PROTOCOL
        """Newest version of the protocol that this node's program knows."""
        self.outgrown: e.ProtocolOutgrown | None = None
        self.recoveries: tuple[Recovery, ...] = ()
        """What the operator of this node installed; read when it starts."""

    @property
    def running(self) -> Engine:
        assert self.engine is not None
        return self.engine

    def start(self) -> None:
        world, disk = self.world, self.disk
        self.life += 1
        spec = world.spec
        recovered = disk.recovered()
        reveals = RevealSecret.derive(self.signer, ChainId(spec.chain_id))
        identity = Identity(self.signer.public_key, disk.sign, reveals) if self.is_delegate else Identity()
        recoveries = Recoveries(self.recoveries)
        self.engine = Engine(spec, recovered.root, disk, identity, Limits(), world.now_ms, supported=self.supported, recoveries=recoveries)
        self.engine.core.blocks_from = Height(disk.blocks_from)
        self.intake = Intake(self.engine.core, self.engine.expects, self.engine.consensus.known_voters)
        read = self.intake.read_block, self.intake.read_certificate
        self.engine.restore([(read[0](item.raw)[0], read[1](item.certificate)) for item in recovered.unfinal])
        self.handle(events.TimeReached())
        for other in world.nodes:
            if other is not self and other.engine is not None:
                self.handle(events.PeerJoined(Peer(other.number), other.engine.core.tips()))
                other.handle(events.PeerJoined(Peer(self.number), self.engine.core.tips()))

    def crash(self) -> None:
        self.engine = None
        self.life += 1
        for other in self.world.nodes:
            if other.engine is not None and other is not self:
                other.handle(events.PeerLeft(Peer(self.number)))

    def submit(self, *raw: bytes) -> list[e.SubmitResult]:
        """Hand in signed transactions as a client would; the results."""
        items: list[Verified[Transaction] | Refusal] = []
        for opened in self.intake.open_submitted(raw):
            if isinstance(opened, Refusal):
                items.append(opened)
            else:
                verified = attest(opened.value, verify_batch(opened.checks))
                items.append(verified or Invalid(Code.BAD_SIGNATURE, "bad signature"))
        self.handle(events.TransactionsSubmitted(RequestId(len(self.answers)), tuple(items)))
        return list(self.answers[-1].results)

    def transfer(self, sender: int, recipient: int, amount: int, *, nonce: int | None = None, fee: int | None = None) -> bytes:
        """A signed transfer between two accounts of the genesis, with the sender's next nonce."""
        key = signer(3000 + sender)
        account = ACCOUNTS.load(self.running.core.head_view(), key.public_key) or Account()
        chosen = self.running.core.pool.next_nonce(key.public_key, account.nonce) if nonce is None else nonce
        action = Transfer(signer(3000 + recipient).public_key, amount)
        return self.build(key, action, nonce=chosen, fee=fee)

    def act(self, sender: int, *actions: Action) -> list[e.SubmitResult]:
        """Submit a transaction of an account of the genesis, with its next nonce."""
        return self.act_as(signer(3000 + sender), *actions)

    def act_as(self, key: KeySigner, *actions: Action) -> list[e.SubmitResult]:
        """Submit a transaction of any account, with its next nonce."""
        account = ACCOUNTS.load(self.running.core.head_view(), key.public_key) or Account()
        nonce = self.running.core.pool.next_nonce(key.public_key, account.nonce)
        return self.submit(self.build(key, *actions, nonce=nonce))

    def build(self, key: KeySigner, *actions: Action, nonce: int, fee: int | None = None) -> bytes:
        """Signed under the parameters in force at the head: by default at the least fee, valid for as long as they allow."""
        core = self.running.core
        params = core.head.schedule.terms.params
        until = core.slot + min(1000, params.validity_slots_max)
        return build_transaction(key, self.world.spec, actions, nonce=nonce, valid_until=until, fee=fee, params=params)

    def balance(self, account: int) -> int:
        """Final balance of an account of the genesis."""
        row = ACCOUNTS.load(self.disk, signer(3000 + account).public_key)
        return row.balance if row else 0

    def handle(self, event: Event) -> None:
        engine = self.running
        waiting: list[Event] = [event]
        while waiting:
            effects = engine.handle(waiting.pop(0), self.world.now_ms)
            waiting += self.perform(effects)
        life = self.life
        self.world.at(max(engine.next_ms(), self.world.now_ms + 1), lambda: self._tick(life))

    def _tick(self, life: int) -> None:
        if life == self.life and self.engine is not None and self.world.now_ms >= self.engine.next_ms():
            self.handle(events.TimeReached())

    def receive(self, source: int, frame: bytes, life: int) -> None:
        if life != self.life or self.engine is None:
            return
        reader = FrameReader()
        reader.feed(frame)
        message = reader.next_message(ALL_TYPES)
        assert message is not None
        opened = self.intake.open(Peer(source), message)
        if opened is not None:
            self.handle(opened.finish(verify_batch(opened.checks)))

    def perform(self, effects: e.Effects) -> list[Event]:
        """The shell's order: disk, signatures, network, clients, subscribers."""
        self.disk.commit(effects.commit)
        self.running.settled()
        made = [self.sign(request) for request in effects.sign]
        for out in effects.send:
            self.send(out)
        self.answers += effects.answer
        for published in effects.publish:
            self.hear(published)
        return made

    def send(self, out: e.Outgoing) -> None:
        match out:
            case e.Send():
                self.world.transmit(self.number, out.peer, out.message)
            case e.Broadcast():
                for other in self.world.up():
                    if other is not self and other.number not in out.but:
                        self.world.transmit(self.number, other.number, out.message)
            case e.SendFinalBlocks():
                items = [part for block in self.final_range(out) for part in (block.raw, block.certificate if out.with_proofs else b"")]
                self.world.transmit(self.number, out.peer, Blocks(out.request, items))
            case e.SendProofs():
                headers = self.disk.final_headers(out.from_height, out.limit, ANSWER_BYTES_MAX)
                self.world.transmit(self.number, out.peer, Proofs(out.request, [part for header in headers for part in header]))
            case e.Disconnect():
                self.disconnects.append(out)

    def final_range(self, out: e.SendFinalBlocks) -> list[FinalBlock]:
        return self.disk.final_range(out.from_height, out.limit, ANSWER_BYTES_MAX)

    def headers(self) -> list[Header]:
        """Headers of the final chain."""
        return [decode_envelope(block.raw).header for block in self.disk.final]

    def hear(self, published: e.Publication) -> None:
        if isinstance(published, e.BlockFinal):
            self.final.append((self.world.now_ms, published.block.id))
            self.latencies_ms.append(published.latency_ms)
        elif isinstance(published, e.ContradictionSeen):
            self.contradictions += 1
        elif isinstance(published, e.ProtocolOutgrown):
            self.outgrown = published
            life = self.life
            self.world.at(self.world.now_ms, lambda: self.crash() if self.life == life else None)
        elif isinstance(published, e.Noted):
            self.noted.append(published)

    def sign(self, request: e.SignRequest) -> Event:
        chain_id = ChainId(self.world.spec.chain_id)
        self.disk.sign = request.state
        if isinstance(request, e.SignBlock):
            raw = sealed(request, self.signer.sign(Domain.BLOCK, chain_id, request.header))
            block, checks = self.intake.read_block(raw)
            return events.BlockReceived(None, require_verified(block, verify_batch(checks), "block"))
        body = encode_subject(request.subject)
        before = self.signed.setdefault((request.kind, request.subject.slot), body)
        assert before == body, f"node {self.number} signed two {request.kind.name}s in slot {request.subject.slot} (S3)"
        ballot = Ballot(request.kind, request.subject, self.signer.public_key, self.signer.sign(request.kind.domain, chain_id, body))
        return events.BallotReceived(None, require_verified(ballot, [True], "ballot"))
