"""L5: whatever a peer can make grow stays under its bound, looked at once a slot."""

from __future__ import annotations

from collections.abc import Iterator

from p2pchain.chain.ballots import SLOTS_PER_VOTER_MAX
from p2pchain.node.engine import WAITING_MAX, Engine
from p2pchain.node.sync import BRANCHES_MAX, UNPROVEN_MAX, WINDOWS


def check_bounds(engine: Engine) -> Iterator[tuple[str, str]]:
    """(invariant, what grew and over what)."""
    core, sync = engine.core, engine.sync
    sizes = (
        ("blocks in the tree", len(core.tree), core.tree.blocks_max + UNPROVEN_MAX),
        ("slots of ballots of one voter", core.ballots.slots_kept_most(), SLOTS_PER_VOTER_MAX),
        ("transactions in the pool", len(core.pool), core.pool.limits.transactions_max),
        ("bytes in the pool", core.pool.bytes, core.pool.limits.bytes_max),
        ("waiting blocks", engine.waiting, WAITING_MAX),
        ("questions and answers of sync", sync.under_way, 2 * WINDOWS + (1 + BRANCHES_MAX) * len(core.peers)),
    )
    for what, found, most in sizes:
        if found > most:
            yield "L5", f"{found} {what}, at most {most} wanted"
