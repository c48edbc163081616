"""Checking signatures without stopping the loop.

A few are checked at once.  Many are split: one half goes to a worker thread, the other is checked here in slices
with a pause for other tasks between them.  libsodium runs without the interpreter's lock, so both halves run side
by side; one thread alone beside a busy loop would wait for the lock at every single signature.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from p2pchain.chain.crypto import SignatureCheck, verify_batch

INLINE_MAX = 64
"""About 4 ms of work: a hop to a thread would cost more than it gives."""
SLICE = 64


class Verifier:
    """One batch at a time: a second one waits, so that a flood cannot take more than one worker."""

    def __init__(self) -> None:
        self._turn = trio.Semaphore(1)

    async def verify(self, checks: Sequence[SignatureCheck]) -> list[bool]:
        """One answer a check, in order."""
        if len(checks) <= INLINE_MAX:
            return verify_batch(checks)
        async with self._turn:
            return await self._fork_and_join(checks)

    async def _fork_and_join(self, checks: Sequence[SignatureCheck]) -> list[bool]:
        middle = len(checks) // 2
        theirs: list[bool] = []

        async def fork() -> None:
            theirs.extend(await trio.to_thread.run_sync(verify_batch, checks[middle:]))

        ours: list[bool] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fork)
            for start in range(0, middle, SLICE):
                await trio.lowlevel.checkpoint()
                ours += verify_batch(checks[start : min(start + SLICE, middle)])
        return ours + theirs
