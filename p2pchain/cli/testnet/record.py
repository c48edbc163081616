"""`testnet.json`: which nodes and funded accounts a testnet has.  Its names are a promise to whoever reads it.

`pid` is that of the process as last started, null when it was stopped.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from p2pchain.cli.failures import Failure
from p2pchain.config import Home

Role = Literal["delegate", "observer"]


@dataclass(frozen=True, slots=True)
class NodeRecord:
    name: str
    home: str
    api: str
    """URL"""
    p2p: str
    """host:port"""
    pid: int | None
    role: Role

    @property
    def layout(self) -> Home:
        return Home(Path(self.home))


@dataclass(frozen=True, slots=True)
class AccountRecord:
    name: str
    address: str
    key_file: str


@dataclass(frozen=True, slots=True)
class Testnet:
    chain_id: str
    genesis: str
    """Path of the genesis file."""
    nodes: tuple[NodeRecord, ...]
    accounts: tuple[AccountRecord, ...]

    def node(self, name: str) -> NodeRecord:
        for node in self.nodes:
            if node.name == name:
                return node
        raise Failure(f"the testnet has no node {name!r}; it has: {', '.join(node.name for node in self.nodes)}")

    def with_node(self, changed: NodeRecord) -> Testnet:
        """The same with this node in place of the one of its name."""
        return replace(self, nodes=tuple(changed if node.name == changed.name else node for node in self.nodes))


@dataclass(frozen=True, slots=True)
class TestnetFolder:
    path: Path

    @property
    def record_file(self) -> Path:
        return self.path / "testnet.json"

    def exists(self) -> bool:
        return self.record_file.exists()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with `testnet.json`: another command waits, for the few seconds that one takes.  Ends with the process."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def load(self) -> Testnet:
        try:
            fields = json.loads(self.record_file.read_text(encoding="utf-8"))
            nodes = tuple(NodeRecord(**item) for item in fields["nodes"])
            return Testnet(fields["chain_id"], fields["genesis"], nodes, tuple(AccountRecord(**item) for item in fields["accounts"]))
        except FileNotFoundError:
            raise Failure(f"{self.path} holds no testnet; make one with: p2pchain testnet up --dir {self.path}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise Failure(f"{self.record_file} cannot be used ({type(error).__name__}: {error})") from error

    def save(self, testnet: Testnet) -> None:
        """Whole or not at all."""
        temporary = self.record_file.with_suffix(".json.new")
        temporary.write_text(json.dumps(asdict(testnet), indent=1) + "\n", encoding="utf-8")
        temporary.replace(self.record_file)
