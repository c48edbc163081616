"""The JSON objects of the API as types.

Amounts are decimal text, hashes and keys hex, accounts Bech32m text, heights and slots numbers.  A node may answer
with more fields than stand here.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

Json: TypeAlias = "dict[str, Any]"
"""A JSON object as it came; `Any` because it is foreign."""


class Tip(TypedDict):
    height: int
    slot: int
    hash: str


class MempoolSize(TypedDict):
    transactions: int
    bytes: int
    fee_per_byte_min: str
    """Least fee a byte that gets in now."""


SyncAnswer = TypedDict(
    "SyncAnswer",
    {
        "from": int,
        "at": int,
        "to": int,
        "proven": int,
        "blocks_per_second": float | None,
        "seconds_left": int | None,
    },
)
"""How far a node that catches up has come; None where it is not known."""


class Status(TypedDict):
    chain_id: str
    node_id: str
    version: str
    head: Tip
    final: Tip
    peers: int
    syncing: bool
    mempool: MempoolSize
    name: str
    slot: int
    """The slot that it is now."""
    leader: str | None
    delegate: str | None
    producing: bool
    condition: str
    """In words: what the node is doing, or what it waits for and why."""
    protocol: int
    protocol_supported: int
    requirement: Json | None
    """`version` and `height` of what this node cannot follow."""
    sync: NotRequired[SyncAnswer | None]
    """None while the node is in step; older nodes do not say."""
    room: Json | None
    """`free_bytes` on disk; below `low_bytes` the node makes no blocks, below `end_bytes` it ends."""
    clock_offset_ms: int | None
    """How far the node's clock is ahead of those of the delegates (negative: behind); None where it heard too few."""
    blocks_from: int
    """Final blocks below this height were pruned."""
    index: Json | None
    """How far the index of history is: `from_height`, `height`, `built`; None where there is none."""
    lacking: Json | None
    """`needed`: a height whose block no peer gives, and `offered`: the lowest one that a peer has; None while it can catch up."""


class ErrorAnswer(TypedDict):
    code: str
    message: str


class SubmitResult(TypedDict):
    id: str | None
    status: str
    error: ErrorAnswer | None


class Trial(TypedDict):
    id: str | None
    outcome: Literal["succeeds", "fails", "refused"]
    """`fails`: the fee would be paid and nothing else done; `refused`: it would be in no block."""
    error: ErrorAnswer | None
    fee: str | None
    fee_least: str | None


class TransactionAnswer(TypedDict):
    id: str
    status: str
    height: int | None
    index: int | None
    error: ErrorAnswer | None


class Account(TypedDict):
    address: str
    balance: str
    nonce: int
    next_nonce: int
    height: int
