"""Many transfers through the API at a steady rate, and for each the time from its submission until it was final."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import NamedTuple

from p2pchain.client import NodeClient
from tests.e2e.network import Network
from tests.e2e.transfers import Purse, Signed

BATCHES_A_SECOND = 20
FINAL_S = 120.0
_POLL_S = 0.02


class Load(NamedTuple):
    latencies_s: list[float]
    """Submission until a poll of `node-1` first saw the transaction in a final block, ascending."""
    seconds: float
    """First submission until the last one was final."""
    blocks: int


def run_load(network: Network, purse: Purse, count: int, rate: int) -> Load:
    """Submit `count` transfers, `rate` a second, in turn to all nodes; each account always through the same one."""
    signed = purse.sign(count, network.status("node-1")["slot"] + 20_000)
    submitted: dict[str, float] = {}
    done = Event()
    from_height = network.final("node-1") + 1
    with ThreadPoolExecutor(1) as watcher:
        seen = watcher.submit(_watch, network.client("node-1").url, from_height, {item.id for item in signed}, done)
        try:
            _submit(network, signed, rate, submitted)
            found, blocks = seen.result(FINAL_S)
        finally:
            done.set()
    latencies = sorted(found[item] - at for item, at in submitted.items())
    return Load(latencies, max(found.values()) - min(submitted.values()), blocks)


def quantile(ascending: Sequence[float], share: float) -> float:
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]


def _submit(network: Network, signed: Sequence[Signed], rate: int, submitted: dict[str, float]) -> None:
    begin, sent = time.monotonic(), 0
    for name, batch in _batches(network.names, signed, max(1, rate // BATCHES_A_SECOND)):
        time.sleep(max(0.0, begin + sent / rate - time.monotonic()))  # the rate is what is wanted here: time itself is the event
        now = time.monotonic()
        results = network.client(name).submit([item.raw for item in batch])
        assert [result["error"] for result in results if result["error"] is not None] == []
        submitted.update((item.id, now) for item in batch)
        sent += len(batch)


def _batches(names: Sequence[str], signed: Sequence[Signed], size: int) -> Iterator[tuple[str, list[Signed]]]:
    """The nodes in turn, each with the next transfers of its accounts."""
    queues = {name: deque(item for item in signed if item.account % len(names) == i) for i, name in enumerate(names)}
    while any(queues.values()):
        for name, queue in queues.items():
            if queue:
                yield name, [queue.popleft() for _ in range(min(size, len(queue)))]


def _watch(url: str, from_height: int, wanted: set[str], done: Event) -> tuple[dict[str, float], int]:
    """When each wanted transaction was first seen final; ends early when told that nobody waits any more."""
    found: dict[str, float] = {}
    height = from_height
    with NodeClient(url, timeout_s=30) as client:
        while len(found) < len(wanted) and not done.is_set():
            answer = client.blocks(height, 20)
            now = time.monotonic()
            for block in answer["blocks"]:
                found.update((item, now) for item in block["transactions"] if item in wanted)
            height = answer["next"]
            if not answer["blocks"]:
                done.wait(_POLL_S)
    assert len(found) == len(wanted), f"{len(found)} of {len(wanted)} are final"
    return found, height - from_height
