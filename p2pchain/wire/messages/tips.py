"""Where a node stands and what it has, as it is told in several messages."""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.codec import Value, require_array, require_bytes, require_int
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import HASH_BYTES, BlockId, Height, Slot
from p2pchain.chain.votes import Subject


class Tips(NamedTuple):
    """Where a node stands: `[slot, height, block_id]` of its last final block and of its head, and which blocks it has."""

    final: Subject
    head: Subject
    blocks_from: Height = Height(1)
    """It gives final blocks from this height on; headers and certificates it gives from 1 on."""

    def to_value(self) -> tuple[Value, ...]:
        return (tuple(self.final), tuple(self.head), self.blocks_from)


def decode_tips(value: Value) -> Tips:
    raw_final, raw_head, raw_from = require_array(value, what="tips", fields=3)
    final, head = _decode_tip(raw_final), _decode_tip(raw_head)
    blocks_from = Height(require_int(raw_from, what="tips blocks_from", low=1))
    if blocks_from > final.height + 1:
        raise Invalid(
            Code.MALFORMED, f"tips has blocks from height {blocks_from} on, at most {final.height + 1} wanted, one above its final"
        )
    return Tips(final, head, blocks_from)


def _decode_tip(value: Value) -> Subject:
    slot, height, block = require_array(value, what="tip", fields=3)
    return Subject(
        Slot(require_int(slot, what="tip slot")),
        Height(require_int(height, what="tip height")),
        BlockId(require_bytes(block, what="tip block", size=HASH_BYTES)),
    )
