"""What the API is told, at every moment between two steps of the shell."""

from __future__ import annotations

from collections.abc import Callable

from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.actions.stake import Stake, Unstake
from p2pchain.chain.codec import decode
from p2pchain.chain.outcomes import Failure
from p2pchain.chain.state import ACCOUNTS
from p2pchain.chain.state_proofs import verify_account_proof
from p2pchain.chain.transaction_proofs import verify_transaction_proof
from p2pchain.chain.types import AccountId, TransactionId
from p2pchain.chain.votes import decode_ballot
from p2pchain.node.effects import BlockFinal, Effects, HeadChanged, Publication
from p2pchain.node.events import Event
from p2pchain.node.ports import BookView, PeerCounts, PeerRefusal, PeerView
from p2pchain.node.queries import Queries
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import BallotMessage
from tests.chain.offences import ballot_of, pair_of
from tests.fakes.world import SimNode, World, make_genesis, signer

SLOT_MS = 500


class NoNetwork:
    """A network without links: queries only count and list them."""

    def send(self, *_: object) -> None: ...
    def broadcast(self, *_: object) -> None: ...
    def disconnect(self, *_: object) -> None: ...

    def peers(self) -> list[PeerView]:
        return []

    def refusals(self) -> list[PeerRefusal]:
        return []

    def peer_counts(self) -> PeerCounts:
        return PeerCounts({}, {}, 0, 0, 0)


class Watched(SimNode):
    """Looks around after the engine has decided and before the disk has heard of it."""

    look: Callable[[Effects], None] | None = None
    published: list[Publication]

    def perform(self, effects: Effects) -> list[Event]:
        if self.look is not None:
            self.look(effects)
        return super().perform(effects)

    def hear(self, published: Publication) -> None:
        self.published.append(published)
        super().hear(published)


def watched() -> tuple[World, Watched, Queries]:
    world = World(make_genesis(4), 4)
    node = Watched(world, 0, world.nodes[0].disk, is_delegate=True)
    node.published = []
    world.nodes[0] = node
    world.start()
    world.run(2 * SLOT_MS)
    return (
        world,
        node,
        Queries(node.running, node.disk, NoNetwork(), node_id=bytes(32), version="test", list_book=lambda _: BookView(0, 0, (), ())),
    )


def test_a_transaction_never_becomes_unknown_on_its_way_to_final() -> None:
    world, node, queries = watched()
    seen: list[str] = []
    (result,) = node.submit(node.transfer(0, 1, 1))
    assert result.id is not None
    item = TransactionId(result.id)

    def look(_effects: Effects) -> None:
        view = queries.transaction(item)
        seen.append(view.status if view is not None else "unknown")

    node.look = look
    world.run(4 * SLOT_MS)
    order = ["pending", "included", "final"]
    assert "unknown" not in seen
    assert set(seen) == set(order)
    assert seen == sorted(seen, key=order.index)


def test_what_is_called_final_is_on_disk_and_never_goes_back() -> None:
    world, node, queries = watched()
    moments = 0

    def look(effects: Effects) -> None:
        nonlocal moments
        moments += bool(effects.commit.final)
        final = queries.status(world.now_ms).final
        assert final.height == len(node.disk.final)
        block = queries.block("final")
        assert block is not None
        assert (block.status, block.block.id) == ("final", final.block)
        assert queries.account(AccountId(signer(3001).public_key), "final").subject == final

    node.look = look
    for _ in range(10):
        node.submit(node.transfer(0, 1, 1))
        world.run(SLOT_MS)
    assert moments >= 8


def test_what_is_final_is_proven_at_every_moment() -> None:
    world, node, queries = watched()
    sets, chain_id = [world.genesis.schedule().keys], world.genesis.chain_id
    seen: list[int] = []

    def look(_effects: Effects) -> None:
        if not node.disk.final:
            return
        final = queries.status(world.now_ms).final
        sender, nobody = signer(3000).public_key, signer(77).public_key
        known = verify_account_proof(queries.row_proof(ACCOUNTS.key(sender)), sender, chain_id, sets)
        assert (known.at.header.height, known.at.id) == (final.height, final.block)
        assert known.account is not None
        assert known.account.nonce == queries.account(AccountId(sender), "final").nonce
        assert verify_account_proof(queries.row_proof(ACCOUNTS.key(nobody)), nobody, chain_id, sets).account is None
        seen.append(final.height)

    node.look = look
    submitted = []
    for _ in range(6):
        submitted += node.submit(node.transfer(0, 1, 1))
        world.run(SLOT_MS)
    assert len(set(seen)) >= 4
    world.run(SLOT_MS)
    for result in submitted:
        assert result.id is not None
        proof = queries.transaction_proof(TransactionId(result.id))
        assert proof is not None
        assert verify_transaction_proof(proof, world.genesis.spec(), sets).transaction.id == result.id
    assert queries.transaction_proof(TransactionId(bytes(32))) is None


def test_blocks_are_found_by_height_by_id_and_by_name() -> None:
    world, node, queries = watched()
    for _ in range(5):
        node.submit(node.transfer(0, 1, 1))
        world.run(SLOT_MS)
    height = len(node.disk.final)
    named = queries.block("final")
    assert named is not None
    for reference in (height, named.block.id, "head"):
        found = queries.block(reference)
        assert found is not None
        assert found.block.id == named.block.id
    assert named.confirms is not None
    assert queries.block(height + 1) is None
    assert queries.block(bytes(32)) is None
    assert [view.block.header.height for view in queries.blocks(2, 3)] == [2, 3, 4]


def test_every_new_head_is_published() -> None:
    world, node, _ = watched()
    for _ in range(6):
        node.submit(node.transfer(0, 1, 1))
        world.run(SLOT_MS)
    heads = [published.subject.height for published in node.published if isinstance(published, HeadChanged)]
    assert heads == sorted(heads)
    assert set(range(2, len(node.disk.final) + 1)) <= set(heads)


def test_the_account_view_counts_what_waits() -> None:
    _, node, queries = watched()
    for _ in range(3):
        node.submit(node.transfer(2, 1, 1))
    view = queries.account(AccountId(signer(3002).public_key), "head")
    assert (view.nonce, view.next_nonce) == (0, 3)
    delegates = queries.delegates("final")
    assert [d.active for d in delegates] == [True] * 4
    assert abs(sum(d.weight for d in delegates) - 1) < 1e-9
    assert queries.pool(2).transactions == 3
    assert len(queries.pool(2).items) == 2


def test_a_failed_transaction_is_included_and_then_final_with_its_error() -> None:
    world, node, queries = watched()
    twice = ballot_of(signer(1000), world.spec.chain_id, 1)
    (result,) = node.act(0, SubmitEvidence(twice, twice))
    assert result.id is not None
    item = TransactionId(result.id)
    seen: set[tuple[str, str | None]] = set()
    told: list[object] = []

    def look(effects: Effects) -> None:
        view = queries.transaction(item)
        assert view is not None
        seen.add((view.status, view.code))
        told.extend(published.failed for published in effects.publish if isinstance(published, BlockFinal))

    node.look = look
    world.run(4 * SLOT_MS)
    assert seen == {("pending", None), ("included", "bad_evidence"), ("final", "bad_evidence")}
    final = queries.transaction(item)
    assert final is not None
    assert final.message == "the two messages do not contradict each other"
    assert final.height is not None
    block = queries.block(final.height)
    assert block is not None
    assert list(block.failed) == [Failure(0, "bad_evidence")]
    assert (Failure(0, "bad_evidence"),) in told


def test_after_a_conviction_accounts_and_delegates_show_what_is_left() -> None:
    world, node, queries = watched()
    node.act(1, Stake(signer(2003).public_key, 10_000))
    world.run(2 * SLOT_MS)
    node.act(1, Unstake(signer(2003).public_key, 4_000))
    world.run(2 * SLOT_MS)
    slot = world.spec.slot_at(world.now_ms) - 4
    node.act(0, SubmitEvidence(*pair_of(signer(1003), world.spec.chain_id, slot)))
    world.run(2 * SLOT_MS)
    view = queries.account(AccountId(signer(3001).public_key), "final")
    assert [position.amount for position in view.positions] == [5_400]
    assert [entry.amount for entry in view.unbonding] == [3_600]
    convicted = queries.account(AccountId(signer(2003).public_key), "final").delegate
    assert convicted is not None
    assert (convicted.convicted, convicted.slashed_bps, convicted.retired) == (True, 1_000, True)
    assert convicted.stake == (10**9 + 3 + 6_000) * 9 // 10
    assert [delegate.convicted for delegate in queries.delegates("final")] == [False] * 3


def test_what_is_heard_is_listed_until_the_chain_knows_it_and_then_marked() -> None:
    world, node, queries = watched()
    slot = world.spec.slot_at(world.now_ms)
    pair = pair_of(signer(1003), world.spec.chain_id, slot)
    for message in pair:
        ballot = decode_ballot(decode(message, what="ballot"))
        node.receive(3, encode_frame(BallotMessage(ballot)), node.life)
    (listed,) = queries.evidence()
    assert (listed.first, listed.second) == pair
    assert (listed.delegate, listed.convicted) == (signer(2003).public_key, False)
    node.act(0, SubmitEvidence(listed.first, listed.second))
    world.run(2 * SLOT_MS)
    assert [view.convicted for view in queries.evidence()] == [True]
