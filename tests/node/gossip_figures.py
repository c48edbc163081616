"""What gossip costs, in a world of real engines and no computing time: the figures of docs/network.md.

python -m tests.node.gossip_figures
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from time import process_time

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.compact import short_id
from p2pchain.chain.transaction import build_transaction
from p2pchain.chain.types import BlockId
from p2pchain.node.events import Peer, PeerLeft
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import (
    Announcement,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    GetBlockTransactions,
    GetTransactions,
    Message,
    Transactions,
)
from tests.fakes.world import SimNode, World, make_genesis, signer
from tests.node.receiver import Receiver, compact

LINK_MS = 50
SENDERS = 250
RING = {(node, (node + step) % 8) for node in range(8) for step in (1, 4)}
"""Eight nodes in a ring, each linked to the opposite one too: three peers each, two hops at most."""


class Measured(World):
    """Counts what travels; links only where `pairs` says so."""

    def __init__(self, nodes: int, pairs: set[tuple[int, int]] | None = None, *, delay_ms: tuple[int, int] = (LINK_MS, LINK_MS)) -> None:
        self.bytes: Counter[type[Message]] = Counter()
        self.largest: Counter[type[Message]] = Counter()
        self.count: Counter[type[Message]] = Counter()
        super().__init__(make_genesis(nodes, accounts=SENDERS, heartbeat_slots=1_000), nodes, delay_ms=delay_ms)
        self.start()
        for one in self.nodes if pairs is not None else ():
            for other in self.nodes:
                if pairs is not None and (one.number, other.number) not in pairs and (other.number, one.number) not in pairs:
                    self.cut.add((one.number, other.number))
                    if one is not other:
                        one.handle(PeerLeft(Peer(other.number)))
        self.run(1_000)
        self.forget()

    def forget(self) -> None:
        for counter in (self.bytes, self.largest, self.count):
            counter.clear()

    def transmit(self, source: int, target: int, message: Message) -> None:
        if (source, target) not in self.cut:
            kind, size = type(message), len(encode_frame(message))
            self.bytes[kind] += size
            self.count[kind] += 1
            self.largest[kind] = max(self.largest[kind], size)
        super().transmit(source, target, message)

    def payments(self, number: int) -> Iterator[bytes]:
        for place in range(number):
            nonce, sender = divmod(place, SENDERS)
            action = Transfer(signer(3000 + (sender + 1) % SENDERS).public_key, 1)
            yield build_transaction(
                signer(3000 + sender), self.spec, [action], nonce=nonce, valid_until=self.nodes[0].running.core.slot + 900
            )


def say(line: str) -> None:
    print(line)  # noqa: T201


def block_of_5000() -> None:
    """Known everywhere, then one block: how large it travels, and when the last node has it."""
    world = Measured(8, RING)
    items = list(world.payments(5_000))
    quiet(world)
    world.nodes[0].submit(*items)
    for node in world.nodes[1:]:
        node.submit(*items)
    for node in world.nodes:
        node.running.producer.paused = True
    world.run(5_000)
    assert {len(node.running.core.pool) for node in world.nodes} == {5_000}, "known everywhere"
    world.forget()
    for node in world.nodes:
        node.running.producer.paused = False
    height = max(node.running.core.head.height for node in world.nodes)
    while all(node.running.core.head.height == height for node in world.nodes):
        world.run(1)
    begun_ms, seen = world.now_ms, {node.number: world.now_ms for node in world.nodes if node.running.core.head.height > height}
    while len(seen) < 8:
        world.run(1)
        seen |= {node.number: world.now_ms for node in world.nodes if node.number not in seen and node.running.core.head.height > height}
    head = next(node.running.core.head.block for node in world.nodes if node.running.core.head.block is not None)
    say(
        f"a block of {len(head.transactions):,} known transactions: {len(head.raw):,} bytes whole, "
        f"{world.largest[CompactBlock]:,} as it travels"
    )
    say(f"8 nodes with 3 peers, {LINK_MS} ms links, no computing time: all have it {max(seen.values()) - begun_ms} ms after its leader")
    say(f"    questions for transactions: {world.count[GetBlockTransactions]}, whole blocks: {world.count[BlockMessage]}")


def quiet(world: World) -> None:
    for node in world.nodes:
        node.running.producer.paused = True


def reconstruction() -> None:
    """Processor time from the bytes of a message to a block in the tree, its transactions verified before."""
    times = {}
    for compactly in (False, True):
        world = Receiver()
        block = world.maker.extend(world.maker.root, transfers=5_000).made
        world.node.submit(*[transaction.raw for transaction in block.transactions])
        message = compact(block) if compactly else BlockMessage(block.raw)
        begun = process_time()
        world.hear(1, message)
        times[compactly] = (process_time() - begun) * 1000
        assert world.has(block)
    say(f"5,000 known transactions, from bytes to the tree, one core: whole {times[False]:.0f} ms, compact {times[True]:.0f} ms")
    items, block_id = [BlockId(number.to_bytes(32, "big")) for number in range(50_000)], BlockId(bytes(32))
    begun = process_time()
    for item in items:
        short_id(block_id, item)
    say(f"one pass over 50,000 waiting transactions: {(process_time() - begun) * 1000:.0f} ms")


def transactions_in_a_mesh() -> None:
    """Seven nodes, all linked: what one transaction costs in bytes, handed in at one node or at all of them."""
    for where in (1, 7):
        world = Measured(7)
        quiet(world)
        items = list(world.payments(2_000))
        unique = sum(map(len, items)) * 6
        late = 0
        for start in range(0, len(items), 20):
            begun = world.now_ms
            submit(world.nodes[(start // 20) % where], items[start : start + 20])
            while any(len(node.running.core.pool) < start + 20 for node in world.nodes):
                world.run(1)
            late = max(late, world.now_ms - begun)
        world.run(2_000)
        full = world.bytes[Transactions] + world.bytes[BlockTransactions]
        names = world.bytes[Announcement] + world.bytes[GetTransactions]
        say(
            f"7 nodes, all linked, 2,000 transactions in twenties at {where}: "
            f"bytes of transactions {full / unique:.2f} times the unique ones, "
            f"with names and questions {(full + names) / unique:.2f}; the last node has them after {late} ms"
        )


def transactions_in_a_ring() -> None:
    world = Measured(8, RING)
    quiet(world)
    items = list(world.payments(2_000))
    unique, late = sum(map(len, items)) * 7, 0
    for start in range(0, len(items), 20):
        begun = world.now_ms
        submit(world.nodes[(start // 20) % 8], items[start : start + 20])
        while any(len(node.running.core.pool) < start + 20 for node in world.nodes):
            world.run(1)
        late = max(late, world.now_ms - begun)
    world.run(2_000)
    names = world.bytes[Announcement] + world.bytes[GetTransactions]
    say(
        f"8 nodes with 3 peers each, the same: {world.bytes[Transactions] / unique:.2f} times, with names and questions "
        f"{(world.bytes[Transactions] + names) / unique:.2f}; the last node has them after {late} ms"
    )


def submit(node: SimNode, items: list[bytes]) -> None:
    assert all(result.code is None for result in node.submit(*items))


if __name__ == "__main__":
    block_of_5000()
    reconstruction()
    transactions_in_a_mesh()
    transactions_in_a_ring()
