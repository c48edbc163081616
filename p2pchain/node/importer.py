"""The one way into the tree: a stranger's block, a fetched one and our own are checked by the same steps."""

from __future__ import annotations

from p2pchain.chain.block import Block
from p2pchain.chain.errors import Code, Invalid, NotYet
from p2pchain.chain.transition import Draft, Executed, execute
from p2pchain.chain.tree import Node
from p2pchain.chain.types import Hash
from p2pchain.node.consensus import Consensus
from p2pchain.node.core import Core
from p2pchain.node.effects import StoredBlock


class Importer:
    """Checks, executes and stores blocks."""

    def __init__(self, core: Core, consensus: Consensus) -> None:
        self._core = core
        self._consensus = consensus

    def add(self, block: Block, *, executed: Executed | None = None, in_sync: bool = False, asked: bool = False) -> Node | None:
        """Put a verified block into the tree; None where it is there already.

        `Invalid` where it can never be right, `NotYet` where something is missing.  `executed` spares running our
        own block again.  `in_sync` lifts the bound of unfinal blocks, for a range whose proof comes at its end;
        `asked` takes a third rival of one slot too, because others may be locked on the one that came last to us.
        Above the base of a recovery a block of the rules before is no lie: its maker has not installed the document.
        """
        try:
            return self._add(block, executed, in_sync=in_sync, asked=asked)
        except Invalid as refusal:
            root = self._core.tree.root
            if root.recovery is None or block.header.parent != root.id:
                raise
            raise NotYet(
                Code.NOT_RECOVERED, f"height {root.height} was recovered, the block was made by the rules before: {refusal}"
            ) from None

    def _add(self, block: Block, executed: Executed | None, *, in_sync: bool, asked: bool) -> Node | None:
        core = self._core
        if block.id in core.tree:
            return None
        self._validate_version(block)
        parent = core.tree.parent_of(block, bounded=not in_sync, asked=asked)
        self._validate_time(block)
        if executed is None:
            executed = self._execute(parent, block)
        _validate_outcome(Code.WRONG_STATE_ROOT, "state", found=block.header.state_root, wanted=executed.changes.state_root)
        _validate_outcome(Code.WRONG_SET, "set", found=block.header.set_id, wanted=executed.schedule.set_id)
        node = core.tree.add(parent, block, executed)
        core.effects.commit.blocks.append(StoredBlock(block, executed.changes))
        return node

    def _validate_version(self, block: Block) -> None:
        """Before any other rule: those of a version that this node does not know are not its to judge."""
        parent, supported = self._core.tree.get(block.header.parent), self._core.supported
        if parent is not None and parent.schedule.terms.version > supported:
            version = parent.schedule.terms.version
            text = f"block {block.header.height} takes protocol version {version}, this node knows versions up to {supported}"
            raise NotYet(Code.PROTOCOL_TOO_OLD, text, found=supported, wanted=version)

    def _execute(self, parent: Node, block: Block) -> Executed:
        """In a block even what might become right later is the producer's fault now."""
        try:
            return execute(self._core.tree.execution_parent(parent), Draft.of(block), block.transactions, self._core.spec)
        except NotYet as refusal:
            raise Invalid(refusal.code, f"block holds a refused transaction: {refusal.message}", **refusal.evidence) from None

    def _validate_time(self, block: Block) -> None:
        """A block from more than half a slot ahead waits for its time."""
        core = self._core
        start = core.spec.slot_start_ms(block.header.slot)
        if core.now_ms < start - core.spec.slot_ms // 2:
            raise NotYet(Code.FUTURE_SLOT, f"slot {block.header.slot} begins in {start - core.now_ms} ms", found=block.header.slot)


def _validate_outcome(code: Code, what: str, *, found: Hash, wanted: Hash) -> None:
    if found != wanted:
        raise Invalid(code, f"header says {what} {found.hex()}, executing gives {wanted.hex()}", found=found, wanted=wanted)
