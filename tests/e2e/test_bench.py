"""Benchmarks of real processes: that they end well, and that they leave nothing when they are ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.network import COMMAND, command, environment, processes_of
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where benchmarks put their folders; short, for it becomes the path of a socket."""
    with tempfile.TemporaryDirectory(prefix="b", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def test_a_small_load_on_a_real_network_becomes_final_and_leaves_nothing(place: Path) -> None:
    words = "bench testnet --delegates 2 --slot-ms 1000 --rate 40 --seconds 1 --senders 20 --json"
    found = json.loads(command(*words.split()).stdout)
    assert (found["figures"]["offered"], found["figures"]["final"]) == (40, 40)
    assert found["share_of_limit"] < 1
    assert (list(place.iterdir()), processes_of(place)) == ([], [])


@pytest.mark.parametrize(
    ("words", "figure"),
    [
        ("api --transactions 20 --senders 10 --slot-ms 250", "stream_accepted_a_second"),
        ("sync --blocks 3 --transactions 5 --accounts 10 --peers 1", "transactions_a_second"),
    ],
)
def test_the_other_real_processes_are_measured_and_gone(place: Path, words: str, figure: str) -> None:
    found = json.loads(command("bench", *words.split(), "--json").stdout)
    assert found["figures"][figure] > 0
    assert found["limit"]["signatures_a_second"] > 0
    assert (list(place.iterdir()), processes_of(place)) == ([], [])


def test_ctrl_c_leaves_no_process_and_no_folder(place: Path) -> None:
    words = [*COMMAND, "bench", "rest", "--delegates", "2", "--seconds", "600"]
    bench = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment() | {"TMPDIR": str(place)}, text=True)
    assert bench.stderr is not None
    try:
        wait_until(lambda: bench.stderr.readline() == "at rest\n", 30, "the network is up")  # type: ignore[union-attr]
        assert len(processes_of(place)) == 2
        bench.send_signal(signal.SIGINT)
        assert bench.wait(20) == 1
    finally:
        bench.kill()
        out, _ = bench.communicate()
    assert "cpu" not in out, "what was not measured to its end is no figure"
    assert (list(place.iterdir()), processes_of(place)) == ([], [])
    with pytest.raises(ProcessLookupError):
        os.kill(bench.pid, 0)
