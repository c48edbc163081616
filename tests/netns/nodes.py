"""Real nodes on the machines of a lab: four delegates that find each other by name, and whoever joins them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from p2pchain.chain.genesis import Genesis
from p2pchain.cli.home_making import begin_signing, key_in, make_home, new_home_config
from p2pchain.cli.testnet import making
from p2pchain.client import NodeClient
from p2pchain.config import Home
from p2pchain.keystore import NODE_KEY, Keystore
from tests.e2e.waiting import wait_until
from tests.netns.lab import SWITCH_ADDRESS, Lab, Machine
from tests.netns.slow_link import Line

P2P, API = 28656, 28657
"""The same on every machine, as they are far from each other."""
DOMAIN = "p2pchain.test"
START_S = 30.0


class Node:
    """One home on one machine; its API is asked from there."""

    def __init__(self, machine: Machine, home: Path, log: Path) -> None:
        self.machine = machine
        self.home = home
        self._log = log
        self._child: Any = None
        self._client = NodeClient(f"http://127.0.0.1:{API}", timeout_s=10)

    @property
    def title(self) -> str:
        return self.machine.title

    @property
    def key(self) -> str:
        return Keystore(self.home / "keys").entry(NODE_KEY).public_key.hex()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def begin(self) -> None:
        """Start its process, and do not wait."""
        self._child = self.machine.start(["p2pchain", "run", "--home", str(self.home)], self._log)

    def start(self) -> None:
        self.begin()
        wait_until(self.answers, START_S, f"{self.title} answers")

    def stop(self) -> None:
        self.machine.end(self._child)
        self.close()

    def close(self) -> None:
        self._client.close()
        self._client = NodeClient(f"http://127.0.0.1:{API}", timeout_s=10)

    def answers(self) -> bool:
        assert self._child.poll() is None, f"{self.title} ended:\n{self.log[-2000:]}"
        with self.machine.entered():
            return self._client.is_alive()

    def status(self) -> Any:
        with self.machine.entered():
            return self._client.status()

    def peers(self) -> dict[str, Any]:
        """By node key."""
        with self.machine.entered():
            return {peer["node_id"]: peer for peer in self._client.peers()["peers"]}

    def final(self) -> int:
        return int(self.status()["final"]["height"])

    def block_hash(self, height: int) -> str:
        with self.machine.entered():
            return str(self._client.block(height)["hash"])

    def metric(self, name: str) -> float:
        with self.machine.entered():
            lines = self._client.metrics().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))


class Orders:
    """A program of ours that does what a line of its standard input says, and echoes it when it is done."""

    def __init__(self, machine: Machine, arguments: list[str], log: Path) -> None:
        self._child = machine.start(arguments, log, speaks=True)

    def give(self, line: str) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(f"{line}\n".encode())
        self._child.stdin.flush()
        assert self._child.stdout.readline().decode().strip() == line


class Scene:
    """A lab with nodes in it.  `close` ends everything."""

    def __init__(self, folder: Path, *, slot_ms: int) -> None:
        self.folder = folder
        self.slot_ms = slot_ms
        self.lab = Lab(folder)
        self.nodes: dict[str, Node] = {}
        self.genesis: Genesis
        self._names = Orders(self.lab.switch, ["tests.netns.names", SWITCH_ADDRESS], folder / "names.log")

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()
        self.lab.close()

    def name(self, title: str, *addresses: str) -> str:
        """Let the name stand for these addresses, or for none; gives the whole name."""
        name = f"{title}.{DOMAIN}"
        self._names.give(" ".join([name, *addresses]))
        return name

    def add_delegates(self, count: int) -> None:
        """Homes and machines; each knows the others by name alone."""
        titles = [f"node-{number + 1}" for number in range(count)]
        homes = {title: Home(self.folder / title) for title in titles}
        delegates = [making._make_delegate(home) for home in homes.values()]
        genesis = making._genesis(making.Size(count, 0, self.slot_ms), delegates, [])
        self.genesis = replace(genesis, params=replace(genesis.params, heartbeat_slots=1))  # a block in every slot
        for (title, home), delegate in zip(homes.items(), delegates, strict=True):
            home.create()
            begin_signing(home, delegate.consensus_key, self.genesis.chain_id)
            others = tuple(f"{other}.{DOMAIN}:{P2P}" for other in titles if other != title)
            self._add(self.lab.add_machine(title), {"node.role": "delegate", "p2p.persistent_peers": others})
        for title in titles:
            self.name(title, self.nodes[title].machine.address)

    def add_observer(self, machine: Machine, **settings: object) -> Node:
        return self._add(machine, {"node.role": "observer"} | {name.replace("__", "."): value for name, value in settings.items()})

    def _add(self, machine: Machine, settings: Mapping[str, object]) -> Node:
        path = self.folder / machine.title
        own = {"node.name": machine.title, "p2p.listen": f"0.0.0.0:{P2P}", "api.listen": f"127.0.0.1:{API}"}
        make_home(new_home_config(path, own | dict(settings)), self.genesis)
        key_in(Home(path), NODE_KEY, lambda: None)
        self.nodes[machine.title] = Node(machine, path, self.folder / f"{machine.title}.log")
        return self.nodes[machine.title]

    def slow_link(self, to: Node, port: int, line: Line) -> Orders:
        """On the switch's address and this port; takes changes of `Line` as JSON."""
        arguments = ["tests.netns.slow_link", f"{SWITCH_ADDRESS}:{port}", f"{to.machine.address}:{P2P}"]
        orders = Orders(self.lab.switch, arguments, self.folder / f"slow-{port}.log")
        orders.give(json.dumps(vars(line)))
        return orders

    def start_all(self) -> None:
        """At once, until each is connected with all others and has a final block."""
        for node in self.nodes.values():
            node.begin()
        for node in self.nodes.values():
            wait_until(node.answers, START_S, f"{node.title} answers")
        others = len(self.nodes) - 1
        for node in self.nodes.values():
            wait_until(lambda node=node: len(node.peers()) == others and node.final() > 0, START_S, f"{node.title} takes part")  # type: ignore[misc]

    def agree(self, *titles: str) -> None:
        """These nodes have one and the same block at the greatest height that is final on all of them."""
        nodes = [self.nodes[title] for title in titles]
        height = min(node.final() for node in nodes)
        assert len({node.block_hash(height) for node in nodes}) == 1, f"different final blocks at height {height}"


@contextmanager
def scene(folder: Path, *, slot_ms: int = 500) -> Iterator[Scene]:
    found = Scene(folder, slot_ms=slot_ms)
    try:
        yield found
    finally:
        found.close()


def slot_now(node: Node) -> int:
    return int(node.status()["slot"])
