"""Blocks that an honest leader would not make.

Everything that a strategy puts into a block passes `altered`, which starts from the header of a real block: a field
that headers gain one day is right here without anybody's doing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.block import Header, block_id, decode_envelope, decode_header, encode_header
from p2pchain.chain.errors import Invalid
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.reveal import Draw
from p2pchain.chain.state import ACCOUNTS, COMMITMENTS, EMPTY_ACCOUNT
from p2pchain.chain.transaction import Transaction, build_transaction, decode_transaction
from p2pchain.chain.transition import Draft, execute
from p2pchain.chain.tree import Node
from p2pchain.chain.types import BlockId, Hash, Height, Slot
from p2pchain.chain.votes import Subject, certificate_hash, decode_certificate
from p2pchain.node.effects import SignBlock
from p2pchain.node.engine import Engine
from p2pchain.sim.byzantine.interface import Actor
from p2pchain.sim.population import consensus_signer, delegate_signer
from p2pchain.wire.messages import BlockMessage, CompactBlock, Message

DELEGATES_MAX = 101


class Place(NamedTuple):
    """Where a block is put: on which parent, in which slot."""

    parent: Node
    slot: int


def sibling(engine: Engine, request: SignBlock, transactions: Sequence[Transaction]) -> SignBlock | None:
    """A block in the slot and above the parent of another, with other transactions; None where the parent is gone."""
    header = decode_header(request.header)
    parent = engine.core.tree.get(header.parent)
    return None if parent is None else elsewhere(engine, request, Place(parent, header.slot), transactions, request.certificate)


def elsewhere(engine: Engine, request: SignBlock, place: Place, transactions: Sequence[Transaction], certificate: bytes = b"") -> SignBlock:
    """What the leader of a block could have signed on another parent or in another slot: executed, so valid but for its place."""
    core, (parent, slot) = engine.core, place
    below, header = core.tree.execution_parent(parent), decode_header(request.header)
    due = COMMITMENTS.load(below.view, core.key or header.producer)
    draw = core.reveals.draw(due, slot) if core.reveals is not None else None
    draw = draw or Draw(header.reveal, header.commitment)
    carried = decode_certificate(certificate) if certificate else None
    voters = carried.signatures.keys() if carried is not None and carried.subject.block == parent.id else ()
    header = header._replace(
        height=Height(parent.height + 1), slot=Slot(slot), parent=parent.id, reveal=draw.reveal, commitment=draw.commitment
    )
    try:
        executed = execute(below, Draft(slot, draw, voters), transactions, core.spec, building=True)
    except Invalid:  # another's slot, and nobody else knows what its leader reveals: so it stays a guess what the block would do
        return altered(request, header, (), certificate)
    header = header._replace(
        state_root=executed.changes.state_root,
        transactions_root=merkle_root([transaction.id for transaction in executed.included]),
        set_id=executed.schedule.set_id,
    )
    return altered(request, header, executed.included, certificate)


def altered(request: SignBlock, header: Header, transactions: Sequence[Transaction], certificate: bytes) -> SignBlock:
    """Another header over these contents; whether it is true is the caller's affair."""
    raw = encode_header(header._replace(certificate_hash=certificate_hash(certificate)))
    return SignBlock(raw, certificate, tuple(transactions), request.state)


def payment(actor: Actor, amount: int, *, ahead: int = 0, fee: int | None = None) -> Transaction:
    """A transfer of this delegate to itself, to tell one block from another; `ahead` leaves nonces out."""
    core = actor.engine.core
    key = delegate_signer(next(node for node in range(DELEGATES_MAX) if consensus_signer(node).public_key == actor.key))
    account = ACCOUNTS.load(core.head_view(), key.public_key) or EMPTY_ACCOUNT
    nonce, until = account.nonce + ahead, core.slot + 100
    raw = build_transaction(key, core.spec, [Transfer(key.public_key, amount)], nonce=nonce, valid_until=until, fee=fee)
    return decode_transaction(raw, core.spec)


def subject_of(raw: bytes) -> Subject:
    """What a ballot on this block is about."""
    envelope = decode_envelope(raw)
    return Subject(envelope.header.slot, envelope.header.height, envelope.id)


def header_in(message: Message) -> bytes | None:
    """The header of a new block, however it travels; None for everything else."""
    match message:
        case BlockMessage():
            return decode_envelope(message.raw).header_raw
        case CompactBlock():
            return message.header
        case _:
            return None


def subject_in(message: Message) -> Subject | None:
    """What a ballot on a new block is about."""
    raw = header_in(message)
    if raw is None:
        return None
    header = decode_header(raw)
    return Subject(header.slot, header.height, block_id(raw))


def own_header(actor: Actor, message: Message) -> Header | None:
    """The header of a new block of this node's own; None for everything else."""
    raw = header_in(message)
    header = decode_header(raw) if raw is not None else None
    return header if header is not None and header.producer == actor.key else None


def unknown_block(actor: Actor) -> BlockId:
    """The id of a block that nobody ever sees."""
    return BlockId(Hash(actor.random.randbytes(32)))
