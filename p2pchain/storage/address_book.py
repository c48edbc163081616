"""The address book's file in the home: whole and synced or not at all, and set aside when it is damaged.

A trouble with it is told as one line and never ends the node: the book can be made anew, the ledger cannot.
"""

from __future__ import annotations

from pathlib import Path

from p2pchain.storage.durable import sync_folder, write_whole
from p2pchain.storage.errors import StorageError, mapped

FILE_NAME = "address-book"
DAMAGED_NAME = "address-book.damaged"


class AddressBookFile:
    """Implements `net.keeping.BookFile`; `bytes_max` is the size of the largest book."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._path = folder / FILE_NAME
        self._bytes_max = bytes_max

    def load(self) -> tuple[bytes | None, str]:
        try:
            with mapped("reading", self._path), self._path.open("rb") as file:
                # a byte more than fits is enough to be called damaged
                return file.read(self._bytes_max + 1), ""
        except StorageError as error:
            return None, "" if isinstance(error.__cause__, FileNotFoundError) else str(error)

    def save(self, content: bytes) -> str:
        try:
            write_whole(self._path, content)
        except StorageError as error:
            return str(error)
        return ""

    def set_aside(self) -> str:
        try:
            with mapped("setting aside", self._path):
                self._path.replace(self._path.with_name(DAMAGED_NAME))
                sync_folder(self._path.parent)
        except StorageError as error:
            return str(error)
        return ""
