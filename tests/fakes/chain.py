"""Valid signed blocks on demand: a genesis whose keys are all known, and whatever stands on it.

    maker = ChainMaker(make_genesis())
    first = maker.extend(maker.root, transfers=3)
    second = maker.extend(first)
    certificate = maker.certificate(second, Kind.CONFIRM)

Delegate i signs with key 1000 + i and its account with key 2000 + i; account i is key 3000 + i.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from nacl.signing import SigningKey

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.block import Block, Header, decode_envelope, encode_block, encode_header
from p2pchain.chain.crypto import Domain, KeySigner
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.params import Params
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.state import ACCOUNTS, COMMITMENTS, Changes, StackedView
from p2pchain.chain.transaction import Transaction, build_transaction, decode_transaction
from p2pchain.chain.transition import Draft, Executed, Parent, execute
from p2pchain.chain.types import Height, PublicKey, Slot
from p2pchain.chain.votes import Certificate, Kind, Subject, certificate_hash, encode_subject, make_certificate
from p2pchain.node.effects import StoredBlock

GENESIS_MS = 1_700_000_000_000
BALANCE = 10**12


@cache
def signer(seed: int) -> KeySigner:
    """A key that is the same in every run."""
    return KeySigner(SigningKey(seed.to_bytes(32, "big")))


def make_genesis(name: str = "world", *, delegates: int = 4, accounts: int = 4, **params: int) -> Genesis:
    return Genesis(
        name=name,
        address_prefix="p2p",
        genesis_ms=GENESIS_MS,
        params=Params(**{"delegates": delegates, **params}),
        accounts=tuple(GenesisAccount(signer(3000 + i).public_key, BALANCE) for i in range(accounts)),
        delegates=tuple(
            GenesisDelegate(signer(2000 + i).public_key, signer(1000 + i).public_key, 500, 10**9 + i) for i in range(delegates)
        ),
    )


class MadeBlock(NamedTuple):
    """A block, or the genesis (which has none), and the state after it."""

    subject: Subject
    block: Block | None
    changes: Changes
    schedule: Schedule
    layers: tuple[Changes, ...]
    """Of this block and of all below, newest first; the genesis last."""

    @property
    def view(self) -> StackedView:
        return StackedView(self.layers, Changes({}, self.changes.state_root))

    @property
    def rows(self) -> dict[bytes, bytes]:
        """The whole state after this block."""
        return {key: data for layer in reversed(self.layers) for key, data in layer.rows.items()}

    @property
    def nodes(self) -> dict[bytes, bytes]:
        """The trie over it, with what fell out of it."""
        return {place: node for layer in reversed(self.layers) for place, node in layer.nodes.items()}

    @property
    def made(self) -> Block:
        assert self.block is not None, "the genesis is no block"
        return self.block

    @property
    def stored(self) -> StoredBlock:
        return StoredBlock(self.made, self.changes)


class ChainMaker:
    """Makes blocks on any block it made before."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.spec = genesis.spec()
        self._signers = {signer(1000 + i).public_key: signer(1000 + i) for i in range(len(genesis.delegates))}
        changes = genesis.changes()
        subject = Subject(Slot(0), Height(0), genesis.block_id)
        self.root = MadeBlock(subject, None, changes, genesis.schedule(), (changes,))

    def transfers(self, parent: MadeBlock, number: int, *, amount: int = 1, first: int = 0) -> list[Transaction]:
        """From accounts `first`, `first` + 1 ... in turn, each to the account after it."""
        accounts = len(self.genesis.accounts)
        made = []
        for place in range(number):
            turn, account = divmod(first + place, accounts)
            sender, recipient = signer(3000 + account), signer(3000 + (account + 1) % accounts)
            row = ACCOUNTS.load(parent.view, sender.public_key)
            assert row is not None, "every account stands in the genesis"
            nonce = row.nonce + turn - first // accounts
            raw = build_transaction(
                sender, self.spec, [Transfer(recipient.public_key, amount)], nonce=nonce, valid_until=parent.subject.slot + 1000
            )
            made.append(decode_transaction(raw, self.spec))
        return made

    def extend(
        self,
        parent: MadeBlock,
        *,
        transfers: int = 0,
        transactions: Sequence[Transaction] = (),
        slot: int | None = None,
        carried: Certificate | None = None,
    ) -> MadeBlock:
        """A block by the slot's leader (the next slot, unless said), with its state root; it is checked as it is made."""
        slot = parent.subject.slot + 1 if slot is None else slot
        transactions = [*transactions, *self.transfers(parent, transfers)]
        below = Parent(parent.subject.height, parent.subject.slot, parent.changes.state_root, parent.schedule, parent.view)
        leader = self._signers[PublicKey(parent.schedule.turn(slot).delegate.consensus_key)]
        draw = RevealSecret.derive(leader, self.genesis.chain_id).draw(COMMITMENTS.load(parent.view, leader.public_key), slot)
        assert draw is not None, "every commitment was made here"
        voters = carried.signatures.keys() if carried is not None and carried.subject == parent.subject else ()
        draft = Draft(slot, draw, voters)
        executed = execute(below, draft, transactions, self.spec)
        header = encode_header(self._header(parent, draft, transactions, executed, leader, carried))
        signature = leader.sign(Domain.BLOCK, self.genesis.chain_id, header)
        certificate = carried.raw if carried is not None else b""
        raw = encode_block(header, signature, certificate, [transaction.raw for transaction in transactions])
        block = decode_envelope(raw).with_transactions(transactions)
        subject = Subject(Slot(slot), Height(parent.subject.height + 1), block.id)
        return MadeBlock(subject, block, executed.changes, executed.schedule, (executed.changes, *parent.layers))

    def line(self, parent: MadeBlock, transfers: Iterable[int]) -> list[MadeBlock]:
        """Blocks one on the other, with so many transfers each."""
        made = []
        for number in transfers:
            parent = self.extend(parent, transfers=number)
            made.append(parent)
        return made

    def certificate(self, block: MadeBlock, kind: Kind) -> Certificate:
        """Signed by every delegate of the genesis."""
        body = encode_subject(block.subject)
        signatures = {key: member.sign(kind.domain, self.genesis.chain_id, body) for key, member in self._signers.items()}
        return make_certificate(kind, block.subject, signatures)

    @staticmethod
    def _header(
        parent: MadeBlock,
        draft: Draft,
        transactions: Sequence[Transaction],
        executed: Executed,
        leader: KeySigner,
        carried: Certificate | None,
    ) -> Header:
        return Header(
            Height(parent.subject.height + 1),
            Slot(draft.slot),
            parent.subject.block,
            leader.public_key,
            executed.changes.state_root,
            merkle_root([transaction.id for transaction in transactions]),
            certificate_hash(carried.raw if carried is not None else b""),
            *draft.draw,
            executed.schedule.set_id,
        )
