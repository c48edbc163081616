"""F6, S10: whatever a power cut leaves of what was not synced, the store stands at a block boundary and knows what it signed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p2pchain.storage import DamagedStore
from tests.storage.crash_images import Disk, check_all, in_memory
from tests.storage.disk_trace import Link, Sync, SyncFolder, Trace, Write
from tests.storage.interposed import is_possible
from tests.storage.pruned_workload import PrunedWorkload
from tests.storage.workload import Workload

PER_POINT = int(os.environ.get("P2PCHAIN_IMAGES_PER_POINT", "2"))


@pytest.fixture
def folder() -> Iterator[Path]:
    with in_memory() as found:
        yield found


pytestmark = pytest.mark.skipif(not is_possible(), reason="the calls of LMDB can be seen on 64-bit Linux only")


def test_every_image_of_a_power_cut_recovers(folder: Path) -> None:
    points, images = check_all(folder, Workload(1), PER_POINT, seed=1)
    assert points > 150
    assert images == points * PER_POINT


def without_record_syncs(trace: Trace) -> None:
    """The file of what was signed, were it only written."""
    trace.operations = [item for item in trace.operations if not (isinstance(item, Sync) and item.file not in trace.databases)]


def without_folder_syncs(trace: Trace) -> None:
    trace.operations = [item for item in trace.operations if not isinstance(item, SyncFolder)]


def without_synced_roots(trace: Trace) -> None:
    """The page that makes a commit valid, were it written like any other."""
    trace.operations = [item._replace(is_synced=False) if isinstance(item, Write) else item for item in trace.operations]


@pytest.mark.parametrize("forget", [without_record_syncs, without_folder_syncs, without_synced_roots])
def test_a_sync_that_is_left_out_is_noticed(folder: Path, forget: Callable[[Trace], None]) -> None:
    """The images themselves: were they too kind, they would prove nothing."""
    with pytest.raises((AssertionError, DamagedStore)):
        check_all(folder, Workload(1), PER_POINT, seed=1, change=forget)


def test_what_is_synced_is_in_every_image_and_what_is_not_in_some() -> None:
    disk = Disk(databases=set())
    for operation in (Write(7, 0, b"old", is_synced=False), Sync(7), Link(0, "name", 7), SyncFolder(0)):
        disk.take(operation)
    disk.take(Write(7, 0, b"new", is_synced=False))
    disk.take(Link(0, "other", 7))
    seen = set()
    for seed in range(200):
        contents, names = disk.image(random.Random(seed), None)
        seen.add((contents[7], tuple(sorted(names[0]))))
    assert {content for content, _ in seen} == {b"old", b"nld", b"ned", b"new"}
    assert {names for _, names in seen} == {("name",), ("name", "other")}


def test_a_torn_write_of_a_database_tears_between_sectors() -> None:
    disk = Disk(databases={7})
    disk.take(Write(7, 0, b"a" * 1024, is_synced=True))
    disk.take(Write(7, 256, b"b" * 512, is_synced=False))
    seen = {disk.image(random.Random(seed), None)[0][7] for seed in range(200)}
    first, second = b"a" * 256 + b"b" * 256, b"b" * 256 + b"a" * 256
    assert seen == {b"a" * 1024, first + b"a" * 512, b"a" * 512 + second, first + second}


def test_every_image_of_a_power_cut_in_the_middle_of_a_pruning_recovers(folder: Path) -> None:
    workload = PrunedWorkload(1)
    points, _ = check_all(folder, workload, PER_POINT, seed=1)
    assert points > 100
    assert workload.blocks_from[-1] > 3, "blocks were pruned"
    assert workload.given_back > 20 * 4_096, "pages were given back"
