"""A testnet under test, driven by the command line as a user would."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from p2pchain.client import NodeClient, NodeError
from p2pchain.client.answers import Status
from tests.e2e.waiting import wait_until

COMMAND = [sys.executable, "-m", "p2pchain"]
COMMAND_S = 60.0


def command(*arguments: str, expect: int | None = 0, timeout_s: float = COMMAND_S, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run `p2pchain` to its end; `expect` is its exit status, None for any."""
    found = subprocess.run(
        [*COMMAND, *arguments], input=text, capture_output=True, text=True, timeout=timeout_s, check=False, env=environment()
    )
    if expect is not None:
        assert found.returncode == expect, f"p2pchain {' '.join(arguments)}: exit {found.returncode}\n{found.stdout}\n{found.stderr}"
    assert "Traceback" not in found.stdout + found.stderr
    return found


def environment() -> dict[str, str]:
    """The settings of whoever runs the tests are for another node."""
    return {name: value for name, value in os.environ.items() if not name.startswith("P2PCHAIN_")}


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes that name the folder."""
    return sorted(line for line in _command_lines() if str(folder) in line)


def _command_lines() -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                yield (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue  # ended meanwhile


class Network:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clients: dict[str, NodeClient] = {}

    def run(self, verb: str, *arguments: str, expect: int | None = 0) -> str:
        return command("testnet", verb, *arguments, "--dir", str(self.folder), expect=expect).stdout

    def up(self, *arguments: str) -> str:
        return self.run("up", "--detach", *arguments)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    @contextmanager
    def clients(self) -> Iterator["Network"]:
        """With connections of its own: one connection is not for two threads."""
        try:
            yield self
        finally:
            self.close()

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "testnet.json").read_text())
        return found

    @property
    def names(self) -> list[str]:
        return [node["name"] for node in self.record["nodes"]]

    def node(self, name: str) -> dict[str, Any]:
        return next(node for node in self.record["nodes"] if node["name"] == name)

    def client(self, name: str) -> NodeClient:
        if name not in self._clients:
            self._clients[name] = NodeClient(self.node(name)["api"], timeout_s=10)
        return self._clients[name]

    def status(self, name: str) -> Status:
        return self.client(name).status()

    def final(self, name: str) -> int:
        return self.status(name)["final"]["height"]

    def block_hash(self, name: str, height: int) -> str:
        """Of the block of this height, as soon as this node has it final on disk."""

        def final_hash() -> str | None:
            try:
                block = self.client(name).block(height)
            except NodeError as error:
                if error.code != "unknown_block":
                    raise
                return None
            return str(block["hash"]) if block["status"] == "final" else None

        return wait_until(final_hash, 10, f"{name} has block {height} final")

    def metric(self, node: str, metric: str) -> float:
        for line in self.client(node).metrics().splitlines():
            if line.startswith(metric + " "):
                return float(line.split()[1])
        raise AssertionError(f"{node} has no metric {metric}")
