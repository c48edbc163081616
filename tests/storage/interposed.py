"""Between LMDB and the kernel: every write and sync of the database, seen, and failed where a test wants it.

The extension module reaches libc through its table of imported functions.  Entries of that table are replaced by
functions of Python, as a debugger would, so what a test sees and fails are LMDB's own calls with its own order, sizes and
offsets.  Works for 64-bit ELF, which is where the node runs; `is_possible` says so.
"""

from __future__ import annotations

import ctypes
import importlib
import mmap
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

_MODULE = Path(importlib.import_module("lmdb.cpython").__file__ or "")
_pwrite = os.pwrite
"""As it is now: a test may put something else in its place."""
_RELOCATION = struct.Struct("<QQq")
_SYMBOL = struct.Struct("<IBBHQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_DYNSYM = 11
_RELA = 4
_SSIZE, _FD, _OFFSET = ctypes.c_ssize_t, ctypes.c_int, ctypes.c_long
_TYPES: dict[str, tuple[Any, ...]] = {
    "pwrite64": (_SSIZE, _FD, ctypes.c_void_p, ctypes.c_size_t, _OFFSET),
    "writev": (_SSIZE, _FD, ctypes.c_void_p, ctypes.c_int),
    "fdatasync": (ctypes.c_int, _FD),
    "fsync": (ctypes.c_int, _FD),
}
_ALIASES = {"pwrite": "pwrite64"}


def is_possible() -> bool:
    return sys.platform == "linux" and sys.maxsize > 1 << 32 and set(_slots()) == set(_TYPES)


class Call(NamedTuple):
    """A call of LMDB that is about to be made."""

    name: str
    """write or sync"""
    file: str
    """Where the descriptor leads."""
    offset: int
    data: bytes
    is_synced: bool
    """Whether the write returns only when it is durable (the page that makes a commit valid)."""


class Fault(NamedTuple):
    """What a call does instead: write `part` bytes (none for a sync), then fail, or claim to have written only so much."""

    errno: int = 0
    part: int = 0


class Observer(Protocol):
    """Called before each call; None lets it pass."""

    def __call__(self, call: Call) -> Fault | None: ...


@contextmanager
def between(observe: Observer) -> Iterator[None]:
    """Every write and sync of every database of this process goes by `observe` first."""
    functions = {name: _wrapped(name, observe) for name in _slots()}
    places = {name: _base() + offset for name, offset in _slots().items()}
    before = {name: ctypes.c_void_p.from_address(place).value for name, place in places.items()}
    for name, place in places.items():
        _set(place, ctypes.cast(functions[name], ctypes.c_void_p).value)
    try:
        yield
    finally:
        for name, place in places.items():
            _set(place, before[name])


def _wrapped(name: str, observe: Observer) -> Any:
    kind = ctypes.CFUNCTYPE(*_TYPES[name], use_errno=True)
    real = kind((name, ctypes.CDLL(None, use_errno=True)))

    def stand_in(*arguments: int) -> int:
        call = _call(name, arguments)
        fault = observe(call)
        if fault is None:
            return int(real(*arguments))
        written = _pwrite(arguments[0], call.data[: fault.part], call.offset) if fault.part else 0
        if fault.errno:
            ctypes.set_errno(fault.errno)
            return -1
        return written

    return kind(stand_in)


def _call(name: str, arguments: tuple[int, ...]) -> Call:
    descriptor = arguments[0]
    file = str(Path(f"/proc/self/fd/{descriptor}").readlink())
    is_synced = bool(_flags(descriptor) & os.O_DSYNC)
    if name == "pwrite64":
        return Call("write", file, arguments[3], ctypes.string_at(arguments[1], arguments[2]), is_synced)
    if name == "writev":
        return Call("write", file, os.lseek(descriptor, 0, os.SEEK_CUR), _gathered(arguments[1], arguments[2]), is_synced)
    return Call("sync", file, 0, b"", is_synced)


def _gathered(place: int, count: int) -> bytes:
    vectors = (ctypes.c_size_t * (2 * count)).from_address(place)
    return b"".join(ctypes.string_at(vectors[2 * i], vectors[2 * i + 1]) for i in range(count))


def _flags(descriptor: int) -> int:
    text = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    return int(text.split("flags:")[1].split()[0], 8)


def _set(place: int, value: int | None) -> None:
    page = place & -mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), 3) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")
    ctypes.c_void_p.from_address(place).value = value


def _base() -> int:
    """Where the extension module is loaded."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith(str(_MODULE)):
            return int(line.split("-")[0], 16)
    raise AssertionError(f"{_MODULE} is not loaded")


def _slots() -> dict[str, int]:
    """Offsets of the table's entries, by the function that each leads to."""
    if not _found:
        _found.update(_read_slots(_MODULE.read_bytes()))
    return _found


_found: dict[str, int] = {}


def _read_slots(elf: bytes) -> Iterator[tuple[str, int]]:
    if elf[:5] != b"\x7fELF\x02":
        return
    start, size, count = struct.unpack_from("<Q", elf, 0x28)[0], *struct.unpack_from("<HH", elf, 0x3A)
    sections = [_SECTION.unpack_from(elf, start + size * i) for i in range(count)]
    symbols = next(section for section in sections if section[1] == _DYNSYM)
    names = sections[symbols[6]][4]
    for section in (item for item in sections if item[1] == _RELA):
        for at in range(section[4], section[4] + section[5], _RELOCATION.size):
            place, info, _ = _RELOCATION.unpack_from(elf, at)
            name_at = names + _SYMBOL.unpack_from(elf, symbols[4] + (info >> 32) * _SYMBOL.size)[0]
            name = elf[name_at : elf.index(b"\0", name_at)].decode()
            name = _ALIASES.get(name, name)
            if info >> 32 and name in _TYPES:
                yield name, place
