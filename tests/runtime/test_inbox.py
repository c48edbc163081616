"""Votes overtake transactions, and do not keep them out for ever."""

import pytest
import trio
import trio.testing

from p2pchain.node.events import Event, Peer, PeerLeft, ProductionPaused
from p2pchain.runtime.inbox import BATCHES_MAX, IN_A_ROW_MAX, PROMPT_MAX, Inbox

BATCH = ProductionPaused()


async def test_what_is_prompt_goes_before_batches_that_came_earlier() -> None:
    inbox = Inbox()
    await inbox.put_batch(BATCH)
    await inbox.put(PeerLeft(Peer(1)))
    assert [await inbox.take(), await inbox.take()] == [PeerLeft(Peer(1)), BATCH]


async def test_a_flood_of_prompt_events_does_not_keep_a_batch_out() -> None:
    inbox, taken = Inbox(), list[Event]()

    async def flood() -> None:
        while True:
            await inbox.put(PeerLeft(Peer(1)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        await inbox.put_batch(BATCH)
        while BATCH not in taken:
            taken.append(await inbox.take())
        nursery.cancel_scope.cancel()
    assert 1 < len(taken) <= IN_A_ROW_MAX + 1


@pytest.mark.parametrize(("lane", "most"), [("put", PROMPT_MAX), ("put_batch", BATCHES_MAX)])
async def test_each_lane_is_bounded_and_a_full_one_slows_its_senders_alone(lane: str, most: int) -> None:
    inbox, sent = Inbox(), list[int]()

    async def fill() -> None:
        for number in range(most + 1):
            await getattr(inbox, lane)(BATCH)
            sent.append(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fill)
        await trio.testing.wait_all_tasks_blocked()
        assert len(sent) == most
        await (inbox.put if lane == "put_batch" else inbox.put_batch)(PeerLeft(Peer(1)))
        assert [await inbox.take() for _ in range(most + 2)].count(BATCH) == most + 1
    assert len(sent) == most + 1


async def test_whoever_waits_wakes_with_either_lane() -> None:
    inbox, taken = Inbox(), list[Event]()

    async def take() -> None:
        while True:
            taken.append(await inbox.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        for put in (inbox.put, inbox.put_batch):
            await trio.testing.wait_all_tasks_blocked()
            await put(BATCH)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert taken == [BATCH, BATCH]
