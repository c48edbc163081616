"""A node that the network outgrows: it says so as soon as that is known, and ends before the first block it cannot judge.

The version that a block takes is in its parent's state (`chain.terms`), and changes are scheduled a notice ahead
(`chain.changing`), so a node knows the height in time.  Up to the block below it takes part in everything: the others
may need its vote.  Once that block is final there is nothing left that it could do rightly.
"""

from __future__ import annotations

from p2pchain.chain.changing import Requirement, find_requirement, load_scheduled
from p2pchain.chain.tree import Node
from p2pchain.node.core import Core
from p2pchain.node.effects import ProtocolOutgrown
from p2pchain.node.sync import Sync

PATIENCE_MS = 30_000
"""How long a node waits at its last block for the proof that it is final, once a peer claims final blocks above.  The
proof may lie in blocks that it cannot read; the others no longer need its vote."""


class Upgrading:
    """Keeps `core.requirement` in step with the head; publishes the end once."""

    def __init__(self, core: Core, sync: Sync) -> None:
        self._core = core
        self._sync = sync
        self._looked_at: Node | None = None
        self._waiting_since_ms: int | None = None
        self.has_ended = False

    def look(self) -> None:
        """The head may have changed."""
        core, head = self._core, self._core.head
        if head is not self._looked_at:
            self._looked_at = head
            scheduled = load_scheduled(core.head_view()).changes
            self._require(find_requirement(head.schedule.terms, scheduled, head.height, core.supported))
        requirement = core.requirement
        if requirement is not None and not self.has_ended and self._is_at_end(requirement):
            self.has_ended = True
            core.effects.publish.append(ProtocolOutgrown(requirement.version, requirement.height, core.supported))

    def _require(self, requirement: Requirement | None) -> None:
        core = self._core
        if requirement != core.requirement and requirement is not None:
            core.note(
                "warning",
                "protocol_too_old",
                wanted=requirement.version,
                supported=core.supported,
                height=requirement.height,
                reason=describe_requirement(requirement, core.supported),
            )
        core.requirement = requirement

    def _is_at_end(self, requirement: Requirement) -> bool:
        core = self._core
        if core.tree.root.schedule.terms.version > core.supported:
            return True
        # claims count also of peers that are doubted: they may only speak what this node cannot read
        if core.head.height < requirement.height - 1 or self._sync.claimed < requirement.height:
            self._waiting_since_ms = None
            return False
        if self._waiting_since_ms is None:
            self._waiting_since_ms = core.now_ms
        return core.now_ms >= self._waiting_since_ms + PATIENCE_MS


def describe_requirement(requirement: Requirement, supported: int) -> str:
    """What is needed, from when on, and what to do."""
    return (
        f"from height {requirement.height} on the network takes protocol version {requirement.version} and this node knows versions "
        f"up to {supported}: it ends after height {requirement.height - 1}; install a newer p2pchain and start it again"
    )
