"""What the store asks of the disk, call by call: its own files through `os`, LMDB's through the table of its imports.

The trace is all that a disk knows: writes, syncs, names given and taken away.  From it `crash_images` rebuilds what may
be left after a power cut at any of these calls.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from unittest.mock import patch

from tests.storage.interposed import Call, Fault, between

_IGNORED = ("lock", "lock.mdb", "sign-state.lock")
"""They hold nothing: whoever opens the store makes them anew."""


class Write(NamedTuple):
    file: int
    offset: int
    data: bytes
    is_synced: bool
    """Durable when it returns."""


class Truncate(NamedTuple):
    file: int
    size: int


class Sync(NamedTuple):
    file: int


class Link(NamedTuple):
    """A name leads to a file or folder from now on."""

    folder: int
    name: str
    file: int
    taken_from: tuple[int, str] | None = None
    """The name that it had, where it was renamed."""


class Unlink(NamedTuple):
    folder: int
    name: str


class SyncFolder(NamedTuple):
    folder: int


class Acknowledged(NamedTuple):
    """The store said that this step is done."""

    step: int


Operation: TypeAlias = Write | Truncate | Sync | Link | Unlink | SyncFolder | Acknowledged
ROOT = 0


@dataclass
class Trace:
    """Of everything below one folder."""

    folder: Path
    operations: list[Operation] = field(default_factory=list)
    folders: set[int] = field(default_factory=lambda: {ROOT})
    databases: set[int] = field(default_factory=set)
    fail: Callable[[int], Fault | None] = lambda _: None
    """Asked at each call of the disk, which it numbers from 0: what happens instead."""
    calls: int = 0
    _known: dict[int, int] = field(default_factory=dict)
    """By inode; a number that the disk uses again becomes another file here."""

    def acknowledge(self, step: int) -> None:
        self.operations.append(Acknowledged(step))

    def add(self, operation: Operation) -> None:
        self.operations.append(operation)

    def ask(self) -> Fault | None:
        """Whether the next call fails."""
        self.calls += 1
        return self.fail(self.calls - 1)

    def covers(self, path: str | Path) -> bool:
        found = Path(path)
        return found.is_relative_to(self.folder) and found.name not in _IGNORED

    def id_of(self, path: Path) -> int:
        """Of a file or folder; one that was never seen has just been made."""
        if path == self.folder:
            return ROOT
        inode = path.stat().st_ino
        if inode not in self._known:
            self.made(path)
        return self._known[inode]

    def made(self, path: Path) -> None:
        number = len(self._known) + len(self.operations) + 1
        found = path.stat()
        self._known[found.st_ino] = number
        if stat.S_ISDIR(found.st_mode):
            self.folders.add(number)
        self.add(Link(self.id_of(path.parent), path.name, number))

    def forget(self, path: Path) -> None:
        self.add(Unlink(self.id_of(path.parent), path.name))
        self._known.pop(path.stat().st_ino, None)

    def rename(self, source: Path, target: Path) -> None:
        old = (self.id_of(source.parent), source.name)
        self.add(Link(self.id_of(target.parent), target.name, self.id_of(source), old))

    def of_database(self, call: Call) -> Fault | None:
        if not self.covers(call.file):
            return None
        number = self.id_of(Path(call.file))
        self.databases.add(number)
        self.add(Sync(number) if call.name == "sync" else Write(number, call.offset, call.data, call.is_synced))
        return self.ask()


@contextmanager
def traced(folder: Path, fail: Callable[[int], Fault | None] = lambda _: None) -> Iterator[Trace]:
    """Record what happens below a folder, which exists and is empty; calls for which `fail` names a fault have it."""
    trace = Trace(folder, fail=fail)
    with between(trace.of_database), ExitStack() as stack:
        for name, stand_in in _stand_ins(trace).items():
            stack.enter_context(patch.object(os, name, stand_in))
        yield trace


def _stand_ins(trace: Trace) -> dict[str, Callable[..., Any]]:  # noqa: C901  (a table of functions)
    real = {
        name: getattr(os, name)
        for name in ("open", "write", "pwrite", "fsync", "fdatasync", "ftruncate", "replace", "rename", "unlink", "mkdir")
    }

    def path_of(descriptor: int) -> Path:
        return Path(f"/proc/self/fd/{descriptor}").readlink()

    def refuse(fault: Fault | None, path: Any) -> None:
        if fault is not None and fault.errno:
            raise OSError(fault.errno, os.strerror(fault.errno), str(path))

    def opened(path: Any, flags: int, *arguments: Any, **more: Any) -> int:
        is_new = flags & os.O_CREAT and not Path(path).exists() and trace.covers(path)
        if is_new:
            refuse(trace.ask(), path)
        descriptor: int = real["open"](path, flags, *arguments, **more)
        if is_new:
            trace.made(Path(path))
        return descriptor

    def put(write: str, descriptor: int, data: bytes, *offset: int) -> int:
        path = path_of(descriptor)
        if not trace.covers(path):
            return int(real[write](descriptor, data, *offset))
        fault = trace.ask()
        refuse(fault, path)
        data = data if fault is None else data[: fault.part]
        at = offset[0] if offset else path.stat().st_size
        trace.add(Write(trace.id_of(path), at, data, is_synced=False))
        return int(real[write](descriptor, data, *offset))

    def synced(descriptor: int) -> None:
        if trace.covers(path := path_of(descriptor)):
            refuse(trace.ask(), path)
            number = trace.id_of(path)
            trace.add(SyncFolder(number) if number in trace.folders else Sync(number))
        real["fdatasync"](descriptor)

    def truncated(descriptor: int, size: int) -> None:
        if trace.covers(path := path_of(descriptor)):
            refuse(trace.ask(), path)
            trace.add(Truncate(trace.id_of(path), size))
        real["ftruncate"](descriptor, size)

    def renamed(source: Any, target: Any) -> None:
        if trace.covers(target):
            refuse(trace.ask(), target)
            trace.rename(Path(source), Path(target))
        real["rename"](source, target)

    def removed(path: Any, **more: Any) -> None:
        if not more and trace.covers(path) and Path(path).exists():
            trace.forget(Path(path))
        real["unlink"](path, **more)

    def folder_made(path: Any, *arguments: Any, **more: Any) -> None:
        if trace.covers(path):
            refuse(trace.ask(), path)
        real["mkdir"](path, *arguments, **more)
        if trace.covers(path):
            trace.made(Path(path))

    return {
        "open": opened,
        "write": partial(put, "write"),
        "pwrite": partial(put, "pwrite"),
        "fsync": synced,
        "fdatasync": synced,
        "ftruncate": truncated,
        "replace": renamed,
        "rename": renamed,
        "unlink": removed,
        "mkdir": folder_made,
    }
