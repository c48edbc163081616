"""The tree of blocks that are not final yet, rooted at the last final one.

Counts certificates and finality (F), chooses the head, and keeps itself small.  A ballot or certificate counts for a
block only with a quorum of every set that governs a block on the way from the last final block to it: while a
change of the active set is not final, old and new set must both agree.

Bounds: no branch is longer than `unfinal_blocks_max`, unless its tip is certified, and then it grows the slower the
longer it is; a producer has at most two blocks in a slot; and of blocks that lead nowhere only the newest are kept, so a
day without finality costs no more than an hour of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from p2pchain.chain.block import Block, validate_size
from p2pchain.chain.errors import Code, Invalid, NotYet
from p2pchain.chain.params import Params
from p2pchain.chain.recovery import Recovery, recovered_schedule, validate_fit
from p2pchain.chain.schedule import Schedule, quorum
from p2pchain.chain.state import Changes, StackedView, View
from p2pchain.chain.transition import Executed, Parent
from p2pchain.chain.types import BlockId, Hash, PublicKey
from p2pchain.chain.votes import Certificate, Subject

BLOCKS_PER_TURN_MAX = 2
"""Two blocks of one producer in one slot are proof of a fault; a third teaches nothing."""


CERTIFIED_FACTOR = 4
"""How many times longer than the bound a branch may grow in every slot where each block is certified and none is confirmed."""


class Root(NamedTuple):
    """The last final block, as much of it as the tree needs."""

    subject: Subject
    state_root: Hash
    schedule: Schedule


class Node:
    """A block in the tree.  The root has no block."""

    __slots__ = (
        "block",
        "certificate",
        "changes",
        "children",
        "governors",
        "height",
        "id",
        "parent",
        "received",
        "recovery",
        "schedule",
        "slot",
        "state_root",
        "subject",
    )

    def __init__(self, subject: Subject, state_root: Hash, schedule: Schedule) -> None:
        self.subject = subject
        self.slot, self.height, self.id = subject
        self.state_root = state_root
        self.schedule = schedule
        """The schedule above this block."""
        self.parent: Node | None = None
        self.block: Block | None = None
        self.changes: Changes | None = None
        self.certificate: Certificate | None = None
        self.governors: frozenset[PublicKey] = frozenset()
        """The delegates that vote on this block: the active set in its parent's state."""
        self.children: list[Node] = []
        self.received = 0
        self.recovery: Recovery | None = None
        """Where this block is the base of one: it changes the state that blocks above are executed on."""


class Tree:
    """Blocks above the last final one."""

    def __init__(self, root: Root, view: View) -> None:
        self.root = Node(root.subject, root.state_root, root.schedule)
        self._view = view
        self._nodes: dict[BlockId, Node] = {self.root.id: self.root}
        self._received = 0
        self.revision = 0
        """Grows with every change: who has seen the tree at one revision need not look at it again."""
        self._room = self.terms_bound
        self._head: Node | None = None
        self._newest_certified: Node | None = None
        """Both are asked for often, and kept until the tree changes."""
        self.durable = self.root
        """The last final block that is known to be on disk: what is told to anybody outside."""
        self.settling: list[Node] = []
        """Final blocks that are on their way to disk, newest first."""

    @property
    def unfinal_blocks_max(self) -> int:
        """As the last final block's terms have it, or more while branches that grew under earlier terms are longer.

        Delegates may be locked on their tips: without room there, a lowered bound could end the chain.
        """
        return self._room

    @property
    def terms_bound(self) -> int:
        return self.root.schedule.terms.params.unfinal_blocks_max

    @property
    def blocks_max(self) -> int:
        """How many are kept, half of them beside the certified branch; more only where that is longer than the other half."""
        return 2 * self.certified_bound

    @property
    def is_overgrown(self) -> bool:
        return len(self) > self.blocks_max

    def __contains__(self, block: BlockId) -> bool:
        return block in self._nodes

    def __len__(self) -> int:
        """Blocks above the root."""
        return len(self._nodes) - 1

    def get(self, block: BlockId) -> Node | None:
        return self._nodes.get(block)

    def nodes(self) -> Iterator[Node]:
        """All blocks above the root, parents before children."""
        return (node for node in self._nodes.values() if node is not self.root)

    def depth(self, node: Node) -> int:
        return node.height - self.root.height

    def parent_of(self, block: Block, *, bounded: bool = True, asked: bool = False) -> Node:
        """The block's parent, once everything that needs no execution is checked; `bounded` in depth and in rivals or not.

        Where others made a block final, it must find room however many rivals its producer sent here before.
        """
        header = block.header
        if header.height <= self.root.height:
            raise NotYet(Code.BELOW_FINAL, f"block has height {header.height}, height {self.root.height} is final", found=header.height)
        parent = self._nodes.get(header.parent)
        if parent is None:
            raise NotYet(Code.UNKNOWN_PARENT, f"parent {header.parent.hex()} is not known", wanted=header.parent)
        if header.height != parent.height + 1:
            raise Invalid(Code.WRONG_HEIGHT, f"block has height {header.height}, {parent.height + 1} wanted", found=header.height)
        if header.slot <= parent.slot or header.slot < parent.schedule.start_slot:
            raise Invalid(Code.WRONG_SLOT, f"block has slot {header.slot}, its parent {parent.slot}: a later one wanted", found=header.slot)
        leader = parent.schedule.turn(header.slot).delegate.consensus_key
        if header.producer != leader:
            raise Invalid(
                Code.WRONG_PRODUCER, f"slot {header.slot} belongs to {leader.hex()}, not to {header.producer.hex()}", wanted=leader
            )
        validate_size(block, parent.schedule.terms.params)
        if bounded and not self.has_room(parent, header.slot, block.certificate):
            raise NotYet(Code.UNFINAL_LIMIT, f"{self.unfinal_blocks_max} blocks are not final yet: the chain waits for a quorum")
        rivals = sum(child.slot == header.slot for child in parent.children)
        if bounded and not asked and rivals >= BLOCKS_PER_TURN_MAX:
            raise NotYet(Code.DUPLICATE, f"{rivals} blocks of this producer in slot {header.slot} are known already")
        return parent

    @property
    def certified_bound(self) -> int:
        """How deep a certified block may stand and be built upon in any slot."""
        return CERTIFIED_FACTOR * self.unfinal_blocks_max

    def has_room(self, parent: Node, slot: int, certificate: Certificate | None = None) -> bool:
        """Whether a block of `slot` may stand above `parent`, which `certificate` may certify.

        A certified block has room above it at any depth: delegates may be locked on it, and then vote for nothing
        beside it.  It took a quorum to get there, so a chain without one does not grow by it.  One that votes and
        does not confirm grows the slower the longer it is, by the square root of the time.
        """
        depth = self.depth(parent)
        if depth < self.unfinal_blocks_max:
            return True
        return self._is_certified(parent, certificate) and slot - parent.slot >= depth // self.certified_bound

    def stands_on_certified(self, node: Node) -> bool:
        """Whether a quorum voted for the block below this one, as far as this one or the tree can tell."""
        carried = node.block.certificate if node.block is not None else None
        return node.parent is not None and self._is_certified(node.parent, carried)

    def _is_certified(self, node: Node, certificate: Certificate | None) -> bool:
        if node.certificate is not None:
            return True
        is_for_it = certificate is not None and certificate.subject == node.subject
        return is_for_it and certificate is not None and self.has_quorum(node, certificate.signatures.keys())

    def execution_parent(self, node: Node) -> Parent:
        """What a block above `node` is executed on."""
        return Parent(node.height, node.slot, node.state_root, node.schedule, self.view(node), node.recovery)

    def view(self, node: Node) -> StackedView:
        """The state as of a block."""
        layers = [member.changes for member in reversed(self.path(node)) if member.changes is not None]
        settling = [member.changes for member in self.settling if member.changes is not None]
        return StackedView(layers + settling, self._view)

    def add(self, parent: Node, block: Block, executed: Executed) -> Node:
        """Put a checked and executed block into the tree."""
        header = block.header
        node = Node(Subject(header.slot, header.height, block.id), executed.changes.state_root, executed.schedule)
        node.parent, node.block, node.changes = parent, block, executed.changes
        node.governors = parent.schedule.keys
        self._received += 1
        node.received = self._received
        parent.children.append(node)
        self._nodes[node.id] = node
        self._changed()
        return node

    def path(self, node: Node) -> list[Node]:
        """The blocks from above the root to `node`, oldest first."""
        path = []
        while node.parent is not None:
            path.append(node)
            node = node.parent
        return path[::-1]

    def extends(self, node: Node, ancestor: BlockId) -> bool:
        """Whether `ancestor` is `node` or below it, down to the root."""
        at: Node | None = node
        while at is not None:
            if at.id == ancestor:
                return True
            at = at.parent
        return False

    def has_quorum(self, node: Node, voters: Collection[PublicKey]) -> bool:
        """Whether `voters` hold a quorum of every set that governs a block on the way to `node`."""
        sets = _sets_below(node)
        return all(len(governors.intersection(voters)) >= quorum(len(governors)) for governors in sets)

    def voters(self, node: Node) -> frozenset[PublicKey]:
        """Everybody whose ballot on `node` counts."""
        if node.parent is self.root:
            return node.governors
        sets = _sets_below(node)
        return sets.pop() if len(sets) == 1 else frozenset().union(*sets)

    def certify(self, node: Node, certificate: Certificate) -> bool:
        """Attach a certificate that has a quorum; false where it has none or the block had one already."""
        if node.certificate is not None or node is self.root or not self.has_quorum(node, certificate.signatures.keys()):
            return False
        node.certificate = certificate
        self._changed()
        return True

    def newest_certified(self) -> Node:
        """The certified block with the newest slot; the root where none is."""
        if self._newest_certified is None:
            certified = (node for node in self._nodes.values() if node.certificate is not None)
            self._newest_certified = max(certified, key=lambda node: node.slot, default=self.root)
        return self._newest_certified

    def head(self) -> Node:
        """Fork choice: the newest certified block; above it the newest slot, then first received."""
        if self._head is None:
            self._head = self._choose_head()
        return self._head

    def _choose_head(self) -> Node:
        best = base = self.newest_certified()
        waiting = [base]
        while waiting:
            node = waiting.pop()
            waiting += node.children
            if (node.slot, -node.received) > (best.slot, -best.received):
                best = node
        return best

    def finalise(self, node: Node) -> tuple[list[Node], list[Node]]:
        """Make `node` the root: (the blocks that became final, oldest first; the blocks that fell away)."""
        path = self.path(node)
        kept = {descendant.id for descendant in _descendants(node)}
        final = {member.id for member in path}
        dropped = [other for other in self.nodes() if other.id not in kept and other.id not in final]
        self._nodes = {block: other for block, other in self._nodes.items() if block in kept}
        self.settling = path[::-1] + self.settling
        self.root = node
        node.parent = None
        self._changed()
        self._fit_room(self._room)
        return path, dropped

    def recover(self, recovery: Recovery) -> list[Node]:
        """The root is the base of a recovery: (the blocks above, made by the rules before, which fall away)."""
        root, view = self.root, self.view(self.root)
        validate_fit(recovery, root.subject, view)
        root.schedule, root.recovery = recovered_schedule(recovery, view), recovery
        dropped = list(self.nodes())
        self._nodes, root.children = {root.id: root}, []
        self._changed()
        self._fit_room(self._room)
        return dropped

    def restored(self) -> None:
        """All stored blocks are back: what bound their branches grew under is not known, so they get what they need."""
        self._fit_room(Params.ceiling("unfinal_blocks_max"))

    def _fit_room(self, most: int) -> None:
        """As much room as the longest branch needs; never more than before, so that no branch makes room for itself."""
        longest = max((self.depth(node) for node in self.nodes()), default=0)
        self._room = max(self.terms_bound, min(most, longest))

    def settled(self) -> None:
        """The base view holds what was finalised: its changes need no longer lie above it."""
        if self.settling:
            for node in self.settling:
                node.changes = None
            self.settling = []
        self.durable = self.root

    def prune(self, protected: Collection[BlockId]) -> list[Node]:
        """Drop the oldest blocks that carry nothing, down to the bound; never a protected, certified or inner one."""
        dropped: list[Node] = []
        most = self.blocks_max
        if len(self) > most:  # beside a long certified branch there is as much room as beside a short one
            most = max(most, most // 2 + self.depth(self.newest_certified()))
        while len(self) > most:
            leaves = [n for n in self.nodes() if not n.children and n.certificate is None and n.id not in protected]
            if not leaves:
                break
            oldest = min(leaves, key=lambda node: (node.slot, node.received))
            self._remove(oldest)
            dropped.append(oldest)
        return dropped

    def _remove(self, node: Node) -> None:
        assert node.parent is not None, "the root is never removed"
        node.parent.children.remove(node)
        del self._nodes[node.id]
        self._changed()

    def _changed(self) -> None:
        self.revision += 1
        self._head = self._newest_certified = None


def _sets_below(node: Node) -> set[frozenset[PublicKey]]:
    """The sets that govern a block on the way from above the root to `node`: one, but while the set changes."""
    sets = set()
    while node.parent is not None:
        sets.add(node.governors)
        node = node.parent
    return sets


def _descendants(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children
