"""Networks for the benchmarks: made as `testnet up` makes them, in a folder that is gone afterwards."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from p2pchain.bench.copying import copy_durably
from p2pchain.bench.testbed import ObserverWanted, RunningNode, Wanted
from p2pchain.cli.background import send_signal
from p2pchain.cli.benching.signals import held_signals
from p2pchain.cli.testnet.interruption import Interruption
from p2pchain.cli.testnet.making import Endpoints, Size, make_node, make_testnet
from p2pchain.cli.testnet.ports import reserve_ports
from p2pchain.cli.testnet.processes import KILL_S, Children, end_children, spawn
from p2pchain.cli.testnet.readiness import wait_for_answer, wait_for_final_block
from p2pchain.cli.testnet.record import Testnet, TestnetFolder
from p2pchain.genesis_file import Bundle

_START_S = 30.0


class BenchNetwork:
    """Implements `bench.testbed.Testbed`."""

    def __init__(self, testnet: Testnet, children: Children) -> None:
        self._testnet = testnet
        self._children = children

    @property
    def nodes(self) -> Sequence[RunningNode]:
        nodes = {name: self._testnet.node(name) for name in self._children}
        return [RunningNode(name, node.api, self._children[name].pid, node.p2p) for name, node in nodes.items()]

    def kill(self, name: str) -> None:
        child = self._children.pop(name)
        send_signal(child.pid, signal.SIGKILL)
        child.wait(KILL_S)

    def start(self, name: str) -> None:
        node = self._testnet.node(name)
        self._children[name] = spawn(node, tied=True)
        wait_for_answer(node, self._children, _START_S)


@contextmanager
def bench_network(wanted: Wanted) -> Iterator[BenchNetwork]:
    with bench_folder() as place, ExitStack() as ending:
        folder = TestnetFolder(place / "net")
        folder.path.mkdir()
        with ExitStack() as ports:
            size = Size(wanted.delegates, 0, wanted.slot_ms)
            testnet = make_testnet(folder, size, reserve_ports(2 * wanted.delegates, ports), wanted.funded)
            children: Children = {}
            ending.callback(_end, children)
            for number, node in enumerate(testnet.nodes):
                children[node.name] = spawn(node, tied=True, under=_under(wanted.profile if number == 0 else None))
            wait_for_final_block(testnet, children, Interruption())
        yield BenchNetwork(testnet, children)


@contextmanager
def bench_observer(wanted: ObserverWanted) -> Iterator[RunningNode]:
    with ExitStack() as ending:
        with ExitStack() as ports:
            settings = {"p2p.persistent_peers": tuple(wanted.peers)}
            ends = Endpoints(*reserve_ports(2, ports))
            node = make_node(wanted.place, Bundle(wanted.genesis, ()), ends, "observer", settings)
            if wanted.data is not None:
                copy_durably(wanted.data, node.layout.data)
            children: Children = {}
            ending.callback(_end, children)
            children[node.name] = spawn(node, tied=True, under=_under(wanted.profile))
            wait_for_answer(node, children, _START_S)
        yield RunningNode(node.name, node.api, children[node.name].pid, node.p2p)


@contextmanager
def bench_folder() -> Iterator[Path]:
    """An empty folder that is gone afterwards, also where a second signal comes while it goes."""
    with ExitStack() as stack:
        place = tempfile.TemporaryDirectory(prefix="p2pchain-bench-")
        stack.callback(_remove, place)
        yield Path(place.name)


def _remove(place: tempfile.TemporaryDirectory[str]) -> None:
    with held_signals():
        place.cleanup()


def _end(children: Children) -> None:
    with held_signals():
        end_children(children)


def _under(profile: Path | None) -> list[str]:
    return ["-m", "cProfile", "-o", str(profile)] if profile is not None else []
