"""The address book's life on disk: read once, checked, written whole when it changed, and once more at the end.

The book is worth much and never indispensable: a damaged file is set aside, and a disk that refuses it costs a line in
the log; the ledger's own store decides when a disk is too bad to go on.
"""

from __future__ import annotations

import secrets
from typing import Protocol

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import ChainId
from p2pchain.net.book.book import AddressBook
from p2pchain.net.book.encoding import SALT_BYTES, decode_book, encode_book


class BookFile(Protocol):
    """One file; each method says in one line what went wrong, or nothing."""

    def load(self) -> tuple[bytes | None, str]:
        """None where there is none."""
        ...

    def save(self, content: bytes) -> str:
        """Whole, synced and atomic."""
        ...

    def set_aside(self) -> str:
        """Out of the way, for people to look at; one earlier file of that kind is overwritten."""
        ...


def open_book(file: BookFile | None, chain_id: ChainId, logger: FilteringBoundLogger) -> AddressBook:
    """The book as it was written last, or an empty one."""
    if file is None:
        return AddressBook(secrets.token_bytes(SALT_BYTES))
    content, problem = file.load()
    if problem:
        logger.warning("address book cannot be read, beginning a new one", why=problem)
    if content is not None:
        try:
            return decode_book(content, chain_id)
        except Invalid as refusal:
            kept = file.set_aside()
            logger.warning("address book set aside, beginning a new one", why=str(refusal), problem=kept)
    return AddressBook(secrets.token_bytes(SALT_BYTES))


class BookKeeper:
    def __init__(self, book: AddressBook, file: BookFile, chain_id: ChainId, pause_ms: int, logger: FilteringBoundLogger) -> None:
        self._book = book
        self._file = file
        self._chain_id = chain_id
        self._pause_ms = pause_ms
        self._logger = logger
        self._written = book.revision
        self._complaint = ""

    async def run(self) -> None:
        try:
            while True:
                await trio.sleep(self._pause_ms / 1000)
                if self._book.revision != self._written:
                    self._written = self._book.revision
                    content = encode_book(self._book, self._chain_id)
                    self._complain(await trio.to_thread.run_sync(self._file.save, content))
        finally:
            if self._book.revision != self._written:
                self._complain(self._file.save(encode_book(self._book, self._chain_id)))

    def _complain(self, problem: str) -> None:
        log = self._logger.debug if problem == self._complaint else self._logger.warning
        if problem:
            log("address book could not be written", why=problem)
        self._complaint = problem
