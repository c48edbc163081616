"""A transaction crosses the network in full about once for each node, in any order, whoever is silent."""

from __future__ import annotations

from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import TransactionId
from p2pchain.node.acquaintance import ASIDE_MAX, NAMES_KEPT, Acquaintance, name_of
from p2pchain.node.events import Peer, PeerLeft
from p2pchain.node.fetching import WANTED_MAX
from p2pchain.node.gossip import BATCH_DELAY_MS, PUSHED_TO_MAX
from p2pchain.wire.messages import Announcement, BlockMessage, GetTransactions, Message, Transactions
from tests.node.receiver import SLOT_MS, Receiver

TIMEOUT_MS = SLOT_MS


def transfers(world: Receiver, number: int) -> list[Transaction]:
    return world.maker.transfers(world.maker.root, number)


def names(*transactions: Transaction) -> tuple[bytes, ...]:
    return tuple(name_of(transaction.id) for transaction in transactions)


def told(world: Receiver, kind: type[Message]) -> list[tuple[int, Message]]:
    world.sent.clear()
    world.run(BATCH_DELAY_MS)
    return world.asked(kind)


def test_a_clients_transaction_is_pushed_to_a_few_and_named_to_the_others() -> None:
    world = Receiver(peers=3)
    (item,) = transfers(world, 1)
    world.node.submit(item.raw)
    assert told(world, Transactions) == [(peer, Transactions([item.raw])) for peer in (1, 2, 3)]
    crowd = Receiver(peers=20)
    crowd.node.submit(item.raw)
    pushed = {peer for peer, _ in told(crowd, Transactions)}
    named = {peer for peer, _ in crowd.asked(Announcement)}
    assert (len(pushed), pushed | named, pushed & named) == (PUSHED_TO_MAX, set(range(1, 21)), set())


def test_a_peers_transaction_is_named_to_those_that_have_not_named_it_themselves() -> None:
    world = Receiver(peers=4)
    (item,) = transfers(world, 1)
    world.hear(1, Announcement(names(item)))
    world.hear(2, Announcement(names(item)))
    world.hear(1, Transactions([item.raw]))
    world.hear(3, Announcement(names(item)))
    assert told(world, Announcement) == [(4, Announcement(names(item)))]


def test_a_named_transaction_is_asked_of_one_peer_and_of_the_next_where_it_does_not_come() -> None:
    world = Receiver()
    (item,) = transfers(world, 1)
    assert world.hear(1, Announcement(names(item))) == [(1, GetTransactions(names(item)))]
    assert world.hear(2, Announcement(names(item))) == []
    world.run(TIMEOUT_MS)
    assert world.asked(GetTransactions) == [(2, GetTransactions(names(item)))]
    later = transfers(world, 2)[1]
    world.hear(1, Announcement(names(later)))
    world.hear(2, Transactions([item.raw]))
    assert len(world.node.running.core.pool) == 1
    assert world.refused == set()


def test_a_peer_that_did_not_give_is_asked_last_for_a_while() -> None:
    world = Receiver()
    first, second, third = transfers(world, 3)
    world.hear(1, Announcement(names(first)))
    world.run(TIMEOUT_MS)
    for peer in (3, 1, 2):
        world.hear(peer, Announcement(names(second)))
    world.run(TIMEOUT_MS)
    assert world.asked(GetTransactions) == [(2, GetTransactions(names(second)))]
    assert world.hear(1, Announcement(names(third))) == [(1, GetTransactions(names(third)))], "it may be the only one that has it"


def test_what_was_here_is_not_asked_for_again_whether_it_waits_is_in_a_block_or_was_refused() -> None:
    world = Receiver()
    waits, included = transfers(world, 2)
    world.node.submit(waits.raw)
    world.hear(1, BlockMessage(world.maker.extend(world.maker.root, transactions=[included]).made.raw))
    refused = world.maker.transfers(world.maker.root, 1, amount=10**13)[0]
    world.hear(1, Transactions([refused.raw]))
    assert world.hear(2, Announcement(names(waits, included, refused))) == []


def test_transactions_of_one_sender_that_arrive_in_the_wrong_order_are_all_taken() -> None:
    world = Receiver()
    line = transfers(world, 16 * 4)[::16]
    assert [item.nonce for item in line] == [0, 1, 2, 3]
    for item in reversed(line):
        world.hear(1, Transactions([item.raw]))
    assert [item.nonce for item in world.node.running.core.pool] == [0, 1, 2, 3]


def test_what_was_set_aside_is_not_checked_again_when_another_peer_brings_it() -> None:
    world = Receiver()
    late = transfers(world, 17)[16]
    world.hear(1, Transactions([late.raw]))
    assert len(world.node.running.core.pool) == 0
    assert world.node.intake.open_transaction(late.raw).checks == []


def test_what_waits_for_a_transaction_that_came_with_a_block_is_taken_with_the_new_head() -> None:
    world = Receiver()
    items = transfers(world, 17)
    world.hear(1, Transactions([items[16].raw]))
    world.hear(1, BlockMessage(world.maker.extend(world.maker.root, transactions=[items[0]]).made.raw))
    assert [item.id for item in world.node.running.core.pool] == [items[16].id]


def test_a_question_is_answered_with_what_the_pool_holds_of_it_each_once() -> None:
    world = Receiver()
    known, unknown = transfers(world, 2)
    world.node.submit(known.raw)
    question = GetTransactions((*names(known), *names(unknown), *names(known)))
    assert world.hear(1, question) == [(1, Transactions([known.raw]))]
    assert world.hear(1, GetTransactions(names(unknown))) == []


def test_a_liar_that_names_without_end_takes_no_more_than_its_share_and_others_are_asked() -> None:
    world = Receiver()
    for start in range(0, 3 * WANTED_MAX, 1_024):
        world.hear(1, Announcement(tuple((start + place).to_bytes(8, "big") for place in range(1_024))))
    assert len(world.node.running.fetching) == WANTED_MAX
    (item,) = transfers(world, 1)
    assert world.hear(2, Announcement(names(item))) == [(2, GetTransactions(names(item)))]
    world.run(TIMEOUT_MS + 1)
    assert len(world.node.running.fetching) == 0, "what it did not give is forgotten"


def test_a_peer_that_left_is_replaced_at_once_by_whoever_named_the_same() -> None:
    world = Receiver()
    (item,) = transfers(world, 1)
    world.hear(1, Announcement(names(item)))
    world.hear(2, Announcement(names(item)))
    world.sent.clear()
    world.node.handle(PeerLeft(Peer(1)))
    assert world.asked(GetTransactions) == [(2, GetTransactions(names(item)))]


def test_acquaintance_is_bounded() -> None:
    world = Receiver()
    known, (item,) = Acquaintance(), transfers(world, 1)
    for number in range(NAMES_KEPT + 10):
        known.meet(TransactionId(number.to_bytes(32, "little")))
    assert number.to_bytes(8, "little") in known
    assert bytes(8) not in known
    for number in range(ASIDE_MAX + 10):
        known.set_aside(item._replace(id=TransactionId(number.to_bytes(32, "little")), nonce=number), Peer(1))
    assert len(known.take_oldest(2 * ASIDE_MAX)) == ASIDE_MAX
