"""The one thread that begins and ends write transactions.

LMDB's write lock belongs to the thread that took it, while puts may come from any.  So puts are made where the
interpreter lock is at hand (lmdb gives it away at every put: beside a busy thread 10,000 of them take 1.5 s instead of
15 ms), and the sync is waited for wherever waiting hurts nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import lmdb

from p2pchain.storage.environment import Environment, Transaction

T = TypeVar("T")


class WriterThread:
    """Begins, commits and aborts; every call waits for its end."""

    def __init__(self, environment: Environment) -> None:
        self._lmdb = environment.lmdb
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._is_open = False
        """Whether a transaction is under way; the writer thread alone looks at it and changes it."""

    def begin(self) -> Transaction:
        return self._thread.submit(self._begin).result()

    def commit(self, txn: Transaction) -> None:
        """Durable when it returns."""
        self._thread.submit(self._end, txn.commit).result()

    def abort(self, txn: Transaction) -> None:
        self._thread.submit(self._end, txn.abort).result()

    def abandon(self, txn: Transaction) -> None:
        """Abort if the failed commit left anything open: closing the database would wait for it for ever."""
        with suppress(lmdb.Error):
            self.abort(txn)

    def alone(self, work: Callable[[int], T]) -> T | None:
        """Do something in a transaction that writes nothing, told its number; None where another is under way, which is not waited for."""
        return self._thread.submit(self._alone, work).result()

    def close(self) -> None:
        self._thread.shutdown()

    def _begin(self) -> Transaction:
        txn = self._lmdb.begin(write=True)
        self._is_open = True
        return txn

    def _end(self, how: Callable[[], None]) -> None:
        self._is_open = False
        how()

    def _alone(self, work: Callable[[int], T]) -> T | None:
        if self._is_open:
            return None
        txn = self._lmdb.begin(write=True)
        try:
            return work(txn.id())
        finally:
            txn.abort()
