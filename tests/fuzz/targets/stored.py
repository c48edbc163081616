"""What lies on disk and may have rotted: the journal, the memory of what was signed, records of the store."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from struct import Struct

from p2pchain.chain.trie.update import root_of
from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.chain.voting import SignState
from p2pchain.storage import journal, sign_state
from p2pchain.storage.errors import DamagedStore, ForeignChain
from p2pchain.storage.layout import (
    Progress,
    decode_progress,
    decode_record,
    decode_rows,
    encode_progress,
    encode_record,
    header_of,
    transaction_id_at,
    transaction_ids,
)
from tests.fuzz.bombs import BOMBS
from tests.fuzz.claims import told
from tests.fuzz.mutation.formats import mutate_msgpack, repaired
from tests.fuzz.mutation.octets import mutate_bytes
from tests.fuzz.target import Target
from tests.vectors.world import CHAIN_ID, account, chain

KEY = (7).to_bytes(8, "big") + b"\x01" * 32
HEAD = Struct(">II")


# --- the journal


def _check_journal(data: bytes) -> str:
    """A beginning of the file, of whole records."""
    transactions, end = journal._decode(data)
    assert journal._encode(transactions) == data[:end], "what is read is what was written"
    assert all(transactions), "no record is empty"
    return f"{min(len(transactions), 4)} records, {'all' if end == len(data) else 'cut'}"


def _set_sums(data: bytes) -> bytes:
    """Each record with the checksum of what it holds."""
    made, at = bytearray(data), 0
    while at + HEAD.size <= len(made):
        length, _ = HEAD.unpack_from(made, at)
        item = made[at + HEAD.size : at + HEAD.size + length]
        HEAD.pack_into(made, at, length, zlib.crc32(item))
        at += HEAD.size + length
    return bytes(made)


# --- the memory of what was signed


def _file() -> sign_state.SignStateFile:
    return sign_state.SignStateFile(Path("signing"), account("delegate-1"), CHAIN_ID)


def _check_sign_state(data: bytes) -> str:
    """The newest place that is whole, and only of this key on this chain; or an error that says what to do."""
    try:
        slot = _file()._choose(data)
    except (DamagedStore, ForeignChain) as error:
        return told(error, letters_max=600)
    assert (slot.public_key, slot.chain_id) == (account("delegate-1"), CHAIN_ID)
    assert sign_state._decode(sign_state._encode(slot)) == slot, "what is read can be written"
    return "a place"


def _sign_states() -> list[bytes]:
    subject = Subject(Slot(9), Height(8), BlockId(b"\x01" * 32))
    content = bytearray(sign_state._FILE_BYTES)
    for sequence, state in ((4, SignState()), (5, SignState(subject, subject, subject, subject))):
        for offset in sign_state._offsets(sequence):
            made = sign_state._encode(sign_state._Slot(sequence, CHAIN_ID, account("delegate-1"), state))
            content[offset : offset + len(made)] = made
    return [bytes(content), bytes(content[: sign_state.PAGE_BYTES]), b"", bytes(100)]


def _seal_places(data: bytes) -> bytes:
    """Each place with the checksum of what it holds."""
    made = bytearray(data)
    for offset in range(0, len(made) - sign_state.SLOT_BYTES + 1, sign_state.PAGE_BYTES):
        end = offset + sign_state.SLOT_BYTES - sign_state._SUM_BYTES
        made[end : end + sign_state._SUM_BYTES] = hashlib.sha256(made[offset:end]).digest()
    return bytes(made)


# --- records of the store


def _check_record(data: bytes) -> str:
    """All that is ever asked of a stored block: an answer, or DamagedStore."""
    try:
        record = decode_record(data, KEY)
        ids = transaction_ids(record.raw, KEY)
        header_of(record.raw, KEY)
        if ids:
            assert transaction_id_at(record.raw, len(ids) - 1, KEY) == ids[-1]
        root_of(decode_rows(record.rows, KEY).items())
    except DamagedStore as error:
        return told(error, letters_max=600)
    return f"{min(len(ids), 3)} transactions"


def _check_progress(data: bytes) -> str:
    try:
        progress = decode_progress(data)
    except DamagedStore as error:
        return told(error, letters_max=600)
    assert decode_progress(encode_progress(progress)) == progress
    return "progress"


def _records() -> list[bytes]:
    stored = [(made.block, made.changes) for made in chain() if made.block is not None]
    return [encode_record(block.raw, changes.rows, changes.state_root) for block, changes in stored]


TARGETS = (
    Target(
        "journal",
        "the whole records up to the first damaged one",
        _check_journal,
        lambda: (journal._encode([b"one", b"two" * 20, b"x"]), journal._encode([bytes(100)]) + bytes(40)),
        repaired(mutate_bytes, _set_sums),
    ),
    Target(
        "sign-state",
        "the newest whole place of this key and chain, or an error that says what to do",
        _check_sign_state,
        _sign_states,
        repaired(mutate_bytes, _seal_places),
        sign_state._FILE_BYTES + 10,
    ),
    Target(
        "store-record",
        "a stored block with its changes, or DamagedStore",
        _check_record,
        lambda: (*_records(), *BOMBS),
        mutate_msgpack,
        8_192,
    ),
    Target(
        "store-progress",
        "how far rows follow, or DamagedStore",
        _check_progress,
        lambda: (encode_progress(Progress(3)), encode_progress(Progress(2**40, 2, 3)), *BOMBS),
        mutate_msgpack,
        256,
    ),
)
