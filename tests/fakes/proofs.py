"""Whether what a node keeps proves its final blocks to everybody, judged without the tree that counted it."""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.chain.block import decode_envelope
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.schedule import quorum
from p2pchain.chain.transaction import decode_transaction
from p2pchain.chain.types import PublicKey
from p2pchain.chain.votes import decode_certificate
from p2pchain.node.ports import FinalBlock
from p2pchain.sim.checkers.reference import Reference
from tests.fakes.world import World

Sets = list[frozenset[PublicKey]]


def governing_sets(genesis: Genesis, final: Sequence[FinalBlock]) -> Sets:
    """The set that votes on each block of a chain, from height 1 on."""
    reference, sets = Reference(genesis), Sets()
    for stored in final:
        sets.append(reference.schedule.keys)
        envelope = decode_envelope(stored.raw)
        block = envelope.with_transactions([decode_transaction(raw, genesis.spec()) for raw in envelope.transactions])
        assert not list(reference.extend(block)), "the chain itself is not valid"
    return sets


def follow(final: Sequence[FinalBlock], sets: Sets, start: int) -> int:
    """Where somebody whose last final block is `start` gets by these proofs, one after the other, before one is too weak."""
    for height in range(start + 1, len(final) + 1):
        proof = final[height - 1].certificate
        if not proof:
            continue
        signers = decode_certificate(proof).signatures.keys()
        if any(len(members & signers) < quorum(len(members)) for members in set(sets[start:height])):
            return start
        start = height
    return start


def check_proofs(world: World) -> None:
    """What each node keeps suffices by itself, for a peer at any height (decision 0004)."""
    sets = governing_sets(world.genesis, world.longest().disk.final)
    for node in world.nodes:
        final = node.disk.final
        for start in range(len(final)):
            end = follow(final, sets, start)
            assert end == len(final), f"from height {start} the proofs of node {node.number} lead to {end} of {len(final)}"
