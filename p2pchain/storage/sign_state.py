"""The memory of what this delegate has signed: the file that keeps it from ever signing twice (S3).

Two places take turns, and each holds its content twice, in pages of their own.  `save` writes the older place and syncs
before a signature leaves.  A write that was torn leaves the other place, whose state is right because the signature
of the torn one never left; a byte that rots leaves its twin.  So the newest state is lost to two faults at once only.

What no file can tell: that it was replaced by an older copy of itself, whole.  Never restore it from a backup, never
run a copy of it on another machine; a delegate without the file stays silent for a while instead, which is safe.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import NamedTuple, Self

from p2pchain.chain.types import HASH_BYTES, BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.chain.voting import SignState
from p2pchain.storage.durable import ProcessLock, make_folder, write_whole
from p2pchain.storage.errors import DamagedStore, ForeignChain, StorageError, mapped

NAME = "sign-state"
SLOT_BYTES = 512
PAGE_BYTES = 4096
"""Slots lie a page apart: a disk writes sectors of up to this size, and a torn one must not hurt two slots."""
COPIES = 2
PLACES = 2
_FILE_BYTES = PAGE_BYTES * COPIES * PLACES
_MAGIC = b"p2psign1"
_HEAD = Struct(">8sQ32s32s")
_SUBJECT = Struct(">QQ32s")
_SUM_BYTES = 32


class _Slot(NamedTuple):
    sequence: int
    chain_id: bytes
    public_key: bytes
    state: SignState


def guard(old: SignState, new: SignState) -> str:
    """Why `new` must not follow `old`, or an empty text: nothing signed is ever signed again or contradicted."""
    for name in ("produced", "voted", "confirmed"):
        before, after = getattr(old, name), getattr(new, name)
        if after.slot < before.slot:
            return f"{name} goes back from slot {before.slot} to {after.slot}"
        if after.slot == before.slot and after != before:
            return f"{name} changes in slot {before.slot} from {before.block.hex()} to {after.block.hex()}"
    if new.lock.slot < old.lock.slot:
        return f"lock goes back from slot {old.lock.slot} to {new.lock.slot}"
    if new.confirmed != old.confirmed and new.confirmed.slot < old.voted.slot:
        return f"slot {new.confirmed.slot} is confirmed after a vote in slot {old.voted.slot}"
    return ""


class SignStateFile:
    """`node.ports.SignStates` of one key on one chain.  From `load` to `close` no other process can have it."""

    def __init__(self, directory: Path, public_key: bytes, chain_id: bytes) -> None:
        self._path = directory / NAME
        self._public_key = public_key
        self._chain_id = chain_id
        self._lock: ProcessLock | None = None
        self._newest: _Slot | None = None
        self._failed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def create(self, state: SignState = SignState()) -> None:  # noqa: B008  (a frozen value)
        """Make the file of a key that has signed nothing, or nothing later than `state`.  Never over an existing one."""
        lock = self._take()
        try:
            self._write_first(state)
        finally:
            lock.release()

    def load(self) -> SignState | None:
        """Take the file for this process and read it.  None where it is missing: the first `save` will make it."""
        if self._lock is None:
            self._lock = self._take()
        with mapped("reading", self._path):
            try:
                content = self._path.read_bytes()
            except FileNotFoundError:
                return None
        self._newest = self._choose(content)
        return self._newest.state

    def peek(self) -> SignState | None:
        """What was signed last, for people: nothing is taken, and a node that runs may sign more at any moment."""
        with mapped("reading", self._path):
            try:
                content = self._path.read_bytes()
            except FileNotFoundError:
                return None
        return self._choose(content).state

    def save(self, state: SignState) -> None:
        """Durable when it returns; refuses what `guard` objects to."""
        if self._lock is None:
            raise StorageError(f"{self._path} is not loaded: nothing may be signed")
        if self._failed:
            raise StorageError(f"{self._path} is no longer used: an earlier write failed")
        self._failed = True
        if self._newest is None:
            self._newest = self._write_first(state)
        else:
            wrong = guard(self._newest.state, state)
            if wrong:
                raise StorageError(f"{self._path} refuses to sign: {wrong}")
            slot = _Slot(self._newest.sequence + 1, self._chain_id, self._public_key, state)
            self._write(slot)
            self._newest = slot
        self._failed = False

    def _take(self) -> ProcessLock:
        with mapped("opening the folder", self._path.parent):
            make_folder(self._path.parent)
        return ProcessLock(self._path.with_name(f"{NAME}.lock"))

    def _choose(self, content: bytes) -> _Slot:
        """The newest slot, if it is this key's on this chain."""
        pieces = [content[offset : offset + SLOT_BYTES] for offset in range(0, _FILE_BYTES, PAGE_BYTES)]
        slots = [slot for slot in map(_decode, pieces) if slot is not None]
        if not slots:
            raise DamagedStore(
                f"{self._path} is damaged: what was signed is not known; move it away: the node stays silent until it is safe"
            )
        newest = max(slots, key=lambda slot: slot.sequence)
        if newest.public_key != self._public_key:
            found, wanted = newest.public_key.hex(), self._public_key.hex()
            raise ForeignChain(f"{self._path} belongs to key {found}, this node signs with {wanted}; give each key a folder of its own")
        if newest.chain_id != self._chain_id:
            found, wanted = newest.chain_id.hex(), self._chain_id.hex()
            raise ForeignChain(f"{self._path} belongs to chain {found}, this node to {wanted}; give each chain a folder of its own")
        return newest

    def _write_first(self, state: SignState) -> _Slot:
        if self._path.exists():
            raise StorageError(f"{self._path} exists and stays: it is the memory of what this key has signed")
        slot = _Slot(1, self._chain_id, self._public_key, state)
        content = bytearray(_FILE_BYTES)
        for offset in _offsets(slot.sequence):
            content[offset : offset + SLOT_BYTES] = _encode(slot)
        write_whole(self._path, bytes(content))
        return slot

    def _write(self, slot: _Slot) -> None:
        content = _encode(slot)
        with mapped("writing", self._path):
            descriptor = os.open(self._path, os.O_WRONLY)
            try:
                for offset in _offsets(slot.sequence):
                    if os.pwrite(descriptor, content, offset) != SLOT_BYTES:
                        raise StorageError(f"{self._path} was written in part; see to the disk and start again")
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)


def _offsets(sequence: int) -> range:
    """Where the copies of a slot lie."""
    first = sequence % PLACES * COPIES * PAGE_BYTES
    return range(first, first + COPIES * PAGE_BYTES, PAGE_BYTES)


def _encode(slot: _Slot) -> bytes:
    head = _HEAD.pack(_MAGIC, slot.sequence, slot.chain_id, slot.public_key)
    body = head + b"".join(_SUBJECT.pack(*subject) for subject in slot.state)
    padded = body.ljust(SLOT_BYTES - _SUM_BYTES, b"\x00")
    return padded + hashlib.sha256(padded).digest()


def _decode(data: bytes) -> _Slot | None:
    """The slot, or None where it was never written, torn or damaged."""
    padded, found = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
    if len(data) != SLOT_BYTES or hashlib.sha256(padded).digest() != found:
        return None
    magic, sequence, chain_id, public_key = _HEAD.unpack_from(padded)
    if magic != _MAGIC:
        return None
    subjects = [_SUBJECT.unpack_from(padded, _HEAD.size + i * _SUBJECT.size) for i in range(len(SignState._fields))]
    state = SignState(*(Subject(Slot(slot), Height(height), BlockId(block)) for slot, height, block in subjects))
    return _Slot(sequence, chain_id, public_key, state)


assert _HEAD.size + len(SignState._fields) * _SUBJECT.size + _SUM_BYTES <= SLOT_BYTES, "a slot holds its fields"
assert _SUBJECT.size == 16 + HASH_BYTES, "a subject is two numbers and a hash"
