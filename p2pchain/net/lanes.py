"""Which queue to a peer a message waits in: what a delegate's slot depends on never waits behind what it does not.

A message of a kind that is not named here waits with the votes where it is small, and with the answers where it may be long.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from p2pchain.wire.messages import (
    Announcement,
    BlockMessage,
    Blocks,
    BlockTransactions,
    CertificateMessage,
    CompactBlock,
    GetBlockTransactions,
    GetTransactions,
    Message,
    Proofs,
    Transactions,
)


class Lane(IntEnum):
    """In the order of leaving; the last two take turns."""

    VOTES = 0
    """Ballots, certificates, positions, questions, signs of life: a few hundred bytes each."""
    BLOCKS = 1
    TRANSACTIONS = 2
    ANSWERS = 3


SHARES: Final = {Lane.VOTES: 1, Lane.BLOCKS: 5, Lane.TRANSACTIONS: 2, Lane.ANSWERS: 8}
"""Sixteenths of an outbox's bytes.  Of 16 MiB: a full block beside its compact form, and an answer of 5 MiB before another."""
WHOLE: Final = 16
SMALL_BYTES_MAX: Final = 4_096

_LANES: Final[dict[type[Message], Lane]] = {
    CertificateMessage: Lane.VOTES,
    GetBlockTransactions: Lane.VOTES,
    BlockMessage: Lane.BLOCKS,
    CompactBlock: Lane.BLOCKS,
    BlockTransactions: Lane.BLOCKS,
    Transactions: Lane.TRANSACTIONS,
    Announcement: Lane.TRANSACTIONS,
    GetTransactions: Lane.TRANSACTIONS,
    Blocks: Lane.ANSWERS,
    Proofs: Lane.ANSWERS,
}


def lane_of(message: Message) -> Lane:
    kind = type(message)
    lane = _LANES.get(kind)
    if lane is not None:
        return lane
    return Lane.ANSWERS if kind.BYTES_MAX > SMALL_BYTES_MAX else Lane.VOTES
