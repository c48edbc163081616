"""A long final chain made at once, and a world of nodes that have it, whole or in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from p2pchain.chain.actions.stake import Stake
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.schedule import quorum
from p2pchain.chain.state import ACCOUNTS
from p2pchain.chain.transaction import Transaction, build_transaction, decode_transaction
from p2pchain.chain.types import PublicKey
from p2pchain.chain.votes import Certificate, Kind, encode_subject, make_certificate
from p2pchain.node.effects import Commit, StoredBlock
from tests.fakes.chain import ChainMaker, MadeBlock, signer
from tests.fakes.world import GENESIS_MS, Disk, SimNode, World, make_genesis

SEATS = 4
DELEGATES = 8
SLOT_MS = 500


class FinalStep(NamedTuple):
    """A block and the confirms on it, by just a quorum of its set."""

    stored: StoredBlock
    confirms: Certificate


class LongChain(NamedTuple):
    genesis: Genesis
    steps: Sequence[FinalStep]
    sets: Sequence[frozenset[PublicKey]]
    """Who votes on each block."""

    def disk(self, height: int | None = None) -> Disk:
        """Of a node that has the chain up to a height."""
        disk = Disk(self.genesis)
        for stored, confirms in self.steps[:height]:
            disk.commit(Commit(blocks=[stored], final=[stored.block.id], confirms=[confirms]))
        return disk

    def world(self, *heights: int | None, seed: int = 0, node: type[SimNode] = SimNode) -> World:
        """Observers, each with the chain up to its height (None: whole), in the slot after the last block; nobody has started."""
        world = World(self.genesis, 0, seed=seed)
        world.nodes = [node(world, number, self.disk(height), is_delegate=False) for number, height in enumerate(heights)]
        world.now_ms = GENESIS_MS + (len(self.steps) + 1) * SLOT_MS
        return world


@cache
def make_chain(height: int, changes_at: tuple[int, ...] = (), transfers: int = 0) -> LongChain:
    """`changes_at` are heights of blocks that give the four that do not sit more stake than those that do."""
    genesis = make_genesis(SEATS, registered=DELEGATES)
    maker = ChainMaker(genesis)
    signers = {signer(1000 + number).public_key: number for number in range(DELEGATES)}
    at, steps, sets = maker.root, list[FinalStep](), list[frozenset[PublicKey]]()
    for number in range(1, height + 1):
        governors = at.schedule.keys
        wanted = [stake_of_others(maker, at, signers, (1 + changes_at.index(number)) * 10**10)] if number in changes_at else []
        at = maker.extend(at, transactions=wanted, transfers=transfers)
        sets.append(governors)
        steps.append(FinalStep(at.stored, confirms_of(maker, at, sorted(governors)[: quorum(len(governors))], signers)))
    return LongChain(genesis, steps, sets)


def confirms_of(maker: ChainMaker, block: MadeBlock, keys: Sequence[PublicKey], signers: Mapping[PublicKey, int]) -> Certificate:
    return ballots_of(maker, block, keys, signers, Kind.CONFIRM)


def ballots_of(maker: ChainMaker, block: MadeBlock, keys: Sequence[PublicKey], signers: Mapping[PublicKey, int], kind: Kind) -> Certificate:
    body = encode_subject(block.subject)
    signed = {key: signer(1000 + signers[key]).sign(kind.domain, maker.genesis.chain_id, body) for key in keys}
    return make_certificate(kind, block.subject, signed)


def stake_of_others(maker: ChainMaker, at: MadeBlock, signers: Mapping[PublicKey, int], amount: int) -> Transaction:
    others = [number for key, number in signers.items() if key not in at.schedule.keys]
    actions = [Stake(signer(2000 + number).public_key, amount) for number in others]
    row = ACCOUNTS.load(at.view, signer(3000).public_key)
    assert row is not None, "the sender stands in the genesis"
    raw = build_transaction(signer(3000), maker.spec, actions, nonce=row.nonce, valid_until=at.subject.slot + 10)
    return decode_transaction(raw, maker.spec)
