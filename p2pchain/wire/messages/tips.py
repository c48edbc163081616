"""Where a node stands, as it is told in several messages."""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.codec import Value, require_array, require_bytes, require_int
from p2pchain.chain.types import HASH_BYTES, BlockId, Height, Slot
from p2pchain.chain.votes import Subject


class Tips(NamedTuple):
    """Where a node stands: `[slot, height, block_id]` of its last final block and of its head."""

    final: Subject
    head: Subject

    def to_value(self) -> tuple[Value, ...]:
        return (tuple(self.final), tuple(self.head))


def decode_tips(value: Value) -> Tips:
    final, head = require_array(value, what="tips", fields=2)
    return Tips(_decode_tip(final), _decode_tip(head))


def _decode_tip(value: Value) -> Subject:
    slot, height, block = require_array(value, what="tip", fields=3)
    return Subject(
        Slot(require_int(slot, what="tip slot")),
        Height(require_int(height, what="tip height")),
        BlockId(require_bytes(block, what="tip block", size=HASH_BYTES)),
    )
