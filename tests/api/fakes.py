"""A node as far as the API sees one: a chain of real blocks, lists to be filled, and knobs to be turned."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import trio

from p2pchain.api.events import EventHub
from p2pchain.api.server import ApiServer
from p2pchain.api.settings import ApiSettings
from p2pchain.chain.address import encode_address
from p2pchain.chain.block import decode_envelope
from p2pchain.chain.changing import Change, Proposal, Requirement
from p2pchain.chain.crypto import Verified, attest
from p2pchain.chain.errors import Code, Refusal
from p2pchain.chain.evidence import Offence, Said
from p2pchain.chain.following import Step
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.transaction import Transaction, decode_transaction
from p2pchain.chain.transaction_proofs import TransactionProof
from p2pchain.chain.types import AccountId, PublicKey, Slot, TransactionId
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import BlockFinal, Commit, SlotMissed, SubmitResult
from p2pchain.node.history import IndexView, RoundView
from p2pchain.node.keeping import BlockPrunedError
from p2pchain.node.ports import BookView, Location, PeerCounts, PeerRefusal, PeerView
from p2pchain.node.progress import SyncView
from p2pchain.node.proofs import prove_row, prove_transaction
from p2pchain.node.proving import Shown, Steps
from p2pchain.node.room import Room
from p2pchain.node.trial import TooMuchWaitsError, Trial
from p2pchain.node.views import (
    AccountView,
    At,
    BlockReference,
    BlockView,
    DelegateView,
    EvidenceView,
    PoolView,
    PositionView,
    ScheduleView,
    StatusView,
    TermsView,
    TransactionView,
    UnbondingView,
)
from p2pchain.wire.messages import Tips
from tests.fakes.chain import BALANCE, ChainMaker, MadeBlock, make_genesis, signer
from tests.fakes.memory_store import MemoryStore

LATENCY_MS = 210


def address(seed: int) -> str:
    return encode_address("p2p", AccountId(signer(seed).public_key))


class FakeHistory:
    """An index that says what it is told to."""

    def __init__(self) -> None:
        self.index = IndexView(1, 5, 5, 4_096, "")
        self.places: list[Location] = []
        self.own_rounds: list[RoundView] = []
        self.failure: Exception | None = None

    def view(self) -> IndexView:
        return self.index

    def transactions(self, account: bytes, before: Location, limit: int) -> Sequence[Location]:
        if self.failure is not None:
            raise self.failure
        return [place for place in sorted(self.places, reverse=True) if place < before][:limit] if account else []

    def rounds(self, account: bytes, before: int, limit: int) -> Sequence[RoundView]:
        return [view for view in self.own_rounds if view.round < before][:limit] if account else []


class FakeReads:
    """`Reads` over a chain that grows when told to."""

    def __init__(self) -> None:
        self.genesis = make_genesis()
        self.maker = ChainMaker(self.genesis)
        self.final: list[MadeBlock] = []
        self.head: MadeBlock | None = None
        self.slot = 1
        self.peer_count = 1
        self.clock_offset_ms: int | None = 0
        self.is_syncing = False
        self.sync: SyncView | None = None
        self.connected: list[tuple[PeerView, Tips | None]] = []
        self.refused: list[PeerRefusal] = []
        self.address_book = BookView(0, 0, (), ())
        self.counts = PeerCounts(
            refused_by_us={"invalid_data": 2, "timeout": 0}, refused_by_peers={"other": 1}, bans=3, banned=2, cooling=1
        )
        self.transactions: dict[bytes, TransactionView] = {}
        self.waiting: list[Transaction] = []
        self.pruned_below = 1
        self.history: FakeHistory | None = None
        self.missed: list[SlotMissed] = []
        self.failure: Exception | None = None
        self.too_much_waits = 0
        self.requirement: Requirement | None = None
        self.room: Room | None = None
        self.steps_asked: list[tuple[int, int | None, int]] = []

    @property
    def tip(self) -> MadeBlock:
        return self.final[-1] if self.final else self.maker.root

    def grow(self, *, transfers: int = 0) -> MadeBlock:
        """One more final block."""
        made = self.maker.extend(self.tip, transfers=transfers)
        self.final.append(made)
        self.slot = made.subject.slot
        return made

    def status(self, now_ms: int) -> StatusView:
        if self.failure is not None:
            raise self.failure
        spec = self.maker.spec
        return StatusView(
            chain_id=spec.chain_id,
            name=spec.name,
            node_id=signer(1).public_key,
            version="1.2.3",
            head=(self.head or self.tip).subject,
            final=self.tip.subject,
            slot=self.slot,
            leader=signer(2000).public_key,
            peers=self.peer_count,
            syncing=self.is_syncing,
            pool_transactions=7,
            pool_bytes=1_400,
            pool_fee_floor=3,
            delegate=None,
            producing=False,
            condition="in step",
            protocol=1,
            protocol_supported=1,
            requirement=self.requirement,
            sync=self.sync,
            room=self.room,
            clock_offset_ms=self.clock_offset_ms,
            blocks_from=self.pruned_below,
            indexed=None if self.history is None else self.history.view(),
        )

    def terms(self, at: At) -> TermsView:
        subject = (self.head or self.tip).subject if at == "head" else self.tip.subject
        changes = Change(90, 1, ((3, 30), (10, 2))), Change(95, 2)
        voters = (signer(2000).public_key, signer(2001).public_key)
        return TermsView(self.tip.schedule.terms, changes[:1], (Proposal(changes[1], voters),), 3, subject)

    def account(self, account: AccountId, at: At) -> AccountView:
        subject = (self.head or self.tip).subject if at == "head" else self.tip.subject
        if account != AccountId(signer(3000).public_key):
            return AccountView(account, 0, 0, (), (), None, 0, subject)
        positions = (PositionView(signer(2000).public_key, 5_000, 17), PositionView(signer(2001).public_key, 10**17, 0))
        return AccountView(account, 2**60, 3, positions, (UnbondingView(40, 99),), self.delegates(at)[0], 5, subject)

    def block(self, reference: BlockReference) -> BlockView | None:
        if reference == "head" and self.head is not None:
            return self._view(self.head, is_final=False)
        if reference in ("head", "final"):
            return self._view(self.final[-1]) if self.final else None
        if isinstance(reference, int) and 0 < reference < self.pruned_below:
            raise BlockPrunedError(reference, self.pruned_below)
        found = [made for made in self.final if reference in (made.subject.height, made.subject.block)]
        return self._view(found[0]) if found else None

    def blocks(self, from_height: int, limit: int) -> list[BlockView]:
        if from_height < self.pruned_below:
            raise BlockPrunedError(from_height, self.pruned_below)
        start = from_height - 1
        return [self._view(made) for made in self.final[start : start + limit]]

    def _view(self, made: MadeBlock, *, is_final: bool = True) -> BlockView:
        time_ms = self.maker.spec.slot_start_ms(made.subject.slot)
        ids = [transaction.id for transaction in made.made.transactions]
        confirms = self.maker.certificate(made, Kind.CONFIRM) if len(made.made.transactions) else None
        if is_final:
            return BlockView(made.made, ids, "final", None, confirms, time_ms)
        return BlockView(made.made, ids, "unfinal", self.maker.certificate(made, Kind.VOTE), None, time_ms)

    def transaction_at(self, location: Location) -> TransactionView:
        if location.height < self.pruned_below:
            raise BlockPrunedError(location.height, self.pruned_below)
        made = self.final[location.height - 1].made
        transaction = made.transactions[location.position]
        return TransactionView(transaction.id, "final", location.height, location.position, None, "", transaction)

    def time_of(self, height: int) -> int:
        return self.maker.spec.slot_start_ms(self.final[height - 1].subject.slot)

    def owner_of(self, key: bytes) -> bytes | None:
        return next((each.account for each in self.genesis.delegates if each.consensus_key == key), None)

    def height_at(self, time_ms: int) -> int:
        starts = [self.maker.spec.slot_start_ms(made.subject.slot) for made in self.final]
        return 1 + sum(start < time_ms for start in starts)

    def transaction(self, item: TransactionId) -> TransactionView | None:
        return self.transactions.get(item)

    def row_proof(self, key: bytes) -> RowProof:
        return prove_row(self._store(), key)

    def transaction_proof(self, item: TransactionId) -> TransactionProof | None:
        store = self._store()
        location = store.transaction(item)
        return None if location is None else prove_transaction(store, location, decode_envelope(self.final[location.height - 1].made.raw))

    def _store(self) -> MemoryStore:
        """What is final, with the confirms that `block` shows."""
        store = MemoryStore(self.genesis)
        for made in self.final:
            confirms = [self.maker.certificate(made, Kind.CONFIRM)] if made.made.transactions else []
            store.commit(Commit(blocks=[made.stored], final=[made.made.id], confirms=confirms))
        return store

    def simulate(self, items: Sequence[Transaction | Refusal]) -> list[Trial]:
        """Every second one fails."""
        if self.too_much_waits:
            raise TooMuchWaitsError(self.too_much_waits)
        trials: list[Trial] = []
        for number, item in enumerate(items):
            if isinstance(item, Refusal):
                trials.append(Trial(None, "refused", item.code, item.message, {"found": 1}, None, None))
            elif number % 2:
                trials.append(Trial(item.id, "fails", Code.KNOWN_EVIDENCE, "known", {}, item.fee, 10))
            else:
                trials.append(Trial(item.id, "succeeds", None, "", {}, item.fee, 10))
        return trials

    def delegates(self, at: At) -> list[DelegateView]:
        terms = [(item.account, item.consensus_key, item.commission_bps, item.stake) for item in self.genesis.delegates]
        return [DelegateView(*each, 0.25, True, False, 12, 1, 0, False, "active", None, self._last_miss(each[0])) for each in terms]

    def _last_miss(self, account: bytes) -> SlotMissed | None:
        return next((item for item in reversed(self.missed) if item.delegate == account), None)

    def misses(self, limit: int) -> list[SlotMissed]:
        return self.missed[::-1][:limit]

    def evidence(self) -> list[EvidenceView]:
        key = self.genesis.delegates[0].consensus_key
        return [EvidenceView(Offence(PublicKey(key), Said.VOTE, Slot(9)), b"1", b"2", self.genesis.delegates[0].account, False)]

    def schedule(self, now_ms: int, turns: int) -> ScheduleView:
        schedule = self.maker.root.schedule
        return ScheduleView(0, self.slot, [schedule.turn(self.slot + i) for i in range(turns)], self.tip.subject)

    def pool(self, limit: int) -> PoolView:
        return PoolView(7, 1_400, 50_000, 2**26, 1, self.waiting[:limit])

    def proof_steps(self, from_height: int, to_height: int | None, limit: int) -> Steps | None:
        self.steps_asked.append((from_height, to_height, limit))
        return None if from_height > len(self.final) else Steps((Step(b"\1", b"\2", (b"\3", b"\4")),), 7, 9)

    def proof_point(self, height: int) -> Shown | None:
        return Shown(b"\5", b"\6") if height == 1 else None

    def peers(self) -> list[tuple[PeerView, Tips | None]]:
        return self.connected

    def book(self, limit: int) -> BookView:
        return self.address_book._replace(entries=self.address_book.entries[:limit])

    def refusals(self) -> list[PeerRefusal]:
        return self.refused

    def peer_counts(self) -> PeerCounts:
        return self.counts


class FakeInlet:
    """Accepts what decodes, refuses what does not; `gate` holds everybody up."""

    def __init__(self, reads: FakeReads) -> None:
        self._spec = reads.maker.spec
        self.batches: list[list[bytes]] = []
        self.gate = trio.Event()
        self.gate.set()
        self.room = 1_000_000
        """Transactions that the pool still takes."""

    async def submit(self, transactions: Sequence[bytes]) -> Sequence[SubmitResult]:
        self.batches.append(list(transactions))
        await self.gate.wait()
        return [self._take(raw) for raw in transactions]

    async def examine(self, transactions: Sequence[bytes]) -> Sequence[Verified[Transaction] | Refusal]:
        await self.gate.wait()
        return [self._open(raw) for raw in transactions]

    def _open(self, raw: bytes) -> Verified[Transaction] | Refusal:
        try:
            verified = attest(decode_transaction(raw, self._spec), ())
        except Refusal as refusal:
            return refusal
        assert verified is not None
        return verified

    def _take(self, raw: bytes) -> SubmitResult:
        if self.room <= 0:
            return SubmitResult(None, "rejected", Code.POOL_FULL, "mempool is full", {"wanted": 7})
        self.room -= 1
        try:
            return SubmitResult(decode_transaction(raw, self._spec).id, "pending", None, "", {})
        except Refusal as error:
            evidence: dict[str, Any] = {"found": b"\x01", "wanted": 2}
            return SubmitResult(None, "rejected", Code.MALFORMED, str(error), evidence)


@dataclass
class FakeLogger:
    """Keeps what was logged."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def __getattr__(self, level: str) -> Callable[..., None]:
        if level.startswith("__"):
            raise AttributeError(level)
        return lambda event, **fields: self.lines.append((level, event, fields))

    def events(self, level: str) -> list[str]:
        return [event for found, event, _ in self.lines if found == level]


class Node:
    """The fakes and a real server over them."""

    def __init__(self, **settings: Any) -> None:
        self.reads = FakeReads()
        self.inlet = FakeInlet(self.reads)
        self.hub = EventHub(followers_max=settings.pop("followers_max", 256))
        self.logger: Any = FakeLogger()
        self.settings = ApiSettings(port=0, **settings)
        self.server = ApiServer(self.settings, self.reads, self.inlet, self.hub, self.reads.genesis, lambda: 1_700_000_000_000, self.logger)
        self.client = httpx2.AsyncClient(verify=False, trust_env=False, timeout=10)

    async def start(self, nursery: trio.Nursery) -> None:
        await nursery.start(self.server.run)
        self.client.base_url = self.url

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def get(self, path: str, status: int = 200, **headers: str) -> Any:
        """The JSON answer, which must have this status."""
        response = await self.client.get(path, headers=headers)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        return response.json()

    async def refused(self, path: str, status: int = 400, **headers: str) -> Any:
        """The error of an answer in the error form."""
        return (await self.get(path, status, **headers))["error"]

    def finalise(self, *, transfers: int = 0) -> MadeBlock:
        """A further block becomes final and is announced, as the loop does it."""
        made = self.reads.grow(transfers=transfers)
        self.hub.publish(BlockFinal(made.made, LATENCY_MS))
        return made

    async def talk(self, request: bytes) -> trio.SocketStream:
        """A connection without an HTTP library, with something said on it."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        await stream.send_all(request)
        return stream


def transfers(reads: FakeReads, number: int) -> list[bytes]:
    return [item.raw for item in reads.maker.transfers(reads.tip, number)]


def many_items(number: int) -> list[bytes]:
    """Byte strings as long as transfers are, and none of them a transaction."""
    return [index.to_bytes(210, "big") for index in range(number)]


def json_body(items: Sequence[bytes]) -> str:
    return json.dumps({"transactions": [item.hex() for item in items]})


__all__ = ["BALANCE", "LATENCY_MS", "FakeInlet", "FakeLogger", "FakeReads", "Node", "address", "json_body", "many_items", "transfers"]
