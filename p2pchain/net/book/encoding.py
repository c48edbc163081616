"""The book as one file: a magic line, the SHA-256 of what follows, then `[salt, chain id, anchors, [entry, ...]]`.

Whatever is not exactly that is `Invalid`, and the caller begins a book anew.  Signatures are not checked again: only this
node writes the file, and the sum tells damage.
"""

from __future__ import annotations

import hashlib
from ipaddress import ip_address

from p2pchain.chain.codec import Value, decode_array, decode_byte_strings, encode, require_array, require_bytes, require_int, require_text
from p2pchain.chain.errors import Code, Invalid, shown
from p2pchain.chain.types import HASH_BYTES, KEY_BYTES, ChainId
from p2pchain.net.book.book import ANCHORS_MAX, ENTRIES_MAX, AddressBook
from p2pchain.net.book.entry import Entry
from p2pchain.wire.peer_record import RECORD_BYTES_MAX, decode_record

MAGIC = b"p2pchain/address-book/1\n"
SALT_BYTES = 32
_SUM_BYTES = 32
_ENTRY_BYTES_MAX = RECORD_BYTES_MAX + 128
FILE_BYTES_MAX = ENTRIES_MAX * (_ENTRY_BYTES_MAX + 3) + 1024
_NUMBERS = ("met at", "met_ms", "tried_ms", "failures")


def encode_book(book: AddressBook, chain_id: ChainId) -> bytes:
    content = encode((book.salt, chain_id, encode((book.anchors,)), [_encode_entry(entry) for entry in book.entries()]))
    return MAGIC + hashlib.sha256(content).digest() + content


def decode_book(data: bytes, chain_id: ChainId) -> AddressBook:
    """`Invalid` for a damaged file and for the book of another chain."""
    if not data.startswith(MAGIC):
        raise Invalid(Code.MALFORMED, f"address book begins with {data[:24]!r}, {MAGIC!r} wanted")
    content = data[len(MAGIC) + _SUM_BYTES :]
    if hashlib.sha256(content).digest() != data[len(MAGIC) : len(MAGIC) + _SUM_BYTES]:
        raise Invalid(Code.MALFORMED, f"address book of {len(data)} bytes has another sum than it says: it is damaged")
    heads, items = decode_byte_strings(content, what="address book", heads=3, bytes_max=FILE_BYTES_MAX, items_max=ENTRIES_MAX)
    salt = require_bytes(heads[0], what="address book salt", size=SALT_BYTES)
    found = require_bytes(heads[1], what="address book chain id", size=HASH_BYTES)
    if found != chain_id:
        raise Invalid(Code.WRONG_CHAIN, f"address book is of chain {found.hex()}, this node on {chain_id.hex()}")
    anchors = require_array(decode_array(heads[2], what="anchors", fields=1)[0], what="anchors")
    if len(anchors) > ANCHORS_MAX:
        raise Invalid(Code.OVERSIZED, f"address book has {len(anchors)} anchors, at most {ANCHORS_MAX} allowed")
    keys = [require_bytes(key, what="anchor", size=KEY_BYTES) for key in anchors]
    return AddressBook(salt, [_decode_entry(item) for item in items], keys)


def _encode_entry(entry: Entry) -> bytes:
    met_at = -1 if entry.met_at is None else entry.record.endpoints.index(entry.met_at)
    return encode((entry.record.raw, entry.source, entry.is_tried, met_at + 1, entry.met_ms, entry.tried_ms, entry.failures))


def _decode_entry(raw: bytes) -> Entry:
    record, source, is_tried, *numbers = decode_array(raw, what="address book entry", fields=7, bytes_max=_ENTRY_BYTES_MAX)
    if type(is_tried) is not bool:
        raise Invalid(Code.MALFORMED, "address book entry does not say whether it is among the tried")
    entry = Entry(decode_record(require_bytes(record, what="address book record")), _decode_source(source))
    met_at, entry.met_ms, entry.tried_ms, entry.failures = (
        require_int(number, what=f"address book {name}") for number, name in zip(numbers, _NUMBERS, strict=True)
    )
    if met_at > len(entry.record.endpoints):
        most = len(entry.record.endpoints)
        raise Invalid(Code.MALFORMED, f"address book entry was met at endpoint {met_at}, at most {most} wanted")
    entry.met_at = entry.record.endpoints[met_at - 1] if met_at else None
    entry.place = (is_tried, 0, 0)
    return entry


def _decode_source(value: Value) -> str:
    source = require_text(value, what="address book source", size_max=45)
    try:
        ip_address(source)
    except ValueError:
        raise Invalid(Code.MALFORMED, f"address book source is {shown(source)}, an address is wanted") from None
    return source
