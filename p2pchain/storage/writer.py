"""The one thread that begins and ends write transactions.

LMDB's write lock belongs to the thread that took it, while puts may come from any.  So puts are made where the
interpreter lock is at hand (lmdb gives it away at every put: beside a busy thread 10,000 of them take 1.5 s instead of
15 ms), and the sync is waited for wherever waiting hurts nobody.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import lmdb

from p2pchain.storage.environment import Environment, Transaction


class WriterThread:
    """Begins, commits and aborts; every call waits for its end."""

    def __init__(self, environment: Environment) -> None:
        self._lmdb = environment.lmdb
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def begin(self) -> Transaction:
        return self._thread.submit(self._begin).result()

    def commit(self, txn: Transaction) -> None:
        """Durable when it returns."""
        self._thread.submit(txn.commit).result()

    def abort(self, txn: Transaction) -> None:
        self._thread.submit(txn.abort).result()

    def abandon(self, txn: Transaction) -> None:
        """Abort if the failed commit left anything open: closing the database would wait for it for ever."""
        with suppress(lmdb.Error):
            self.abort(txn)

    def close(self) -> None:
        self._thread.shutdown()

    def _begin(self) -> Transaction:
        return self._lmdb.begin(write=True)
