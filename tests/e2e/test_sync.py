"""A catch-up over real links, while one of two peers stands still in the middle of it."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from p2pchain.client import NodeClient
from tests.e2e.made_chains import chain_in, made_home, running
from tests.e2e.network import command
from tests.e2e.waiting import wait_until

BLOCKS = 400
TRANSFERS = 5


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def test_a_peer_that_stalls_in_the_middle_is_left_aside_and_the_rest_comes_from_another(tmp_path: Path, stack: ExitStack) -> None:
    file, data = chain_in(tmp_path, BLOCKS, TRANSFERS)
    stalls, stalls_at = made_home(tmp_path / "stalls", file, [])
    honest, honest_at = made_home(tmp_path / "honest", file, [])
    fresh, _ = made_home(tmp_path / "fresh", file, [stalls_at, honest_at])
    for home in (stalls, honest):
        shutil.rmtree(home / "data", ignore_errors=True)
        shutil.copytree(data, home / "data")
    stalled = stack.enter_context(running(stalls, []))
    stack.enter_context(running(fresh, []))
    client = stack.enter_context(NodeClient((fresh / "api").read_text(), timeout_s=30))

    def height() -> int:
        return client.status()["final"]["height"]

    wait_until(lambda: height() > 0, 30, "the first blocks are final")
    stalled.send_signal(signal.SIGSTOP)
    stack.callback(stalled.send_signal, signal.SIGCONT)
    status = client.status()
    assert status["final"]["height"] < BLOCKS, "it was too quick to be stopped in the middle"
    assert status["peers"] == 1
    assert (status.get("sync") or {"to": BLOCKS})["to"] == BLOCKS

    stack.enter_context(running(honest, []))
    wait_until(lambda: height() == BLOCKS, 40, "the rest came from the other peer")
    assert client.peers()["refused"] == []
    assert command("status", "--watch", "--node", (fresh / "api").read_text()).stdout.endswith(f"in step: final height {BLOCKS}\n")
