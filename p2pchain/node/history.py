"""What the index of history answers: which transactions concern an account, and what a delegate did round by round.

Everything in it can be made again from the blocks; nothing that decides anything reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from p2pchain.node.ports import Location

BEHIND_MAX = 100
"""Final blocks that the index may lack and still answer: its answers say up to which height they speak."""


class IndexBrokenError(Exception):
    """The index cannot be read or written; one line.  It can be thrown away and made again."""


class IndexView(NamedTuple):
    """How far the index is."""

    from_height: int
    """It knows blocks from here on: 1, or more where it was begun on a node that had pruned."""
    height: int
    """Up to here."""
    final_height: int
    disk_bytes: int
    failure: str
    """Why it does not go on, if so; a restart tries again."""

    @property
    def is_built(self) -> bool:
        return not self.failure and self.final_height - self.height <= BEHIND_MAX


class RoundView(NamedTuple):
    """What a delegate did in one round.  A round in which it had nothing to do and did nothing is not listed."""

    round: int
    height: int
    """Of its block in this round; 0 where it made none."""
    transactions: int
    """In that block."""
    fees: int
    missed: int
    """Heartbeat slots that were counted as missed by a block of this round."""


class History(Protocol):
    """Reads of the index; short, on the loop."""

    def view(self) -> IndexView: ...

    def transactions(self, account: bytes, before: Location, limit: int) -> Sequence[Location]:
        """Where the transactions of an account are that lie before a place, newest first."""
        ...

    def rounds(self, account: bytes, before: int, limit: int) -> Sequence[RoundView]:
        """Rounds of a delegate before a round, newest first."""
        ...
