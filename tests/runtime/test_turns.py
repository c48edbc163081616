"""Senders take turns, and one that sends much waits alone."""

import trio
import trio.testing

from p2pchain.runtime.turns import Turns


async def test_a_sender_with_much_does_not_delay_one_with_little() -> None:
    turns = Turns[str, int](2)
    async with trio.open_nursery() as nursery:

        async def flood() -> None:
            for number in range(100):
                await turns.put("liar", number)

        nursery.start_soon(flood)
        await trio.testing.wait_all_tasks_blocked()
        await turns.put("honest", 1)
        taken = [await turns.take() for _ in range(3)]
        assert taken == [("liar", 0), ("honest", 1), ("liar", 1)]
        nursery.cancel_scope.cancel()


async def test_what_one_sender_puts_is_taken_in_its_order_and_all_of_it() -> None:
    turns = Turns[str, int](2)
    taken: list[int] = []
    async with trio.open_nursery() as nursery:

        async def put() -> None:
            for number in range(20):
                await turns.put("one", number)

        nursery.start_soon(put)
        taken += [(await turns.take())[1] for _ in range(20)]
    assert taken == list(range(20))


async def test_a_full_sender_waits_until_one_of_its_own_is_taken() -> None:
    turns = Turns[str, int](1)
    await turns.put("one", 1)
    with trio.move_on_after(0.01) as waited:
        await turns.put("one", 2)
    assert waited.cancelled_caught
    await turns.put("other", 3)
    assert [await turns.take() for _ in range(2)] == [("one", 1), ("other", 3)]
