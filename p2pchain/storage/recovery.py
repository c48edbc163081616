"""What the store knows when it is opened: read from the log, without executing a block or checking a signature.

The log's tail, which no row reflects yet, is checked against its own hashes: a damaged one would otherwise become the
state from which this node votes.  The nodes of the trie over it are made anew from all its rows at once, and their root is
the one to which the last final header commits.
"""

from __future__ import annotations

from collections.abc import Mapping

from p2pchain.chain.block import Header, block_id, decode_header
from p2pchain.chain.errors import Invalid
from p2pchain.chain.state import Changes
from p2pchain.chain.trie.update import MissingNodeError, update
from p2pchain.chain.types import BlockId, Hash, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.storage.environment import Environment, Transaction
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.layout import (
    META_GENESIS_ROOT,
    META_PROGRESS,
    Record,
    block_key,
    decode_progress,
    decode_record,
    decode_rows,
    header_of,
    height_key,
    height_of,
    transaction_ids,
)
from p2pchain.storage.overlay import Overlay, layer_of
from p2pchain.storage.plan import Memory, Unfinal


def load_memory(environment: Environment) -> Memory:
    """The memory as it was after the last commit, less what its batch had not finished."""
    with environment.lmdb.begin() as txn:
        height, block = _last_final(environment, txn)
        progress = decode_progress(_require(txn.get(META_PROGRESS, db=environment.meta), "progress"))
        if not 0 <= progress.flushed <= height:
            raise DamagedStore(f"{environment.path} says that height {progress.flushed} is flushed, {height} is final; sync again")
        subject, root = _at(environment, txn, progress.flushed)
        overlay = Overlay()
        changed: dict[bytes, bytes] = {}
        while subject.height < height:
            subject, changes, record = _next(environment, txn, subject)
            key, root = block_key(subject.height, subject.block), changes.state_root
            overlay = overlay.with_layer(layer_of(subject.height, changes.rows, len(record.rows), transaction_ids(record.raw, key)))
            changed.update(changes.rows)
        assert subject.block == block, "the walk over the final heights ends at the last one"
        nodes = _nodes(environment, txn, changed, root, height)
        return Memory(subject, root, _unfinal(environment, txn, height), overlay.with_nodes(nodes) if changed else overlay, progress)


def _nodes(environment: Environment, txn: Transaction, rows: Mapping[bytes, bytes], wanted: Hash, height: int) -> Mapping[bytes, bytes]:
    """The nodes over the rows at `height`, where some of those on disk may be of a later one than others (`trie.update`)."""
    try:
        root, nodes = update(lambda place: txn.get(place, db=environment.nodes), rows)
    except MissingNodeError as error:
        raise DamagedStore(f"the state in {environment.path} is incomplete ({error}); sync again") from error
    if root != wanted:
        raise DamagedStore(
            f"the state at height {height} in {environment.path} has root {root.hex()}, its block says {wanted.hex()}; sync again"
        )
    return nodes


def _last_final(environment: Environment, txn: Transaction) -> tuple[int, bytes]:
    with txn.cursor(db=environment.final) as cursor:
        if not cursor.last():
            raise DamagedStore(f"{environment.path} names no final block; move the data folder away and sync again")
        return height_of(cursor.key()), cursor.value()


def _at(environment: Environment, txn: Transaction, height: int) -> tuple[Subject, Hash]:
    """A final block and the state root after it."""
    block = BlockId(_require(txn.get(height_key(height), db=environment.final), f"final height {height}"))
    if height == 0:
        root = _require(txn.get(META_GENESIS_ROOT, db=environment.meta), "genesis root")
        return Subject(Slot(0), Height(0), block), Hash(root)
    _, header = _record(environment, txn, height, block)
    return Subject(header.slot, header.height, block), header.state_root


def _next(environment: Environment, txn: Transaction, below: Subject) -> tuple[Subject, Changes, Record]:
    """The final block above, and its changes."""
    height = below.height + 1
    block = BlockId(_require(txn.get(height_key(height), db=environment.final), f"final height {height}"))
    record, header = _record(environment, txn, height, block)
    rows = decode_rows(record.rows, block_key(height, block))
    if header.parent != below.block:
        raise DamagedStore(f"final block {height} in {environment.path} does not stand on the one before; sync again")
    return Subject(header.slot, header.height, block), Changes(rows, header.state_root), record


def _unfinal(environment: Environment, txn: Transaction, final: int) -> dict[BlockId, Unfinal]:
    """All stored blocks above the final one, parents first."""
    unfinal = {}
    with txn.cursor(db=environment.blocks) as cursor:
        if cursor.set_range(height_key(final + 1)):
            for key, value in cursor:
                block = BlockId(key[8:])
                record, header = _checked(environment, value, key, block)
                changes = Changes(decode_rows(record.rows, key), header.state_root)
                unfinal[block] = Unfinal(Subject(header.slot, header.height, block), record.raw, changes, len(record.rows), None)
    ordered = sorted(unfinal.values(), key=lambda item: (item.subject.height, item.subject))
    return {item.subject.block: item for item in ordered}


def _record(environment: Environment, txn: Transaction, height: int, block: BlockId) -> tuple[Record, Header]:
    key = block_key(height, block)
    return _checked(environment, _require(txn.get(key, db=environment.blocks), f"block {height}"), key, block)


def _checked(environment: Environment, value: bytes, key: bytes, block: BlockId) -> tuple[Record, Header]:
    """The record, once its header is the one that its id names."""
    record = decode_record(value, key)
    raw = header_of(record.raw, key)
    if block_id(raw) != block:
        raise DamagedStore(f"block {height_of(key)} in {environment.path} has another hash than its name; sync again")
    try:
        header = decode_header(raw)
    except Invalid as error:
        raise DamagedStore(f"block {height_of(key)} in {environment.path} cannot be read ({error}); sync again") from error
    return record, header


def _require(value: bytes | None, what: str) -> bytes:
    if value is None:
        raise DamagedStore(f"the store has no {what}; move the data folder away and sync again")
    return value
