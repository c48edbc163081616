"""Nodes with discovery on addresses of their own: 127.x.y.z gives each its group without any set-up."""

from __future__ import annotations

from collections.abc import Callable

import trio
from nacl.signing import SigningKey

from p2pchain.chain.crypto import KeySigner
from p2pchain.net.settings import Tempo
from p2pchain.wire.peer_record import PeerRecord, sign_record
from tests.net.fakes import CHAIN, NODE_SIGNERS, NOW_MS, Node, World

QUICK = Tempo(
    look_ms=20, retry_ms=100, refused_ms=60_000, exchange_ms=40, feeler_ms=60_000, anchor_ms=2_000, seed_ms=60_000, save_ms=60_000
)


class MemoryFile:
    """A book file that outlives its node."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.aside: bytes | None = None
        self.trouble = ""

    def load(self) -> tuple[bytes | None, str]:
        return (None, self.trouble) if self.trouble else (self.content, "")

    def save(self, content: bytes) -> str:
        if not self.trouble:
            self.content = content
        return self.trouble

    def set_aside(self) -> str:
        self.aside, self.content = self.content, None
        return ""


def signer_of(number: int) -> KeySigner:
    return NODE_SIGNERS[number]


def record_of(number: int, *endpoints: tuple[str, int], issued_ms: int = NOW_MS) -> PeerRecord:
    return sign_record(signer_of(number), CHAIN, endpoints, issued_ms)


def stranger_record(number: int, host: str, port: int = 28_656, issued_ms: int = NOW_MS) -> PeerRecord:
    """Of as many nodes as one likes."""
    return sign_record(KeySigner(SigningKey(number.to_bytes(32, "little"))), CHAIN, [(host, port)], issued_ms)


def host_of(number: int) -> str:
    return f"127.{number}.0.1"


def beating_clock(world: World) -> Callable[[], int]:
    """Trio's clock from `NOW_MS` on, so that what is due later becomes due.  Whoever looks at it is about to change something."""

    def look() -> int:
        world.pulse.beat()
        return NOW_MS + int(trio.current_time() * 1000)

    return look


async def start(world: World, number: int, **changes: object) -> Node:
    """A node that discovers, at its own address."""
    world.clock = beating_clock(world)
    values: dict[str, object] = {
        "listen": f"{host_of(number)}:0",
        "exchange": True,
        "signer": signer_of(number),
        "tempo": QUICK,
        "peers_out_max": 3,
    }
    return await world.start(number, **(values | changes))


def origins(node: Node) -> list[str]:
    return sorted(view.came_from for view in node.network.peers())


def outbound(node: Node) -> int:
    return sum(view.outbound for view in node.network.peers())
