"""Which pages of an LMDB file hold nothing that any reader, or either of the two last roots, could reach.

LMDB keeps that list in a tree of its own in the file (number 0), and has no call that shows it.  Its form has been the same
since data format 1 (LMDB 0.9, 2011), which is required here, and every page is checked for being what it is taken for.

    page     number (8) pad (2) flags (2) lower (2) upper (2)      content from byte 16; overflow: count of pages (4) at 12
    root     magic (4) version (4) address (8) mapsize (8) tree 0 (48) tree 1 (48) last page (8) transaction (8), on pages 0 and 1
    tree     page size (4; of tree 0) flags (2) depth (2) branches (8) leaves (8) overflows (8) entries (8) root (8)
    node     low (2) high (2) flags (2) key size (2) key value     the value's size, or of a branch the page below, in low and high
    entry    key: transaction (8); value: count (8), page numbers (8 each), falling
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from struct import Struct
from typing import NamedTuple

from p2pchain.storage.errors import StorageError

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_NO_PAGE = 2**64 - 1
_BRANCH, _LEAF, _OVERFLOW, _META = 0x01, 0x02, 0x04, 0x08
_IN_OVERFLOW = 0x01
_HEADER = Struct("<QHHHH")
_ROOT = Struct("<IIQQ")
_TREE = Struct("<IHHQQQQQ")
_LAST = Struct("<QQ")
_NODE = Struct("<HHHH")
_NUMBER = Struct("<Q")
_CONTENT = 16
"""Where a page's content begins."""
DEPTH_MAX = 32
"""LMDB's own bound of a tree's depth."""


class UnknownFormError(StorageError):
    """The file is not of the form that is known here: nothing of it may be given back."""


class FreePages(NamedTuple):
    """What one transaction freed."""

    transaction: int
    pages: tuple[int, ...]
    """Rising."""


class Root(NamedTuple):
    transaction: int
    page_bytes: int
    last_page: int
    free_tree: int


class PageFile:
    """An open data file, read page by page.  What is read holds as long as nobody commits: the caller has the write lock."""

    def __init__(self, descriptor: int, transaction: int | None = None) -> None:
        """`transaction` is the last one committed, as LMDB knows it, if it runs: damage of a root must not make an older one the newest."""
        self._descriptor = descriptor
        self.root = self._newest_root()
        found = self.root.transaction
        _require(transaction in {None, found}, f"its newest root is of transaction {found}, {transaction} wanted")

    @property
    def size(self) -> int:
        """Of the file, at least: whoever maps less of it and follows a page into the rest is ended by SIGBUS."""
        return (self.root.last_page + 1) * self.root.page_bytes

    def free_pages(self, after: int, below: int) -> Iterator[FreePages]:
        """Lists of transactions later than `after` and before `below`, oldest first."""
        if self.root.free_tree != _NO_PAGE:
            for free in self._lists(self.root.free_tree, after, 0):
                if free.transaction >= below:
                    return
                yield free

    def _newest_root(self) -> Root:
        first = self._root_at(os.pread(self._descriptor, 4_096, 0))
        second = self._root_at(os.pread(self._descriptor, 4_096, first.page_bytes))
        _require(first.page_bytes == second.page_bytes, "its two roots differ in the size of a page")
        return max(first, second)

    def _root_at(self, page: bytes) -> Root:
        _require(len(page) == 4_096, "it has no two roots")
        _, _, flags, _, _ = _HEADER.unpack_from(page)
        magic, version, _, _ = _ROOT.unpack_from(page, _CONTENT)
        _require(flags & _META and magic == _MAGIC and version == _VERSION, f"its root is no root of format {_VERSION}")
        at = _CONTENT + _ROOT.size
        page_bytes, *_, free_tree = _TREE.unpack_from(page, at)
        last_page, transaction = _LAST.unpack_from(page, at + 2 * _TREE.size)
        _require(page_bytes >= 512 and page_bytes & (page_bytes - 1) == 0, f"its pages have {page_bytes} bytes")
        return Root(transaction, page_bytes, last_page, free_tree)

    def _page(self, number: int, flag: int) -> bytes:
        """A page that says of itself that it is this one, and of this kind."""
        _require(2 <= number <= self.root.last_page, f"it leads to page {number} of {self.root.last_page}")
        page = os.pread(self._descriptor, self.root.page_bytes, number * self.root.page_bytes)
        _require(len(page) == self.root.page_bytes, f"page {number} is cut short")
        found, _, flags, _, _ = _HEADER.unpack_from(page)
        _require(found == number and flags & flag, f"page {number} says that it is page {found} with flags {flags:#x}")
        return page

    def _lists(self, number: int, after: int, depth: int) -> Iterator[FreePages]:
        _require(depth < DEPTH_MAX, "its tree of free pages has no end")
        page = self._page(number, _BRANCH | _LEAF)
        *_, flags, lower, _ = _HEADER.unpack_from(page)
        places = memoryview(page)[_CONTENT:lower].cast("H")
        if flags & _LEAF:
            for at in places:
                free = self._list_at(page, at, after)
                if free is not None:
                    yield free
            return
        below = [self._branch_at(page, at) for at in places]
        for place, (_, child) in enumerate(below):
            is_passed = place + 1 < len(below) and below[place + 1][0] <= after
            if not is_passed:
                yield from self._lists(child, after, depth + 1)

    def _branch_at(self, page: bytes, at: int) -> tuple[int, int]:
        """The first key below, and the page."""
        low, high, top, size = _NODE.unpack_from(page, at)
        key = _NUMBER.unpack_from(page, at + _NODE.size)[0] if size == _NUMBER.size else 0  # the first child's is left out
        return key, low | high << 16 | top << 32

    def _list_at(self, page: bytes, at: int, after: int) -> FreePages | None:
        low, high, flags, key_bytes = _NODE.unpack_from(page, at)
        _require(key_bytes == _NUMBER.size, f"a transaction's number has {key_bytes} bytes")
        start = at + _NODE.size
        transaction = _NUMBER.unpack_from(page, start)[0]
        if transaction <= after:
            return None
        value, size = page[start + key_bytes :], low | high << 16
        if flags & _IN_OVERFLOW:
            value = self._overflow(_NUMBER.unpack_from(value)[0], size)
        _require(_NUMBER.size <= size <= len(value) and size % _NUMBER.size == 0, f"a list of free pages has {size} bytes")
        numbers = memoryview(value)[:size].cast("Q")
        _require(numbers[0] == size // _NUMBER.size - 1, f"a list of {size} bytes says that it has {numbers[0]} pages")
        pages = tuple(numbers[:0:-1])
        rising = all(page < later for page, later in pairwise(pages))
        _require(rising and (not pages or (pages[0] >= 2 and pages[-1] <= self.root.last_page)), "a list of free pages is out of order")
        return FreePages(transaction, pages)

    def _overflow(self, number: int, size: int) -> bytes:
        first = self._page(number, _OVERFLOW)
        count = int.from_bytes(first[12:16], "little")
        _require(count * self.root.page_bytes >= _CONTENT + size, f"a list of {size} bytes lies on {count} pages")
        return os.pread(self._descriptor, size, number * self.root.page_bytes + _CONTENT)


def _require(holds: object, words: str) -> None:
    if not holds:
        raise UnknownFormError(f"the ledger's file has another form than is known here ({words}); nothing of it was given back")
