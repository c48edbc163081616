"""What is done with the answers that `sync` asked for, and how a branch is answered."""

from __future__ import annotations

from collections.abc import Callable

from p2pchain.chain.block import Block
from p2pchain.chain.consequences import Consequence
from p2pchain.chain.errors import Invalid, NotYet
from p2pchain.chain.types import BlockId
from p2pchain.node import events
from p2pchain.node.consensus import Consensus
from p2pchain.node.core import Core
from p2pchain.node.effects import Disconnect
from p2pchain.node.events import Peer
from p2pchain.node.importer import Importer
from p2pchain.node.sync import Answered, Sync
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import ANSWER_BYTES_MAX, Blocks


class CatchingUp:
    """Imports ranges of final blocks and branches; `receive_block` is the door of a block that was asked for."""

    def __init__(
        self, core: Core, sync: Sync, importer: Importer, consensus: Consensus, receive_block: Callable[[Peer | None, Block], None]
    ) -> None:
        self._core = core
        self._sync = sync
        self._importer = importer
        self._consensus = consensus
        self._receive_block = receive_block

    def receive(self, event: events.BlocksReceived) -> None:
        blocks = tuple((block.value, proof.value if proof else None) for block, proof in event.blocks)
        asked = self._sync.answered(event.peer, event.request, blocks)
        if asked is None:
            return
        if asked.from_height:
            for answer in self._sync.ready():
                if not self._import_range(answer):
                    break
        else:
            self._import_branch(Answered(event.peer, blocks), asked.tip)

    def _import_range(self, answer: Answered) -> bool:
        """Final blocks in order, made final by the certificates among them.  False where the answer was no good."""
        for block, certificate in answer.blocks:
            try:
                self._importer.add(block, in_sync=True)
            except NotYet:
                self._sync.fail(answer.peer)
                return False
            except Invalid as refusal:
                self._core.refused_final = block.header.height
                self._refuse_answer(answer, block, str(refusal))
                return False
            self._consensus.recover()
            self._core.head = self._core.tree.head()
            if certificate is not None:
                self._consensus.accept_certificate(certificate)
            if certificate is not None and self._core.tree.root.height < block.header.height:
                if not self._sync.prefer(answer.peer):
                    self._refuse_answer(answer, block, "blocks are claimed to be final and their certificates do not suffice")
                return False
            node = self._core.tree.get(block.id)
            on_certified = node is not None and self._core.tree.stands_on_certified(node)
            if not self._sync.imported(block.header.height, on_certified=on_certified):
                self._refuse_answer(answer, block, "blocks are claimed to be final and no certificate proves it")
                return False
        return True

    def _refuse_answer(self, answer: Answered, block: Block, text: str) -> None:
        """Nobody is banned for it: a network that was recovered without us gives just such blocks, and is right."""
        self._sync.fail(answer.peer)
        told = f"block {block.header.height} of an answer: {text}"[:200]
        self._core.out(Disconnect(answer.peer, Reason.INVALID_DATA, told, Consequence.VIOLATION))

    def _import_branch(self, answer: Answered, tip: BlockId) -> None:
        """Unfinal blocks up to a head that a peer knows: each enters like a new one, and may be voted for if it is current.

        A branch may be longer than one answer: the rest is asked for, as long as there is progress.
        """
        for block, certificate in answer.blocks:
            if block.header.height > self._core.tree.root.height:
                self._receive_block(answer.peer, block)
            if certificate is not None:
                self._consensus.accept_certificate(certificate)
        last, tree = answer.blocks[-1][0], self._core.tree
        is_known = last.id in tree or last.header.height <= tree.root.height
        if is_known and tip not in tree and last.id != tip and answer.peer in self._core.peers:
            self._sync.ask_branch(answer.peer, tip, after=last.id)

    def answer_branch(self, event: events.BranchRequested) -> None:
        """The blocks above our final one, or what the peer has of them, up to the tip, oldest first, as many as one answer holds."""
        tip = self._core.tree.get(event.tip)
        path = self._core.tree.path(tip) if tip is not None else []
        known = next((place + 1 for place, node in enumerate(path) if node.id == event.after), 0)
        items: list[bytes] = []
        room = ANSWER_BYTES_MAX
        for node in path[known:]:
            assert node.block is not None
            certificate = node.certificate.raw if node.certificate is not None else b""
            room -= len(node.block.raw) + len(certificate)
            if items and room < 0:
                break
            items += (node.block.raw, certificate)
        self._core.send(event.peer, Blocks(event.request, items))
