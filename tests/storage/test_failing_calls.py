"""F4, F8, S11: the disk fails at one call, from the first start on; every call, and a sample of every other way to fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.crash_images import in_memory
from tests.storage.failing_calls import count_calls, fail_at_each
from tests.storage.interposed import is_possible
from tests.storage.workload import Workload

pytestmark = pytest.mark.skipif(not is_possible(), reason="the calls of LMDB can be failed on 64-bit Linux only")


@pytest.fixture
def folder() -> Iterator[Path]:
    with in_memory() as found:
        yield found


@pytest.mark.parametrize(("kind", "step"), [("EIO", 2), ("ENOSPC", 3), ("short write, then EIO", 4), ("disk full from then on", 3)])
def test_a_node_whose_disk_fails_once_ends_and_starts_again(folder: Path, kind: str, step: int) -> None:
    calls = count_calls(folder / "counted", Workload(1))
    assert calls > 130
    runs, ended = fail_at_each(folder, Workload(1), range(step - 1, calls, step), [kind])
    assert runs == ended > 30


def test_a_write_that_was_cut_short_is_never_taken_for_a_whole_one(folder: Path) -> None:
    """LMDB, too, ends there; where the rest was written after all nothing is wrong."""
    calls = count_calls(folder / "counted", Workload(1))
    runs, ended = fail_at_each(folder, Workload(1), range(0, calls, 2), ["short write"])
    assert 0 < ended < runs
