"""Floods: one message of each kind, valid and of no use, as often as the node takes it or as `rate` says.

Nothing in them is a provable lie, so nobody need be sent away for it; what counts is that others do not feel it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import trio

from p2pchain.badpeers import forgery
from p2pchain.badpeers.answers import Answer, Silent
from p2pchain.badpeers.attack import JoinedAttack
from p2pchain.badpeers.peer import BadPeer
from p2pchain.chain.types import BlockId, Hash, Height
from p2pchain.chain.votes import VOTERS_MAX, Kind
from p2pchain.wire.errors import Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import (
    BLOCKS_MAX,
    PEERS_MAX,
    Announcement,
    BallotMessage,
    BlockMessage,
    Blocks,
    BlockTransactions,
    CertificateMessage,
    CompactBlock,
    GetBlocks,
    GetBlockTransactions,
    GetBranch,
    GetPeers,
    GetTransactions,
    Message,
    Part,
    Peers,
    Ping,
    Pong,
    Status,
    Transactions,
)
from p2pchain.wire.messages.announcing import NAME_BYTES, NAMES_MAX

BATCH_BYTES = 64 * 1024
"""One write: small messages go out together, as they do from a node."""
BATCH_MAX = 256
TRANSACTIONS = 200
UNKNOWN = BlockId(Hash(b"\xbd" * 32))
"""A block that there never is."""


class Flood(JoinedAttack):
    FAULT = "F19"
    ANSWERS: ClassVar[frozenset[Answer]] = frozenset({Silent.HELD, Reason.TOO_SLOW})
    CONNECTIONS = 4
    SECONDS = 10.0
    MAKE: ClassVar[Callable[[BadPeer], Message]]

    def __init__(self) -> None:
        self.rate: float | None = None
        """Messages a second on each link; None: as many as it takes."""

    async def strike(self, peer: BadPeer) -> None:
        frame = encode_frame(type(self).MAKE(peer))
        count = 1 if self.rate is not None else max(1, min(BATCH_MAX, BATCH_BYTES // len(frame)))
        batch = frame * count
        while True:
            await peer.send_frames(batch)
            await trio.sleep(0 if self.rate is None else 1 / self.rate)


def _flood(kind: type[Message], words: str, make: Callable[[BadPeer], Message], name: str = "") -> type[Flood]:
    name = name or f"flood-{kind.__name__.removesuffix('Message').lower()}"
    return type(f"Flood{kind.__name__}", (Flood,), {"NAME": name, "SUMMARY": f"without end: {words}", "MAKE": staticmethod(make)})


def _ballot(peer: BadPeer) -> Message:
    subject = forgery.above(peer.theirs.head, by=1, block_id=UNKNOWN)
    return BallotMessage(forgery.ballot(peer.identity.signer, peer.chain_id, Kind.VOTE, subject))


def _certificate(peer: BadPeer) -> Message:
    subject = forgery.above(peer.theirs.head, by=1, block_id=UNKNOWN)
    return CertificateMessage(forgery.certificate(peer.chain_id, Kind.VOTE, subject, signers=VOTERS_MAX).raw)


def _block(peer: BadPeer) -> Message:
    parent = forgery.above(peer.theirs.head, by=1, block_id=UNKNOWN)
    return BlockMessage(forgery.block(peer.identity.signer, peer.chain_id, parent))


def _full_block(peer: BadPeer) -> Message:
    parent = forgery.above(peer.theirs.head, by=1, block_id=UNKNOWN)
    return BlockMessage(forgery.block(peer.identity.signer, peer.chain_id, parent, transactions=_signed(peer)))


def _signed(peer: BadPeer) -> list[bytes]:
    until = peer.theirs.head.slot + 1_000
    return [forgery.transaction(peer.identity.signer, peer.chain_id, nonce, until) for nonce in range(TRANSACTIONS)]


def _names(peer: BadPeer) -> tuple[bytes, ...]:
    """As many as go into one message, each link with its own."""
    return tuple([(peer.number * NAMES_MAX + name).to_bytes(NAME_BYTES, "big") for name in range(NAMES_MAX)])


def _compact_block(peer: BadPeer) -> Message:
    parent = forgery.above(peer.theirs.head, by=1, block_id=UNKNOWN)
    header, signature = forgery.block_head(peer.identity.signer, peer.chain_id, parent)
    return CompactBlock(header, signature, b"", bytes(6 * 1_000), (), [])


def _transactions(peer: BadPeer) -> Message:
    return Transactions(_signed(peer))


FLOODS: dict[type[Message], type[Flood]] = {
    kind: _flood(kind, words, make)
    for kind, words, make in (
        (Ping, "questions for a sign of life", lambda _peer: Ping(1)),
        (Pong, "signs of life that nobody asked for", lambda _peer: Pong(1)),
        (Status, "where it stands", lambda peer: Status(peer.hello.tips)),
        (GetBlocks, "questions for final blocks", lambda _peer: GetBlocks(1, Height(1), BLOCKS_MAX)),
        (GetBranch, "questions for a branch that nobody has", lambda _peer: GetBranch(1, UNKNOWN)),
        (Blocks, "answers that nobody asked for, 256 KiB each", lambda _peer: Blocks(1, [bytes(1024), b""] * 256)),
        (Part, "questions for a sign of life, cut into pieces", lambda _peer: Part(0, 200 * encode_frame(Ping(1)))),
        (GetPeers, "questions for other peers", lambda _peer: GetPeers(PEERS_MAX, "")),
        (Announcement, "names of transactions that there are not", lambda peer: Announcement(_names(peer))),
        (GetTransactions, "questions for transactions that there are not", lambda peer: GetTransactions(_names(peer))),
        (GetBlockTransactions, "questions for those of a block that there is not", lambda _peer: GetBlockTransactions(UNKNOWN, (0,))),
        (BlockTransactions, "answers that nobody asked for, 64 KiB each", lambda _peer: BlockTransactions(UNKNOWN, [bytes(1024)] * 64)),
        (CompactBlock, "a compact block of a stranger on a block that there is not, signed", _compact_block),
        (Transactions, f"{TRANSACTIONS} transactions of an account without funds, signed", _transactions),
        (BlockMessage, "a block of a stranger on a block that there is not, signed", _block),
        (BallotMessage, "a vote of a stranger, signed", _ballot),
        (CertificateMessage, f"a certificate of {VOTERS_MAX} strangers, all of them signed", _certificate),
    )
}
"""By kind; a hello is none in the middle of a link and a goodbye ends it, so each of those can be said once."""


class FloodPeers(
    _flood(Peers, "answers about other peers that nobody asked for", lambda _peer: Peers([]))  # type: ignore[misc]
):
    """Each question has one answer, so one that comes unasked is a violation."""

    ANSWERS = frozenset({Reason.PROTOCOL_VIOLATION})


FLOODS[Peers] = FloodPeers

ATTACKS = (
    *FLOODS.values(),
    _flood(BlockMessage, f"such a block with {TRANSACTIONS} transactions, each of them signed", _full_block, "flood-full-block"),
)
