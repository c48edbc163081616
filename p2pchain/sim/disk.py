"""The disk of one node: what was synced stays, what was only written may be lost or torn by a crash.

Writes lie in a queue until their sync returns.  The store writes a batch whole or not at all, and so does the sign
state (a torn write leaves the state before it, whose successor's signature never left), so what a crash leaves is a
beginning of the queue.  How long it is, is drawn where the world has such faults; otherwise the process alone dies
and the operating system still writes everything.
"""

from __future__ import annotations

import random

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.voting import SignState
from p2pchain.node.effects import Commit, Effects
from p2pchain.sim.store import Ledger

SYNC_MS = (2, 2)
"""Least and most that a sync of a good disk takes."""
JOURNAL_MAX = 2_000
"""Transactions kept for the mempool of the next life; the oldest go first."""


class Disk:
    """What survives a crash of a node."""

    def __init__(self, genesis: Genesis) -> None:
        self.ledger = Ledger(genesis)
        self.sign: SignState | None = SignState()
        self.journal: list[bytes] = []
        self.loses_unsynced = False
        self.tears_sign_state = False
        self.forgets_sign_state = False
        """A liar of a disk, which no delegate survives: for the test that the checker of S3 can fire."""
        self.sync_ms = SYNC_MS
        self._queue: list[Commit | SignState] = []

    @property
    def writing(self) -> bool:
        """Whether something was written and is not synced."""
        return bool(self._queue)

    @property
    def recording(self) -> bool:
        """Whether a sign state is among it."""
        return any(isinstance(write, SignState) for write in self._queue)

    def write(self, effects: Effects) -> None:
        """Queue a batch and the records of the signatures that wait for it, in this order."""
        assert not self._queue, "the loop waits for the disk"
        if effects.commit:
            self._queue.append(effects.commit)
        self._queue += [request.state for request in effects.sign]

    def sync(self) -> None:
        """Everything that was written is there for good."""
        self._apply(len(self._queue))

    def crash(self, chance: random.Random) -> None:
        """The process dies: of what was not synced a beginning survives."""
        kept = len(self._queue)
        if self.loses_unsynced:
            kept = chance.randint(0, len(self._queue))
        elif self.tears_sign_state:
            batches = sum(isinstance(write, Commit) for write in self._queue)
            kept = chance.randint(batches, len(self._queue))
        self._apply(kept)
        if self.loses_unsynced and self.journal:
            del self.journal[chance.randint(0, len(self.journal)) :]
        if self.forgets_sign_state:
            self.sign = SignState()

    def heal(self) -> None:
        """A good disk from now on."""
        self.loses_unsynced = self.tears_sign_state = False
        self.sync_ms = SYNC_MS

    def keep(self, transactions: list[bytes]) -> None:
        self.journal += transactions
        del self.journal[:-JOURNAL_MAX]

    def _apply(self, count: int) -> None:
        for write in self._queue[:count]:
            if isinstance(write, Commit):
                self.ledger.apply(write)
            else:
                self.sign = write
        self._queue = []
