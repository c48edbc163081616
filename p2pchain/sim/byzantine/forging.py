"""Valid blocks that an honest leader would not make: siblings of its own."""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.chain.block import decode_header, encode_header
from p2pchain.chain.crypto import merkle_root
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.transition import execute
from p2pchain.node.effects import SignBlock
from p2pchain.node.engine import Engine


def sibling(engine: Engine, request: SignBlock, transactions: Sequence[Transaction]) -> SignBlock | None:
    """A block in the slot and above the parent of another, with other transactions; None where the parent is gone."""
    header = decode_header(request.header)
    core = engine.core
    parent = core.tree.get(header.parent)
    if parent is None:
        return None
    executed = execute(core.tree.execution_parent(parent), header.slot, transactions, core.spec, building=True)
    other = header._replace(
        state_root=executed.changes.state_root,
        transactions_root=merkle_root([transaction.id for transaction in executed.included]),
    )
    return SignBlock(encode_header(other), request.certificate, tuple(executed.included), request.state)
