"""S11, F8, F9 in a real process: it says what it does before it does it, ends with 74, and goes on once the disk is sound."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.network import Network, environment
from tests.e2e.test_faults import Flow
from tests.e2e.waiting import never_within, wait_until
from tests.storage.interposed import is_possible

pytestmark = pytest.mark.skipif(not is_possible(), reason="a disk can be made to fail on 64-bit Linux only")
EXIT_STORAGE = 74


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    set_free(tmp_path / "disk", 500_000_000)
    return tmp_path / "disk"


def set_free(disk: Path, size: int) -> None:
    (disk / "free.new").write_text(str(size))
    (disk / "free.new").replace(disk / "free")


@contextmanager
def running(network: Network, disk: Path) -> Iterator["subprocess.Popen[str]"]:
    """The one node of the network, on the disk under test."""
    command = [sys.executable, "-m", "tests.e2e.bad_disk", str(disk), "run", "--home", network.node("node-1")["home"]]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            yield process
        finally:
            process.kill()


def started(network: Network) -> None:
    wait_until(lambda: network.client("node-1").is_alive(), 20, "the node answers")


@pytest.fixture
def one(network: Network) -> Network:
    network.up("--delegates", "1", "--slot-ms", "250", "--accounts", "2")
    network.run("down")
    return network


def test_a_node_stops_producing_before_its_disk_is_full_and_goes_on_when_there_is_room(one: Network, disk: Path) -> None:
    with running(one, disk) as process:
        started(one)
        flow, before = Flow(one, "node-1"), one.final("node-1")
        flow.feed()
        wait_until(lambda: one.final("node-1") > before, 10, "a block with the transaction")
        set_free(disk, 90_000_000)
        wait_until(lambda: "running out of room: 90 MB free" in one.status("node-1")["condition"], 10, "the status warns")
        set_free(disk, 49_000_000)
        wait_until(lambda: "short of room: 49 MB free" in one.status("node-1")["condition"], 10, "the status says that it stops")
        assert one.metric("node-1", "p2pchain_disk_free_bytes") == 49_000_000
        assert not one.status("node-1")["producing"]
        height = one.final("node-1")
        flow.feed()
        never_within(lambda: one.final("node-1") > height, 1.5, "a block on a disk without room")
        set_free(disk, 56_000_000)
        wait_until(lambda: one.final("node-1") > height, 10, "production goes on by itself")
        set_free(disk, 9_000_000)
        _, words = process.communicate(timeout=20)
    assert process.returncode == EXIT_STORAGE
    assert [name for name in ("room_running_out", "room_low_production_stops", "room_back_production_goes_on") if name not in words] == []
    assert "has 9 MB free, at least 10 MB wanted; make room" in words.splitlines()[-1]
    assert "Traceback" not in words


def test_a_sync_that_fails_ends_the_node_and_nothing_is_lost(one: Network, disk: Path) -> None:
    with running(one, disk) as process:
        started(one)
        flow, height = Flow(one, "node-1"), one.final("node-1")
        found = one.block_hash("node-1", height)
        (disk / "broken").touch()
        flow.feed()
        _, words = process.communicate(timeout=20)
    assert process.returncode == EXIT_STORAGE
    assert "storage failed, nothing more is signed" in words.splitlines()[-1]
    assert "Input/output error" in words.splitlines()[-1]
    assert "Traceback" not in words
    (disk / "broken").unlink()
    with running(one, disk):
        started(one)
        assert one.block_hash("node-1", height) == found
        wait_until(lambda: one.final("node-1") > height, 10, "it goes on, with the transfer that waited")


def test_a_node_does_not_start_on_a_full_disk(one: Network, disk: Path) -> None:
    set_free(disk, 5_000_000)
    with running(one, disk) as process:
        _, words = process.communicate(timeout=20)
    assert process.returncode == EXIT_STORAGE
    assert words.count("\n") == 1
    assert "has 5 MB free, at least 10 MB wanted" in words
