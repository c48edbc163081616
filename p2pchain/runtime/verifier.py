"""Checking signatures without stopping the loop.

Two lanes: blocks and what is said about them are checked at once; transactions take turns, in one line for all who bring
them, a slice at a time.  So whatever comes in, what the loop waits for between two events is one slice.

Up to `SHARED_MIN` are checked by this thread alone.  More are shared with a worker thread: both take slices until none is left, this thread
with a pause for other tasks between them, so that the worker goes on while it does something else.  libsodium runs without the
interpreter's lock, so both run side by side; one thread alone beside a busy loop would wait for the lock at every single
signature.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import trio

from p2pchain.chain.crypto import SignatureCheck, verify_batch

INLINE_MAX = 64
"""About 4 ms of work, done in one step."""
SLICE = 32
"""About 2 ms of work: what a vote may have to wait for."""
SHARED_MIN = 256
"""Below it a thread takes longer to wake than it helps: of 75 it did not get a single slice, and on a busy machine a hundred
signatures of a block waited for it while twenty batches of transactions went by."""


class Verifier:
    """One batch of each lane at a time: a second one waits, so that a flood cannot take more than one worker."""

    def __init__(self) -> None:
        self._turn = trio.Semaphore(1)
        self._line = trio.Semaphore(1)

    async def verify(self, checks: Sequence[SignatureCheck]) -> list[bool]:
        """One answer a check, in order."""
        if len(checks) <= INLINE_MAX:
            return verify_batch(checks)
        async with self._turn:
            return await self._check(checks)

    async def verify_in_turn(self, checks: Sequence[SignatureCheck]) -> list[bool]:
        """As `verify`, behind everything else that waits here."""
        async with self._line:
            return await self._check(checks)

    async def _check(self, checks: Sequence[SignatureCheck]) -> list[bool]:
        if len(checks) > SHARED_MIN:
            return await self._fork_and_join(checks)
        answers: list[bool] = []
        for start in range(0, len(checks), SLICE):
            answers += verify_batch(checks[start : start + SLICE])
            await trio.lowlevel.checkpoint()
        return answers

    async def _fork_and_join(self, checks: Sequence[SignatureCheck]) -> list[bool]:
        """The thread takes slices from the end, this one from the beginning, until they meet: whichever is free does more."""
        shared = _Shared(checks)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, shared.check_from_end)
            while shared.check_from_beginning():
                await trio.lowlevel.checkpoint()
        return shared.results()


class _Shared:
    """Slices that two threads take from either end; taking one is a single step under the interpreter's lock."""

    def __init__(self, checks: Sequence[SignatureCheck]) -> None:
        self._slices = deque(checks[start : start + SLICE] for start in range(0, len(checks), SLICE))
        self._first: list[bool] = []
        self._last: list[list[bool]] = []

    def check_from_beginning(self) -> bool:
        """Check one slice; false where none is left."""
        try:
            part = self._slices.popleft()
        except IndexError:
            return False
        self._first += verify_batch(part)
        return True

    def check_from_end(self) -> None:
        while True:
            try:
                part = self._slices.pop()
            except IndexError:
                return
            self._last.append(verify_batch(part))

    def results(self) -> list[bool]:
        """One answer a check, in order, once both ends have met."""
        return self._first + [answer for part in reversed(self._last) for answer in part]
