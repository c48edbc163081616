"""A block by short ids becomes whole whatever the pool holds; liars pay, and hold up nobody else's block."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pchain.chain import compact as compact_module
from p2pchain.chain.block import Block, encode_block, encode_header
from p2pchain.chain.compact import SHORT_ID_BYTES
from p2pchain.chain.crypto import Domain
from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import ChainId, Slot
from p2pchain.node.assembling import OF_PEER_MAX
from p2pchain.wire.messages import (
    PREFILLED_BYTES_MAX,
    PREFILLED_MAX,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    GetBlockTransactions,
    GetBranch,
    Transactions,
)
from tests.node.receiver import ACCOUNTS, SLOT_MS, Receiver, answer, compact

PATIENCE_MS = 125
"""A quarter of a slot."""


class WeakHash(NamedTuple):
    """Few values, so that everything collides."""

    value: int

    def digest(self) -> bytes:
        return bytes((self.value,)) * SHORT_ID_BYTES


def made_block(world: Receiver, count: int = 8) -> Block:
    return world.maker.extend(world.maker.root, transfers=count).made


@settings(max_examples=30, deadline=None)
@given(data=st.data(), count=st.integers(1, ACCOUNTS), values=st.sampled_from((1, 2, 5, None)))
def test_a_block_becomes_whole_whatever_is_known_whatever_goes_along_and_whatever_collides(
    data: st.DataObject, count: int, values: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if values is not None:
            patch.setattr(compact_module, "blake2b", lambda item, **_: WeakHash(item[0] % values))
        world = Receiver()
        block = made_block(world, count)
        strangers = world.maker.transfers(world.maker.root, ACCOUNTS, amount=2)
        known = data.draw(st.permutations(range(ACCOUNTS)))[: data.draw(st.integers(0, ACCOUNTS))]
        world.fill_pool([block.transactions[place] if place < count else strangers[place] for place in known])
        along = data.draw(st.sets(st.integers(0, count - 1), max_size=4))
        said = world.hear(1, compact(block, along))
        for _ in range(3):
            questions = [(peer, message) for peer, message in said if isinstance(message, GetBlockTransactions | GetBranch)]
            if world.has(block) or not questions:
                break
            said = [more for peer, question in questions for more in world.hear(peer, answer(block, question))]
        assert world.has(block)
        assert world.refused == set()
        assert len(world.node.running.assembling) == 0
        assert world.node.running.core.lacking == {}


def test_where_all_is_known_a_block_costs_no_question_and_goes_on_by_short_ids_to_whoever_did_not_send_it() -> None:
    world = Receiver()
    block = made_block(world)
    world.fill_pool(list(reversed(block.transactions)))
    said = world.hear(2, compact(block))
    assert world.has(block)
    assert {peer for peer, message in said if message == compact(block)} == {1, 3}
    assert not world.asked(GetBlockTransactions)


def test_only_what_is_missing_is_asked_for_and_goes_along_when_the_block_is_passed_on() -> None:
    world = Receiver()
    block = made_block(world)
    world.fill_pool(block.transactions[:5])
    assert world.hear(1, compact(block)) == [(1, GetBlockTransactions(block.id, (5, 6, 7)))]
    said = world.hear(1, answer(block, GetBlockTransactions(block.id, (5, 6, 7))))
    assert (2, compact(block, (5, 6, 7))) in said


def test_a_block_without_transactions_goes_whole() -> None:
    world = Receiver()
    block = made_block(world, 0)
    assert (2, BlockMessage(block.raw)) in world.hear(1, BlockMessage(block.raw))


def test_what_came_a_moment_ago_goes_along_within_its_bounds() -> None:
    world = Receiver()
    block = world.maker.extend(world.maker.root, transfers=ACCOUNTS * 8).made
    world.node.submit(*[transaction.raw for transaction in block.transactions])
    passed_on = next(message for _, message in world.hear(1, compact(block)) if isinstance(message, CompactBlock))
    assert len(passed_on.places) == PREFILLED_MAX
    assert sum(map(len, passed_on.prefilled)) <= PREFILLED_BYTES_MAX


def test_transactions_that_arrive_while_a_block_waits_for_them_complete_it() -> None:
    world = Receiver()
    block = made_block(world)
    world.hear(1, compact(block))
    world.node.submit(*[transaction.raw for transaction in block.transactions[:4]])
    assert not world.has(block)
    world.hear(3, Transactions([transaction.raw for transaction in block.transactions[4:]]))
    assert world.has(block)


# --- liars ----------------------------------------------------------------------------------------------------------


def test_a_header_with_a_bad_signature_is_refused_before_anything_is_looked_for() -> None:
    world = Receiver()
    block = made_block(world)
    forged = compact(block)._replace(signature=bytes(64))
    with pytest.raises(Invalid, match="signature"):
        world.hear(1, CompactBlock(*forged))
    assert len(world.node.running.assembling) == 0


def test_a_header_of_anybody_but_the_leader_of_the_slot_starts_no_work() -> None:
    world = Receiver()
    root, turn = world.maker.root, world.maker.root.schedule.turn
    other = next(slot for slot in range(2, 9) if turn(slot).delegate != turn(1).delegate)
    wrong = world.maker.extend(root, transfers=2, slot=other).made
    header = wrong.header._replace(slot=Slot(1))
    leader = next(node for node in world.nodes if node.signer.public_key == wrong.header.producer)
    raw = encode_header(header)
    signature = leader.signer.sign(Domain.BLOCK, ChainId(world.spec.chain_id), raw)
    assert world.hear(1, CompactBlock(raw, signature, b"", compact(wrong).short_ids, (), [])) == []
    assert len(world.node.running.assembling) == 0


@pytest.mark.parametrize("first", ["liar", "honest"])
def test_false_short_ids_hold_up_nobody_and_are_proven_false_by_the_block(first: str) -> None:
    world = Receiver()
    block = made_block(world)
    world.fill_pool(block.transactions)
    false = compact(block, ids=bytes(SHORT_ID_BYTES * 8))
    world.hear(1, false if first == "liar" else compact(block))
    world.hear(2, compact(block) if first == "liar" else false)
    assert world.has(block)
    assert world.refused == ({1} if first == "liar" else set()), "who comes after the block is not listened to"


def test_a_list_in_another_order_is_false_too() -> None:
    world = Receiver()
    block = made_block(world)
    world.fill_pool(block.transactions)
    ids = compact(block).short_ids
    world.hear(1, compact(block, ids=ids[SHORT_ID_BYTES:] + ids[:SHORT_ID_BYTES]))
    assert not world.has(block)
    assert world.asked(GetBranch), "the whole block will tell"
    world.hear(2, compact(block))
    assert world.has(block)
    assert world.refused == {1}


def test_a_silent_peer_costs_nothing_while_little_is_missing_because_two_are_asked() -> None:
    world = Receiver()
    block = made_block(world)
    world.fill_pool(block.transactions[:5])
    world.hear(1, compact(block))
    assert world.hear(2, compact(block)) == [(2, GetBlockTransactions(block.id, (5, 6, 7)))]
    assert world.hear(3, compact(block)) == [], "a third is asked when one of them is late"
    world.hear(2, answer(block, GetBlockTransactions(block.id, (5, 6, 7))))
    assert world.has(block)
    assert world.refused == set(), "to be silent is no lie"


def test_where_much_is_missing_the_next_peer_is_asked_after_a_quarter_of_a_slot() -> None:
    world = Receiver()
    block = world.maker.extend(world.maker.root, transfers=80).made
    world.hear(1, compact(block))
    assert world.hear(2, compact(block)) == []
    world.run(PATIENCE_MS - 1)
    assert not world.asked(GetBlockTransactions)
    world.run(1)
    assert [peer for peer, _ in world.asked(GetBlockTransactions)] == [2]


def test_where_nobody_answers_the_whole_block_is_asked_for() -> None:
    world = Receiver()
    block = made_block(world)
    world.hear(1, compact(block))
    world.run(PATIENCE_MS)
    (question,) = [message for _, message in world.asked(GetBranch)]
    world.hear(1, answer(block, question))
    assert world.has(block)


def test_a_peer_that_has_dropped_the_block_is_passed_over_at_once() -> None:
    world = Receiver()
    block = world.maker.extend(world.maker.root, transfers=80).made
    world.hear(1, compact(block))
    world.hear(2, compact(block))
    said = world.hear(1, BlockTransactions(block.id, []))
    assert [peer for peer, message in said if isinstance(message, GetBlockTransactions)] == [2]
    assert world.refused == set()


def test_an_answer_with_other_transactions_is_a_lie() -> None:
    world = Receiver()
    block = made_block(world)
    world.fill_pool(block.transactions[:7])
    world.hear(1, compact(block))
    world.hear(2, compact(block))
    other = world.maker.transfers(world.maker.root, 1, amount=9)
    world.hear(1, BlockTransactions(block.id, [other[0].raw]))
    assert world.refused == {1}
    world.hear(2, answer(block, GetBlockTransactions(block.id, (7,))))
    assert world.has(block)


def test_an_answer_that_was_not_asked_for_is_not_looked_at() -> None:
    world = Receiver()
    block = made_block(world)
    world.hear(1, compact(block))
    assert world.node.intake.open(2, BlockTransactions(block.id, [b"junk"])) is None  # type: ignore[arg-type]


def test_a_liar_displaces_no_blocks_but_its_own() -> None:
    world = Receiver()
    block = made_block(world)
    world.hear(2, compact(block))
    for amount in range(1, OF_PEER_MAX + 4):
        transfers = world.maker.transfers(world.maker.root, 2, amount=amount + 50)
        world.hear(1, compact(world.maker.extend(world.maker.root, transactions=transfers).made))
    assert len(world.node.running.assembling) == OF_PEER_MAX + 1
    world.hear(2, answer(block, GetBlockTransactions(block.id, tuple(range(8)))))
    assert world.has(block)


def test_what_never_becomes_whole_is_forgotten() -> None:
    world = Receiver()
    world.hear(1, compact(made_block(world)))
    world.run(7 * SLOT_MS)
    assert len(world.node.running.assembling) == 0
    assert world.node.running.core.lacking == {}


def test_a_second_header_for_one_slot_convicts_though_its_transactions_never_come() -> None:
    world = Receiver()
    first, second = made_block(world, 2), made_block(world, 3)
    world.hear(1, compact(first))
    world.hear(2, compact(second))
    assert world.node.contradictions == 1


# --- answering, and the form itself ---------------------------------------------------------------------------------


def test_questions_for_blocks_or_places_that_are_not_there_get_nothing() -> None:
    world = Receiver()
    block = made_block(world)
    world.hear(1, BlockMessage(block.raw))
    assert world.hear(2, GetBlockTransactions(block.id, (1, 7)))[0][1] == answer(block, GetBlockTransactions(block.id, (1, 7)))
    for question in (GetBlockTransactions(block.id, (7, 8)), GetBlockTransactions(block.header.parent, (0,))):
        assert world.hear(2, question) == [(2, BlockTransactions(question.block, []))]


def test_short_ids_are_those_of_the_protocol() -> None:
    world = Receiver()
    block = made_block(world, 3)
    by_formula = b"".join(blake2b(transaction.id, digest_size=6, key=block.id).digest() for transaction in block.transactions)
    assert compact(block).short_ids == by_formula


def test_a_block_of_5000_known_transactions_travels_as_less_than_60_kilobytes() -> None:
    block = made_block(Receiver(), 3)
    certificate, ids = bytes(10_000), bytes(SHORT_ID_BYTES * 5_000)
    largest = CompactBlock(block.header_raw, block.signature, certificate, ids, (), [])
    assert len(largest.encode()) + PREFILLED_BYTES_MAX < 60_000
    assert len(encode_block(block.header_raw, block.signature, certificate, [bytes(200)] * 5_000)) > 1_000_000
