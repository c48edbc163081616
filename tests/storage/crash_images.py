"""F6: what a power cut may leave of a recorded trace, rebuilt: unsynced writes lost, torn or out of order, names forgotten.

    .venv/bin/python -m tests.storage.crash_images [--images 100000] [--seed 1]

What a disk promises, and no more: a write is durable once a sync of its file has returned (or the write itself, where the
file was opened so), a name once its folder is synced; before that any part of it may be there, in any order.  A sector
of 512 bytes of the database is written whole or not at all, as LMDB demands of its two first pages; our own files are
torn at any byte.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.storage.disk_trace import ROOT, Acknowledged, Link, Operation, Sync, SyncFolder, Trace, Truncate, Unlink, Write
from tests.storage.workload import Workload, record_trace

SECTOR = 512
_LOST, _WHOLE, _TORN = range(3)


@dataclass
class Disk:
    """What is durable for certain, and what may or may not be."""

    databases: set[int]
    contents: dict[int, bytes] = field(default_factory=dict)
    names: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    pending: dict[int, list[Write | Truncate]] = field(default_factory=dict)
    names_pending: dict[int, list[Link | Unlink]] = field(default_factory=dict)
    acknowledged: int = 0

    def take(self, operation: Operation) -> None:
        """The call returned."""
        match operation:
            case Write(file, _, _, True):
                self.contents[file] = _applied(self.contents.get(file, b""), operation)
            case Write(file) | Truncate(file):
                self.pending.setdefault(file, []).append(operation)
            case Sync(file):
                for write in self.pending.pop(file, ()):
                    self.contents[file] = _applied(self.contents.get(file, b""), write)
            case Link(folder) | Unlink(folder):
                self.names_pending.setdefault(folder, []).append(operation)
            case SyncFolder(folder):
                for change in self.names_pending.pop(folder, ()):
                    _rename(self.names, change)
            case Acknowledged(step):
                self.acknowledged = step + 1

    def image(self, chance: random.Random, during: Operation | None) -> tuple[dict[int, bytes], dict[int, dict[str, int]]]:
        """What one power cut leaves, `during` being under way: contents and names."""
        contents, names = dict(self.contents), {folder: dict(of) for folder, of in self.names.items()}
        pending = {file: list(writes) for file, writes in self.pending.items()}
        names_pending = {folder: list(changes) for folder, changes in self.names_pending.items()}
        if isinstance(during, Write | Truncate):
            pending.setdefault(during.file, []).append(during)
        elif isinstance(during, Link | Unlink):
            names_pending.setdefault(during.folder, []).append(during)
        share = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for file, writes in pending.items():
            for write in writes:
                contents[file] = self._perhaps(contents.get(file, b""), write, chance, share)
        for changes in names_pending.values():
            for change in changes:
                if chance.random() < share:
                    _rename(names, change)
        return contents, names

    def _perhaps(self, content: bytes, write: Write | Truncate, chance: random.Random, share: float) -> bytes:
        if chance.random() >= share:
            return content
        if isinstance(write, Truncate) or chance.random() < share:
            return _applied(content, write)
        if write.file not in self.databases:
            return _applied(content, write._replace(data=write.data[: chance.randrange(len(write.data) + 1)]))
        for sector in _sectors(write):
            if chance.random() < share:
                content = _applied(content, sector)
        return content


def _sectors(write: Write) -> Iterator[Write]:
    at = write.offset
    while at < write.offset + len(write.data):
        end = min((at // SECTOR + 1) * SECTOR, write.offset + len(write.data))
        yield write._replace(offset=at, data=write.data[at - write.offset : end - write.offset])
        at = end


def _applied(content: bytes, write: Write | Truncate) -> bytes:
    if isinstance(write, Truncate):
        return content[: write.size].ljust(write.size, b"\0")
    return content[: write.offset].ljust(write.offset, b"\0") + write.data + content[write.offset + len(write.data) :]


def _rename(names: dict[int, dict[str, int]], change: Link | Unlink) -> None:
    if isinstance(change, Unlink):
        names.setdefault(change.folder, {}).pop(change.name, None)
        return
    if change.taken_from is not None:
        names.setdefault(change.taken_from[0], {}).pop(change.taken_from[1], None)
    names.setdefault(change.folder, {})[change.name] = change.file


class Images:
    """All crash points of a trace, and as many images of each as are asked for."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def make(self, per_point: int, seed: int) -> Iterator[tuple[int, int, dict[str, bytes]]]:
        """(crash point, acknowledged steps, files by path); a folder without files is none."""
        disk, chance = Disk(self._trace.databases), random.Random(seed)
        operations: Sequence[Operation | None] = [*self._trace.operations, None]
        for point, operation in enumerate(operations):
            for _ in range(per_point):
                contents, names = disk.image(chance, operation)
                yield point, disk.acknowledged, dict(self._files(ROOT, "", contents, names))
            if operation is not None:
                disk.take(operation)

    def _files(self, folder: int, path: str, contents: dict[int, bytes], names: dict[int, dict[str, int]]) -> Iterator[tuple[str, bytes]]:
        for name, file in names.get(folder, {}).items():
            if file in self._trace.folders:
                yield from self._files(file, f"{path}{name}/", contents, names)
            else:
                yield f"{path}{name}", contents.get(file, b"")


def write_image(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def check_all(
    folder: Path, workload: Workload, per_point: int, seed: int, change: Callable[[Trace], None] | None = None
) -> tuple[int, int]:
    """Crash points and images; each recovers to what was acknowledged, or with the step that was under way.

    `change` may tamper with the trace first.
    """
    points = count = 0
    trace = record_trace(folder / "recorded", workload)
    if change is not None:
        change(trace)
    images = Images(trace)
    for point, acknowledged, files in images.make(per_point, seed):
        place = folder / str(count)
        write_image(place, files)
        workload.check(place, acknowledged, f"crash point {point}, image {count} of seed {seed}")
        points, count = max(points, point + 1), count + 1
    return points, count


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder that costs no disk any time, where there is one: what a power cut leaves is made here by hand."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@click.command()
@click.option("--images", default=100_000, show_default=True, help="How many images.")
@click.option("--seed", default=1, show_default=True, help="Of what each power cut leaves.")
def main(images: int, seed: int) -> None:
    """Rebuild what power cuts leave, and open all of it."""
    began, done, points = time.monotonic(), 0, 0
    while done < images:
        with in_memory() as folder:
            points, more = check_all(folder, Workload(seed), 8, seed)
        done, seed = done + more, seed + 1
        click.echo(f"{done} images at {points} crash points, seeds up to {seed - 1}, {time.monotonic() - began:.0f} s")
    click.echo("every image recovered to a block boundary, at or above the last acknowledged one")


if __name__ == "__main__":
    main()
