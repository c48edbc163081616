"""Senders take turns, nobody waits, and one that sends too much loses its own."""

import trio

from p2pchain.node.events import Peer
from p2pchain.runtime.backlog import MESSAGE_BYTES, Backlog
from p2pchain.wire.messages import Transactions

LIAR, HONEST = Peer(1), Peer(2)


def message(number: int) -> Transactions:
    return Transactions([bytes((number,))])


async def test_a_sender_with_much_does_not_delay_one_with_little() -> None:
    backlog = Backlog()
    for number in range(100):
        backlog.put(LIAR, message(number))
    backlog.put(HONEST, message(1))
    taken = [await backlog.take() for _ in range(3)]
    assert taken == [(LIAR, message(0)), (HONEST, message(1)), (LIAR, message(1))]


async def test_what_one_sender_puts_is_taken_in_its_order_and_all_of_it() -> None:
    backlog = Backlog()
    taken: list[Transactions] = []

    async def take() -> None:
        taken.extend([(await backlog.take())[1] for _ in range(20)])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        for number in range(20):
            assert backlog.put(HONEST, message(number))
            if number % 3 == 0:
                await trio.lowlevel.checkpoint()
    assert taken == [message(number) for number in range(20)]
    assert backlog.transactions == 0


async def test_too_much_of_one_sender_is_dropped_and_nothing_of_another() -> None:
    backlog = Backlog(2 * (MESSAGE_BYTES + 1))
    assert [backlog.put(LIAR, message(number)) for number in range(3)] == [True, True, False]
    assert backlog.put(HONEST, message(9))
    assert (backlog.transactions, backlog.dropped) == (3, 1)
    assert await backlog.take() == (LIAR, message(0))
    assert backlog.put(LIAR, message(4)), "there is room again"
    assert [await backlog.take() for _ in range(3)] == [(HONEST, message(9)), (LIAR, message(1)), (LIAR, message(4))]


async def test_one_message_has_room_whatever_its_size_and_empty_ones_have_a_bound() -> None:
    backlog = Backlog(2 * MESSAGE_BYTES)
    assert backlog.put(HONEST, Transactions([bytes(10_000)]))
    assert [backlog.put(LIAR, Transactions([])) for _ in range(3)] == [True, True, False]
