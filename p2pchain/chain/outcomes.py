"""What became of a block's transactions: all succeeded but those that are listed as failed.

The list is a row of the state, so the state root commits to it: nodes that disagree about an outcome disagree about
the block.  Only a block with a failure writes the row; it names its height, because rows stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from p2pchain.chain.errors import Code
from p2pchain.chain.state import Table


class Failure(NamedTuple):
    """A transaction that paid its fee and did nothing else."""

    position: int
    """Its place in the block."""
    code: str
    """A `Code` of a charged refusal."""


class FailuresRow(NamedTuple):
    """What is stored."""

    height: int
    failed: tuple[tuple[int, str], ...]
    """In order of the positions."""


FAILURES = Table(b"F", FailuresRow)
"""One row: the failures of the last block that had any."""

MEANINGS: dict[str, str] = {
    Code.BAD_EVIDENCE: "the two messages do not contradict each other",
    Code.STALE_EVIDENCE: "the offence is older than the unbonding period: the stake it was committed with may be gone",
    Code.KNOWN_EVIDENCE: "this delegate was convicted already",
    Code.NOT_A_DELEGATE: "the key that signed belongs to no delegate",
}
"""Every code with which a transaction can fail.  What was found in the particular case is not on record, only its kind."""


def failures_in(rows: Mapping[bytes, bytes]) -> tuple[Failure, ...]:
    """The failures of the block that wrote `rows`."""
    data = rows.get(FAILURES.key(b""))
    return () if data is None else as_failures(FAILURES.decode(data).failed)


def as_failures(pairs: Sequence[Sequence[object]]) -> tuple[Failure, ...]:
    return tuple(Failure._make(pair) for pair in pairs)


def failure_at(failures: Sequence[Failure], position: int) -> Failure | None:
    return next((failure for failure in failures if failure.position == position), None)
