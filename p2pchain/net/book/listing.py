"""The book as people are shown it."""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.net.book.book import AddressBook
from p2pchain.net.book.entry import Entry
from p2pchain.net.endpoint import Endpoint
from p2pchain.node.ports import BookEntryView, BookView


def list_book(book: AddressBook, announced: Sequence[str], limit: int) -> BookView:
    """Those met last first."""
    sizes = book.sizes()
    entries = sorted(book.entries(), key=lambda entry: (-entry.met_ms, entry.node_key))[:limit] if limit else []
    return BookView(sizes.new, sizes.tried, tuple(announced), tuple(_view(entry, book.anchors) for entry in entries))


def _view(entry: Entry, anchors: Sequence[bytes]) -> BookEntryView:
    return BookEntryView(
        entry.node_key.hex(),
        tuple(str(Endpoint(*each)) for each in entry.endpoints),
        entry.source,
        entry.is_tried,
        entry.met_ms,
        entry.record.expires_ms,
        entry.failures,
        entry.node_key in anchors,
    )
