"""F5: nodes of a network under load killed at random moments and started again, again and again.

Before each kill the victim says what is final on it; after the restart it must know the same block as final at once (S4,
S10).  Whoever was up meanwhile counts contradicting signatures: there must be none (S3).
"""

import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Self

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.address import decode_address
from p2pchain.chain.transaction import build_transaction
from p2pchain.cli.background import last_log_lines, send_signal, spawn_node, wait_for_end
from p2pchain.client.errors import ClientError
from p2pchain.config import Home
from tests.e2e.network import Network, environment
from tests.e2e.transfers import Purse
from tests.e2e.waiting import wait_until

CONTRADICTIONS = "p2pchain_contradictions_total"
START_S = 60.0
FINAL_S = 60.0
KILL_WITHIN_S = 0.5
"""From when the network goes on until the next kill: one or two slots, so at any step of a commit."""


class Load(Thread):
    """Transfers in batches, to whichever node answers; refused ones are no matter."""

    def __init__(self, network: Network, batch: int) -> None:
        super().__init__()
        self._network, self._batch = network, batch
        self._purse = Purse(network.record["accounts"], network.client("node-1"))
        self._chance = random.Random(1)
        self.stopping = Event()
        self.sent = 0

    def run(self) -> None:
        with Network(self._network.folder).clients() as network:
            names = network.names
            while not self.stopping.wait(0.1):
                try:
                    self._submit(network, self._chance.choice(names))
                except ClientError:
                    continue

    def _submit(self, network: Network, name: str) -> None:
        client, purse = network.client(name), self._purse
        at = self._chance.randrange(len(purse.addresses))
        nonce = client.account(purse.addresses[at])["next_nonce"]
        until = client.status()["slot"] + 400
        to = decode_address(purse.spec.address_prefix, purse.addresses[at - 1])
        signer = purse.signers[at]
        raw = [build_transaction(signer, purse.spec, [Transfer(to, 1)], nonce=nonce + i, valid_until=until) for i in range(self._batch)]
        self.sent += sum(result["error"] is None for result in client.submit(raw))


@contextmanager
def load(network: Network, batch: int) -> Iterator[Load]:
    sender = Load(network, batch)
    sender.start()
    try:
        yield sender
    finally:
        sender.stopping.set()
        sender.join()


class Killer:
    """Kills, starts, checks; `restarts_s` has the time from each start to the node's first answer."""

    def __init__(self, network: Network, seed: int) -> None:
        self._network = network
        self._chance = random.Random(seed)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._told: dict[int, str] = {}
        """Hash of every block that any node called final before it was killed."""
        self.kills = 0
        self.restarts_s: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            child.wait()

    def cycle(self, *, everyone: bool = False) -> None:
        """One kill, or one of every node at once."""
        victims = self._network.names if everyone else [self._chance.choice(self._network.names)]
        for name in victims:
            self.require_no_contradiction(name)
        acknowledged = self._kill(victims)
        self._start(victims)
        for name, height in acknowledged.items():
            self._require_known(name, height)
        highest = max(acknowledged.values())
        wait_until(lambda: self._network.final(victims[0]) > highest, FINAL_S, f"{victims[0]} goes on above {highest}")

    def describe(self) -> str:
        """Of each node whether it runs, and the end of its log: for whoever must find out what went wrong."""
        codes = {name: child.poll() for name, child in self._children.items()}
        return "\n".join(f"{name}: exit status {codes.get(name)}\n{last_log_lines(self._home(name))}" for name in self._network.names)

    def require_no_contradiction(self, name: str) -> None:
        assert self._network.metric(name, CONTRADICTIONS) == 0, f"{name} saw contradicting signatures"

    def _kill(self, victims: Sequence[str]) -> dict[str, int]:
        """What each called final last."""
        until = time.monotonic() + self._chance.random() * KILL_WITHIN_S
        acknowledged = {name: self._final(name) for name in victims}
        while time.monotonic() < until:
            acknowledged = {name: self._final(name) for name in victims}
        for name in victims:
            send_signal(self._pid(name), 9)  # type: ignore[arg-type]
        for name in victims:
            self._wait_for_end(name)
        self.kills += len(victims)
        return acknowledged

    def _final(self, name: str) -> int:
        final = self._network.status(name)["final"]
        assert self._told.setdefault(final["height"], final["hash"]) == final["hash"], f"two blocks are final at {final['height']}"
        return final["height"]

    def _start(self, victims: Sequence[str]) -> None:
        began = time.monotonic()
        for name in victims:
            self._children[name] = spawn_node(self._home(name), environ=environment())
        for name in victims:
            wait_until(lambda name=name: self._answers(name), START_S, f"{name} answers again")  # type: ignore[misc]
            self.restarts_s.append(time.monotonic() - began)

    def _answers(self, name: str) -> bool:
        assert self._children[name].poll() is None, f"{name} ended with {self._children[name].returncode} instead of starting"
        return self._network.client(name).is_alive()

    def _require_known(self, name: str, height: int) -> None:
        """At once: not fetched again, but never lost."""
        block = self._network.client(name).block(height)
        assert (block["status"], block["hash"]) == ("final", self._told[height]), f"{name} lost block {height}"

    def _home(self, name: str) -> Home:
        return Home(Path(self._network.node(name)["home"]))

    def _pid(self, name: str) -> int:
        return self._children[name].pid if name in self._children else int(self._network.node(name)["pid"])

    def _wait_for_end(self, name: str) -> None:
        if name in self._children:
            self._children[name].wait()
        else:
            assert wait_for_end(self._pid(name), self._home(name), 10)
