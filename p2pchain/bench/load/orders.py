"""What the client is told to do, and what it reports, as they go between the processes."""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.bench.children import Json


class Opening(NamedTuple):
    """First: whose accounts, and which nodes."""

    seed: int
    senders: int
    urls: list[str]
    """Where to submit; the accounts are shared out among them, because a node takes an account's nonces in order."""
    watched: str
    """The node whose word about finality counts."""
    first: int = 0
    """Number of the first sender: none of them has sent anything yet."""


class Step(NamedTuple):
    """So many transfers a second for so long, signed before the clock starts."""

    rate: float
    seconds: float
    patience_s: float
    """How long after the last submission to wait for finality."""


class Rush(NamedTuple):
    """So many transfers as fast as one connection takes them, signed before the clock starts."""

    transfers: int
    batch: int
    """In each request; 0 for one stream."""
    patience_s: float


class Rushed(NamedTuple):
    """What became of a rush."""

    submitted: int
    refused: dict[str, int]
    seconds: float
    """From the first byte until the last answer."""
    final: int
    client_cpu_s: float


class Outcome(NamedTuple):
    """What became of a step."""

    offered: int
    submitted: int
    final: int
    refused: dict[str, int]
    """By code of the error."""
    submit_s: float
    """From the first moment due until the last answer to a submission."""
    final_s: float
    """From the first moment due until the last transfer was seen final."""
    p50_s: float
    p90_s: float
    p99_s: float
    max_s: float
    lag_p99_s: float
    """How late the client itself was: from when a batch was due, and the answer to the one before it here, until it was sent."""
    client_cpu_s: float
    blocks: int


def to_order(value: Opening | Step | Rush) -> Json:
    return {"kind": type(value).__name__, **value._asdict()}
