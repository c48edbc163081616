"""A chain of real signed blocks in a store, as a network of four delegates would have left it, and how it is made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from p2pchain.bench.keys import account_of, key_of
from p2pchain.bench.progress import Progress
from p2pchain.bench.transfers import Senders, sender_keys
from p2pchain.chain.block import Block, Header, decode_envelope, encode_block, encode_header
from p2pchain.chain.crypto import Domain, KeySigner
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.params import Params
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.state import COMMITMENTS
from p2pchain.chain.transaction import Transaction, decode_transaction
from p2pchain.chain.transition import Draft, Executed, Parent, execute
from p2pchain.chain.types import AccountId, Hash, Height, PublicKey, Slot
from p2pchain.chain.votes import Certificate, Kind, Subject, certificate_hash, encode_subject, make_certificate
from p2pchain.node.effects import Commit, StoredBlock
from p2pchain.storage import LmdbStore

SLOT_MS = 500
BALANCE = 10**12
_STAKE = 10**9


@dataclass(frozen=True, slots=True)
class Shape:
    """What is made: `accounts` in the genesis, of which at most `senders` send."""

    seed: int
    accounts: int
    delegates: int
    blocks: int
    transactions: int
    """In each block."""

    @property
    def senders(self) -> int:
        """Each sends at most a few: as many as there are, and no more keys than transfers."""
        return min(self.accounts, self.blocks * self.transactions, 20_000)


def make_genesis(shape: Shape) -> Genesis:
    """So long ago that the slots of all blocks are over."""
    seed = shape.seed
    accounts = [AccountId(key.public_key) for key in sender_keys(seed, shape.senders)]
    accounts += [account_of(seed, number) for number in range(shape.accounts - shape.senders)]
    delegates = [(key_of(seed, "owner", i).public_key, key_of(seed, "delegate", i).public_key) for i in range(shape.delegates)]
    return Genesis(
        name="bench",
        address_prefix="p2p",
        genesis_ms=(time.time_ns() // 1_000_000) - (shape.blocks + 1_000) * SLOT_MS,
        params=Params(
            slot_ms=SLOT_MS,
            delegates=shape.delegates,
            heartbeat_slots=1_000_000,
            block_transactions_max=Params.ceiling("block_transactions_max"),
            block_bytes_max=Params.ceiling("block_bytes_max"),
        ),
        accounts=tuple(GenesisAccount(account, BALANCE) for account in accounts),
        delegates=tuple(GenesisDelegate(owner, key, 0, _STAKE + i) for i, (owner, key) in enumerate(delegates)),
    )


def make_senders(shape: Shape, genesis: Genesis) -> Senders:
    """Recipients lie all over the accounts, those without a key included."""
    keys = sender_keys(shape.seed, shape.senders)
    step = max(1, len(genesis.accounts) // max(1, shape.blocks * shape.transactions))
    return Senders(genesis.spec(), keys, [AccountId(item.account) for item in genesis.accounts[::step]])


@dataclass(slots=True)
class ChainMaker:
    """Puts blocks on the end of a store's chain; each is executed as it is made, signed by its leader and confirmed by all."""

    shape: Shape
    genesis: Genesis
    store: LmdbStore
    senders: Senders
    _delegates: dict[PublicKey, KeySigner] = field(default_factory=dict)
    _reveals: dict[PublicKey, RevealSecret] = field(default_factory=dict)

    def make(self, progress: Progress) -> None:
        self._begin()
        progress.begin("making the chain", self.shape.blocks)
        root = self.store.recovered().root
        subject, state_root, schedule = root.subject, root.state_root, root.schedule
        for _ in range(self.shape.blocks):
            subject, state_root, schedule = self._add(subject, state_root, schedule)
            progress.advance()

    def _begin(self) -> None:
        keys = [key_of(self.shape.seed, "delegate", i) for i in range(self.shape.delegates)]
        self._delegates = {key.public_key: key for key in keys}
        self._reveals = {key.public_key: RevealSecret.derive(key, self.genesis.chain_id) for key in keys}

    def _add(self, below: Subject, state_root: Hash, schedule: Schedule) -> tuple[Subject, Hash, Schedule]:
        slot = Slot(below.slot + 1)
        spec, leader = self.senders.spec, PublicKey(schedule.turn(slot).delegate.consensus_key)
        signed = self.senders.sign(self.shape.transactions, slot + 100_000)
        transactions = [decode_transaction(item.raw, spec) for item in signed]
        draw = self._reveals[leader].draw(COMMITMENTS.load(self.store, leader), slot)
        assert draw is not None, "every commitment was made here"
        draft = Draft(slot, draw, ())
        executed = execute(Parent(below.height, below.slot, state_root, schedule, self.store), draft, transactions, spec)
        header = _header(below, draft, transactions, executed, leader)
        block = self._signed(header, leader, transactions)
        subject = Subject(slot, header.height, block.id)
        confirms = self._certificate(subject)
        self.store.commit(Commit(blocks=[StoredBlock(block, executed.changes)], final=[block.id], confirms=[confirms]))
        return subject, executed.changes.state_root, executed.schedule

    def _signed(self, header: Header, leader: PublicKey, transactions: Sequence[Transaction]) -> Block:
        body = encode_header(header)
        signature = self._delegates[leader].sign(Domain.BLOCK, self.genesis.chain_id, body)
        raw = encode_block(body, signature, b"", [item.raw for item in transactions])
        return decode_envelope(raw).with_transactions(transactions)

    def _certificate(self, subject: Subject) -> Certificate:
        body = encode_subject(subject)
        signatures = {key: member.sign(Kind.CONFIRM.domain, self.genesis.chain_id, body) for key, member in self._delegates.items()}
        return make_certificate(Kind.CONFIRM, subject, signatures)


def _header(below: Subject, draft: Draft, transactions: Sequence[Transaction], executed: Executed, leader: PublicKey) -> Header:
    return Header(
        height=Height(below.height + 1),
        slot=Slot(draft.slot),
        parent=below.block,
        producer=leader,
        state_root=executed.changes.state_root,
        transactions_root=merkle_root([item.id for item in transactions]),
        certificate_hash=certificate_hash(b""),
        reveal=draft.draw.reveal,
        commitment=draft.draw.commitment,
        set_id=executed.schedule.set_id,
    )
