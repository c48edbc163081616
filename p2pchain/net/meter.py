"""How much a peer may send of each kind.  Whoever sends more is read more slowly, and nobody else is.

The allowances are several times what an honest node with 101 delegates and slots of 250 ms sends: they bound what a liar
can make this node do, and never tell anybody apart.  A bucket fills with time up to its burst, and may be overdrawn once.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final, NamedTuple

from p2pchain.wire.messages import (
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
    GetTransactions,
    Message,
    Ping,
    Pong,
    Transactions,
)

_MIB: Final = 1 << 20


@unique
class Kind(StrEnum):
    """What is counted together; the names are shown to people."""

    VOTES = "votes"
    BLOCKS = "blocks"
    TRANSACTIONS = "transactions"
    NAMES = "names of transactions"
    QUESTIONS = "questions"
    ANSWERS = "answers"
    LIFE = "signs of life"
    OTHER = "other messages"


class Allowance(NamedTuple):
    messages_per_s: int
    bytes_per_s: int
    burst_s: int
    """How many seconds' worth may come at once."""


ALLOWANCES: Final = {
    Kind.VOTES: Allowance(4_000, 4 * _MIB, 4),  # 808 a second are two ballots a slot of 101 delegates
    Kind.BLOCKS: Allowance(100, 16 * _MIB, 4),  # four a second
    Kind.TRANSACTIONS: Allowance(1_000, 8 * _MIB, 4),  # twice what the ledger can execute
    Kind.NAMES: Allowance(500, 4 * _MIB, 4),
    Kind.QUESTIONS: Allowance(100, 4 * _MIB, 4),  # each may be worth an answer of a megabyte
    Kind.ANSWERS: Allowance(200, 64 * _MIB, 4),  # what was not asked for is dropped unread
    Kind.LIFE: Allowance(1_000, _MIB, 4),  # each takes its turn with everybody else
    Kind.OTHER: Allowance(100, 4 * _MIB, 4),
}

_KINDS: Final[dict[type[Message], Kind]] = {
    BallotMessage: Kind.VOTES,
    CertificateMessage: Kind.VOTES,
    BlockMessage: Kind.BLOCKS,
    CompactBlock: Kind.BLOCKS,
    BlockTransactions: Kind.BLOCKS,
    Transactions: Kind.TRANSACTIONS,
    Announcement: Kind.NAMES,
    GetTransactions: Kind.NAMES,
    GetBlocks: Kind.QUESTIONS,
    GetBranch: Kind.QUESTIONS,
    GetBlockTransactions: Kind.QUESTIONS,
    Blocks: Kind.ANSWERS,
    Ping: Kind.LIFE,
    Pong: Kind.LIFE,
}


def kind_of(message: Message) -> Kind:
    return _KINDS.get(type(message), Kind.OTHER)


def weight_of(message: Message) -> int:
    """Bytes of what a message carries, as near as it matters: small ones are counted, not weighed."""
    match message:
        case BlockMessage() | CertificateMessage():
            return len(message.raw)
        case Transactions() | BlockTransactions() | Blocks():
            return sum(map(len, message.items))
        case CompactBlock():
            return len(message.short_ids)
        case _:
            return 0


class Bucket:
    __slots__ = ("_at_s", "_burst", "_left", "_per_s")

    def __init__(self, per_s: int, burst_s: int) -> None:
        self._per_s = per_s
        self._burst = self._left = float(per_s * burst_s)
        self._at_s: float | None = None

    def take(self, amount: int, now_s: float) -> float:
        """Seconds to wait until what is now taken is paid for."""
        since = now_s - self._at_s if self._at_s is not None else 0.0
        self._at_s = now_s
        self._left = min(self._burst, self._left + since * self._per_s) - amount
        return max(0.0, -self._left / self._per_s)


class Meter:
    """What one peer has sent."""

    __slots__ = ("_buckets", "slowed")

    def __init__(self) -> None:
        self._buckets = {
            kind: (Bucket(allowed.messages_per_s, allowed.burst_s), Bucket(allowed.bytes_per_s, allowed.burst_s))
            for kind, allowed in ALLOWANCES.items()
        }
        self.slowed: dict[Kind, int] = {}
        """How often this peer had to wait, by the kind that it sent too much of."""

    def wait_s(self, message: Message, now_s: float) -> float:
        """How long nothing more is read from the peer after this message."""
        kind = kind_of(message)
        messages, weight = self._buckets[kind]
        wait = max(messages.take(1, now_s), weight.take(weight_of(message), now_s))
        if wait:
            self.slowed[kind] = self.slowed.get(kind, 0) + 1
        return wait
