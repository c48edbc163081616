"""What lies where in the ledger's databases.  All integers in keys are big-endian, so that keys sort by them.

    meta          name                            -> see META_*
    blocks        height (8) || block id (32)     -> [block, encoded rows, state root, failures], written once and never changed
    certificates  height (8) || block id (32) || kind (1) -> certificate
    final         height (8)                      -> block id
    headers       height (8)                      -> header, of final blocks whose body was pruned
    heights       block id (32)                   -> height (8), final blocks only
    rows          state key                       -> state row, as of the flushed height
    nodes         place in the trie               -> node over these rows; those of another height are overwritten by the log's tail
    transactions  generation (4) || id prefix (12) -> (height (8) || position (4)) for each transaction of that prefix

The transaction index is divided into generations of bounded size: ids are random, so each flush touches most pages of
the generation that is being filled, and none of those before.  A look-up asks every generation, newest first.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple, cast

import msgpack

from p2pchain.chain.codec import encode
from p2pchain.chain.outcomes import Failure, as_failures, failures_in
from p2pchain.chain.transaction import transaction_id
from p2pchain.chain.types import Hash, TransactionId
from p2pchain.chain.votes import Kind
from p2pchain.node.ports import Location
from p2pchain.storage.errors import DamagedStore

FORMAT = 3
"""2: rows know of convictions, a block of its failed transactions.  3: the nodes of the state's trie."""

META_FORMAT = b"format"
"""Version of this layout, as decimal text."""
META_CHAIN = b"chain"
"""The chain id."""
META_GENESIS_ROOT = b"genesis-root"
"""State root at height 0."""
META_PROGRESS = b"progress"
"""`Progress` of the flush."""
META_PRUNED = b"pruned"
"""What was pruned; absent where nothing was."""

PREFIX_BYTES = 12
_HEIGHT = Struct(">Q")
_LOCATION = Struct(">QI")
_GENERATION = Struct(">I")
_DECODE_ERRORS = (ValueError, TypeError, LookupError, msgpack.exceptions.UnpackException)


class Progress(NamedTuple):
    """How far rows and index follow the log."""

    flushed: int
    """Height up to which all rows and index entries are written; later ones may be, in part."""
    generation: int = 0
    entries: int = 0
    """Index entries in this generation so far."""


class Record(NamedTuple):
    """A block as stored, its rows still encoded: readers of blocks do not pay for them."""

    raw: bytes
    rows: bytes
    state_root: Hash
    failed: tuple[Failure, ...]
    """What the rows say of failed transactions, so that nobody has to decode them to know it."""


def height_key(height: int) -> bytes:
    return _HEIGHT.pack(height)


def height_of(data: bytes) -> int:
    return int(_HEIGHT.unpack_from(data)[0])


def block_key(height: int, block: bytes) -> bytes:
    return _HEIGHT.pack(height) + block


def certificate_key(key: bytes, kind: Kind) -> bytes:
    return key + bytes((kind,))


def index_key(generation: int, item: bytes) -> bytes:
    return _GENERATION.pack(generation) + item[:PREFIX_BYTES]


def generation_of(key: bytes) -> int:
    return int(_GENERATION.unpack_from(key)[0])


def encode_location(place: tuple[int, int]) -> bytes:
    return _LOCATION.pack(*place)


def decode_locations(data: bytes) -> list[Location]:
    return [Location(*fields) for fields in _LOCATION.iter_unpack(data)]


def encode_progress(progress: Progress) -> bytes:
    return encode(tuple(progress))


def decode_progress(data: bytes) -> Progress:
    try:
        progress = Progress(*msgpack.unpackb(data, use_list=False))
        _require(all(type(number) is int and number >= 0 for number in progress), "its numbers are none")
    except _DECODE_ERRORS as error:
        raise DamagedStore(f"the store's progress record cannot be read: {error}") from error
    return progress


def encode_record(raw: bytes, rows: Mapping[bytes, bytes], state_root: Hash) -> bytes:
    return encode((raw, encode(dict(rows)), state_root, failures_in(rows)))


def decode_record(data: bytes, key: bytes) -> Record:
    try:
        raw, rows, root, failed = msgpack.unpackb(data, use_list=False)
        _require(all(type(part) is bytes for part in (raw, rows, root)), "its parts are no byte strings")
        return Record(raw, rows, root, as_failures(failed))
    except _DECODE_ERRORS as error:
        raise _damaged(key, error) from error


def decode_rows(data: bytes, key: bytes) -> dict[bytes, bytes]:
    try:
        rows = msgpack.unpackb(data)
        _require(type(rows) is dict and {type(part) for row in rows.items() for part in row} <= {bytes}, "its rows are none")
        return cast("dict[bytes, bytes]", rows)
    except _DECODE_ERRORS as error:
        raise _damaged(key, error) from error


def header_of(raw: bytes, key: bytes) -> bytes:
    """Header bytes of a stored block."""
    try:
        header = msgpack.unpackb(raw)[0]
        _require(type(header) is bytes, "its header is no byte string")
        return cast("bytes", header)
    except _DECODE_ERRORS as error:
        raise _damaged(key, error) from error


def header_in_record(record: memoryview, key: bytes) -> bytes:
    """Header bytes of a stored block; the block begins the record and the header the block, so no more than that is looked at."""
    block = _bytes_at(record, 1, key)
    header = _bytes_at(record, block.start + 1, key)
    return bytes(record[header.start : header.stop])


_BIN_LENGTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4}
"""MessagePack byte strings: how many bytes of length follow the first byte."""


def _bytes_at(data: memoryview, at: int, key: bytes) -> range:
    """Where the content of the byte string lies that begins at `at`."""
    width = _BIN_LENGTHS.get(data[at]) if at < len(data) else None
    if width is None:
        raise _damaged(key, ValueError(f"no byte string at {at}"))
    start = at + 1 + width
    content = range(start, start + int.from_bytes(data[at + 1 : start], "big"))
    if content.stop > len(data):
        raise _damaged(key, ValueError(f"a byte string at {at} ends beyond the record"))
    return content


def transaction_ids(raw: bytes, key: bytes) -> list[TransactionId]:
    """Ids of a stored block's transactions, in order."""
    try:
        return [transaction_id(msgpack.unpackb(item)[0]) for item in msgpack.unpackb(raw)[3]]
    except _DECODE_ERRORS as error:
        raise _damaged(key, error) from error


def transaction_id_at(raw: bytes, position: int, key: bytes) -> TransactionId:
    try:
        return transaction_id(msgpack.unpackb(msgpack.unpackb(raw)[3][position])[0])
    except _DECODE_ERRORS as error:
        raise _damaged(key, error) from error


def _require(holds: object, words: str) -> None:
    if not holds:
        raise ValueError(words)


def _damaged(key: bytes, error: Exception) -> DamagedStore:
    return DamagedStore(f"block {height_of(key)} in the store is damaged ({error}); move the data folder away and sync again")
