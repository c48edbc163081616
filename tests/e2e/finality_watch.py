"""When each block became final on a node that nobody attacks, while every slot has something to include."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import NamedTuple

from p2pchain.client import NodeClient
from tests.e2e.network import Network
from tests.e2e.transfers import Purse

POLL_S = 0.025
BLOCKS_MAX = 100
VALID_SLOTS = 400


class Finality(NamedTuple):
    """A block, and when a poll first saw it final."""

    height: int
    delay_ms: float
    """From the beginning of its slot; nodes and watch have one clock."""


class FinalityWatch(Thread):
    """From `start` until `finish`.  Whatever goes wrong in it is raised by `finish`."""

    def __init__(self, network: Network, *, at: str, flow: SteadyFlow | None = None) -> None:
        """`flow` gives each slot something to include, where nothing else does."""
        super().__init__(daemon=True)
        self._at = NodeClient(network.node(at)["api"], timeout_s=10)
        self._spec = self._at.spec()
        self._flow = flow
        self._stopping = Event()
        self._error: Exception | None = None
        self.seen: list[Finality] = []
        self.gap_s = 0.0
        """The longest time without a new final block."""

    def finish(self) -> list[Finality]:
        self._stopping.set()
        self.join()
        if self._error is not None:
            raise self._error
        return self.seen

    def run(self) -> None:
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001  (raised by `finish`, in the thread that cares)
            self._error = error
        finally:
            self._at.close()

    def _watch(self) -> None:
        height, last_s = self._at.status()["final"]["height"], time.monotonic()
        while not self._stopping.wait(POLL_S):
            if self._flow is not None:
                self._flow.feed()
            reached = self._at.status()["final"]["height"]
            now_ms, now_s = time.time() * 1000, time.monotonic()
            self.gap_s = max(self.gap_s, now_s - last_s)
            if reached > height:
                blocks = self._at.blocks(height + 1, min(BLOCKS_MAX, reached - height))["blocks"]
                self.seen += [Finality(block["height"], now_ms - self._spec.slot_start_ms(block["slot"])) for block in blocks]
                height, last_s = reached, now_s


class SteadyFlow:
    """Two transfers a slot, so that none is left empty."""

    def __init__(self, network: Network, at: str) -> None:
        self._client = network.client(at)
        self._purse = Purse(network.record["accounts"], self._client)
        self._pause_s = self._purse.spec.slot_ms / 2_000
        self._fed_s = 0.0

    def feed(self) -> None:
        if time.monotonic() - self._fed_s < self._pause_s:
            return
        self._fed_s = time.monotonic()
        (item,) = self._purse.sign(1, self._client.status()["slot"] + VALID_SLOTS)
        found = self._client.submit([item.raw])[0]["error"]
        assert found is None, f"a transfer was refused: {found}"
