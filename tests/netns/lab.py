"""Machines in one process tree: each a network namespace with a cable into a switch, which lies in a namespace of its own.

    node-1 [eth0 10.99.1.2] ---+
    node-2 [eth0 10.99.2.2] ---+--- [switch 10.99.0.1: bridge, DNS, slow links]
    router [eth0 10.99.3.2] ---+
       |
    inner  [eth0 192.168.77.2], seen from outside as the router

Each machine is in a /24 of its own, because a node counts handshakes by network.  Names carry the process id, so that
runs side by side do not meet, and whatever a killed run left behind is removed by the next.
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.netns.space import Space, run

PREFIX = "p2pchain-"
SWITCH_ADDRESS = "10.99.0.1"
INNER_NETWORK, INNER_ADDRESS, ROUTER_ADDRESS = "192.168.77.0/24", "192.168.77.2", "192.168.77.1"
_LABS = iter(range(1_000_000))


class Machine(Space):
    def __init__(self, name: str, title: str, address: str) -> None:
        super().__init__(name)
        self.title = title
        self.address = address
        """Where others find it; of one behind a router, its own."""
        self._filters = False

    def unplug(self) -> None:
        """As if the cable was out: what is under way is lost, and its own programs see that there is no network."""
        self.ip("link", "set", "eth0", "down")

    def plug_in(self) -> None:
        self.ip("link", "set", "eth0", "up")

    def drop_from(self, *others: "Machine", percent: int = 100) -> None:
        """Lose packets from these machines, all or so many of a hundred; what this machine sends them still leaves."""
        for other in others:
            self._drop(f"ip saddr {other.address}", percent)

    def lose(self, percent: int) -> None:
        """Lose so many of a hundred packets from anybody."""
        self._drop("iifname eth0", percent)

    def heal(self) -> None:
        """Lose nothing any more."""
        if self._filters:
            self.nft("flush chain inet faults input")

    def _drop(self, what: str, percent: int) -> None:
        if not self._filters:
            self._filters = True
            self.nft("add table inet faults", "add chain inet faults input { type filter hook input priority 0 ; policy accept ; }")
        chance = "" if percent >= 100 else f"numgen random mod 100 < {percent} "
        self.nft(f"add rule inet faults input {what} {chance}drop")


class Lab:
    """A switch and the machines on it.  `close` leaves nothing behind."""

    def __init__(self, folder: Path) -> None:
        remove_leftovers()
        self.folder = folder
        self._name = f"{PREFIX}{os.getpid()}-{next(_LABS)}-"
        self.machines: list[Machine] = []
        self.switch = Machine(f"{self._name}switch", "switch", SWITCH_ADDRESS)
        self.switch.ip("link", "add", "bridge", "type", "bridge")
        self.switch.ip("addr", "add", f"{SWITCH_ADDRESS}/16", "dev", "bridge")
        self.switch.ip("link", "set", "bridge", "up")

    def add_machine(self, title: str) -> Machine:
        """With a cable into the switch, and the switch as its resolver."""
        number = len(self.machines) + 1
        machine = Machine(f"{self._name}{title}", title, f"10.99.{number}.2")
        self.machines.append(machine)
        self._connect(machine, self.switch, f"port{number}")
        self.switch.ip("link", "set", f"port{number}", "master", "bridge", "up")
        machine.ip("addr", "add", f"{machine.address}/16", "dev", "eth0")
        _resolve_at_the_switch(machine)
        return machine

    def add_behind(self, router: Machine, title: str) -> Machine:
        """A machine that reaches all through a router that translates addresses, and that nobody reaches."""
        machine = Machine(f"{self._name}{title}", title, INNER_ADDRESS)
        self.machines.append(machine)
        self._connect(machine, router, "inside")
        router.ip("addr", "add", f"{ROUTER_ADDRESS}/24", "dev", "inside")
        router.ip("link", "set", "inside", "up")
        router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        router.nft(
            "add table ip nat",
            "add chain ip nat outgoing { type nat hook postrouting priority 100 ; }",
            f"add rule ip nat outgoing ip saddr {INNER_NETWORK} oifname eth0 masquerade",
        )
        machine.ip("addr", "add", f"{INNER_ADDRESS}/24", "dev", "eth0")
        machine.ip("route", "add", "default", "via", ROUTER_ADDRESS)
        _resolve_at_the_switch(machine)
        return machine

    def partition(self, *parts: Sequence[Machine]) -> None:
        """Nobody hears anybody of another part."""
        for part in parts:
            others = [machine for other in parts if other is not part for machine in other]
            for machine in part:
                machine.drop_from(*others)

    def heal(self) -> None:
        for machine in self.machines:
            machine.heal()

    def close(self) -> None:
        for machine in [*self.machines, self.switch]:
            machine.close()

    def _connect(self, machine: Machine, other: Machine, port: str) -> None:
        machine.ip("link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", other.name)
        machine.ip("link", "set", "eth0", "up")


def _resolve_at_the_switch(machine: Machine) -> None:
    machine.etc.mkdir(parents=True)
    (machine.etc / "resolv.conf").write_text(f"nameserver {SWITCH_ADDRESS}\noptions timeout:1 attempts:1\n")


def remove_leftovers() -> None:
    """Of runs whose process is gone."""
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0] if line else ""
        owner = re.match(rf"{PREFIX}(\d+)-", name)
        if owner is not None and not Path(f"/proc/{owner[1]}").exists():
            for pid in run("ip", "netns", "pids", name).split():
                os.kill(int(pid), 9)
            run("ip", "netns", "del", name)
            shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)
