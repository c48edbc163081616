"""What a benchmark asks of a network of real processes; whoever calls makes one (`cli.benching.network`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.types import AccountId


class RunningNode(NamedTuple):
    name: str
    api: str
    """URL"""
    pid: int
    p2p: str
    """HOST:PORT"""


class Wanted(NamedTuple):
    delegates: int
    slot_ms: int
    funded: Sequence[AccountId] = ()
    """Accounts of the genesis whose keys the benchmark has."""
    profile: Path | None = None
    """Where the first node writes what `cProfile` says of it, when it ends."""


class Testbed(Protocol):
    """Nodes that run, every one with a final block."""

    @property
    def nodes(self) -> Sequence[RunningNode]: ...

    def kill(self, name: str) -> None:
        """As if its power had failed."""
        ...

    def start(self, name: str) -> None:
        """Again; returns when it answers."""
        ...


class ObserverWanted(NamedTuple):
    """A node that follows, of a network that a benchmark made itself."""

    genesis: Genesis
    place: Path
    """Its home, yet to be made."""
    peers: Sequence[str]
    """HOST:PORT of those whom it connects to."""
    data: Path | None = None
    """The ledger that it has already; it is copied."""
    profile: Path | None = None


MakeObserver = Callable[[ObserverWanted], AbstractContextManager[RunningNode]]
"""It answers when the context is entered, and has ended when it is left."""
MakeNetwork = Callable[[Wanted], AbstractContextManager[Testbed]]
"""Nothing of it is left, neither process nor file, when the context ends."""
