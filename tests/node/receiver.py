"""One node among peers that a test plays: what they say goes through the real intake, what it says is written down."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from p2pchain.chain.block import Block
from p2pchain.chain.compact import carried, short_ids
from p2pchain.chain.transaction import Transaction
from p2pchain.node.events import Peer, PeerJoined
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import Blocks, BlockTransactions, CompactBlock, GetBlockTransactions, GetBranch, Message
from tests.fakes.chain import ChainMaker, make_genesis
from tests.fakes.world import SimNode, World

ACCOUNTS = 16
SLOT_MS = 500


class Receiver(World):
    """Node 0 of four delegates, at the beginning of slot 1, with peers 1 to `peers`."""

    def __init__(self, peers: int = 3) -> None:
        genesis = make_genesis(accounts=ACCOUNTS)
        super().__init__(genesis, 4)
        self.maker = ChainMaker(genesis)
        self.sent: list[tuple[int, Message]] = []
        self.start(0)
        self.run(10)
        self.node = self.nodes[0]
        for peer in range(1, peers + 1):
            self.node.handle(PeerJoined(Peer(peer), self.node.running.core.tips()))
        self.sent.clear()

    def up(self) -> list[SimNode]:
        """Those that a broadcast reaches."""
        return self.nodes

    def transmit(self, source: int, target: int, message: Message) -> None:
        assert source == 0
        self.sent.append((target, message))

    def hear(self, peer: int, message: Message) -> list[tuple[int, Message]]:
        """What the node says to that, at once."""
        self.sent.clear()
        self.node.receive(peer, encode_frame(message), self.node.life)
        return list(self.sent)

    def fill_pool(self, transactions: Sequence[Transaction]) -> None:
        results = self.node.submit(*[transaction.raw for transaction in transactions])
        assert all(result.code is None for result in results)
        self.run(200)  # what was just submitted would go along
        self.sent.clear()

    def has(self, block: Block) -> bool:
        known = self.node.running.core.tree.get(block.id)
        assert known is None or known.block is None or known.block.raw == block.raw
        return known is not None

    @property
    def refused(self) -> set[int]:
        return {int(each.peer) for each in self.node.disconnects}

    def asked(self, kind: type[Message]) -> list[tuple[int, Message]]:
        return [(peer, message) for peer, message in self.sent if isinstance(message, kind)]


def compact(block: Block, along: Collection[int] = (), ids: bytes | None = None) -> CompactBlock:
    places = tuple(sorted(along))
    true = short_ids(block.id, [transaction.id for transaction in block.transactions])
    return CompactBlock(
        block.header_raw,
        block.signature,
        carried(block.certificate),
        true if ids is None else ids,
        places,
        [block.transactions[place].raw for place in places],
    )


def answer(block: Block, question: Message) -> Message:
    """What an honest peer that has the block says."""
    if isinstance(question, GetBranch):
        return Blocks(question.request, [block.raw, b""])
    assert isinstance(question, GetBlockTransactions)
    return BlockTransactions(block.id, [block.transactions[place].raw for place in question.places])
