"""What one peer sends without end costs the others a few events."""

import pytest
import trio
import trio.testing

from p2pchain.chain.types import Height
from p2pchain.node.effects import Effects
from p2pchain.node.events import Event, Peer, StatusReceived
from p2pchain.node.opening_sync import read_question
from p2pchain.runtime.serving import REST, WAITING_MAX, Serving
from p2pchain.wire.messages import Blocks, GetBlocks, Status
from tests.fakes.world import GENESIS_MS, make_genesis
from tests.runtime.edges import Clock, Recorder, make_loop

FLOODER, HONEST = Peer(1), Peer(2)
QUESTION = GetBlocks(1, Height(1), 1)
AHEAD_MAX = 20
"""At 1 ms an event a small part of the shortest slot."""


async def test_what_one_peer_sends_without_end_delays_another_by_a_few_events() -> None:
    loop = make_loop(make_genesis(1), Recorder(), Clock(GENESIS_MS))
    handled: list[Peer] = []
    handle, heard = loop.engine.handle, trio.Event()
    status = Status(loop.tips())

    def note(event: Event, now_ms: int) -> Effects:
        if isinstance(event, StatusReceived):
            handled.append(event.peer)
            if event.peer == HONEST:
                heard.set()
        return handle(event, now_ms)

    async def flood() -> None:
        while True:
            await loop.receive(FLOODER, status)

    loop.engine.handle = note  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        await trio.testing.wait_all_tasks_blocked()  # as much of the flood waits as may
        before = len(handled)
        nursery.start_soon(loop.run)
        await loop.receive(HONEST, status)
        await heard.wait()
        nursery.cancel_scope.cancel()
    assert handled.index(HONEST) - before <= AHEAD_MAX


async def test_what_is_worth_nothing_takes_turns_with_everybody_else() -> None:
    loop = make_loop(make_genesis(1), Recorder(), Clock(GENESIS_MS))
    other = trio.Event()

    async def have_a_turn() -> None:
        await trio.lowlevel.checkpoint()
        other.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(have_a_turn)
        for _ in range(AHEAD_MAX):
            await loop.receive(FLOODER, Blocks(1, []))  # nobody asked for it
        assert other.is_set()


async def test_answers_about_the_past_leave_most_of_the_loop_to_the_present(autojump_clock: trio.testing.MockClock) -> None:
    serving, cost_s, answered = Serving(), 0.01, 0

    async def ask() -> None:
        while True:
            await serving.put(FLOODER, QUESTION)

    with trio.move_on_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            while True:
                peer, question = await serving.take()
                await trio.sleep(cost_s)
                serving.count(read_question(peer, question), cost_s)
                answered += 1
    assert answered * cost_s == pytest.approx(10 / (1 + REST), rel=0.05)


async def test_who_asks_without_end_is_read_more_slowly_and_others_are_answered_in_turn() -> None:
    serving = Serving()
    for _ in range(WAITING_MAX):
        await serving.put(FLOODER, QUESTION)
    with trio.move_on_after(0) as full:
        await serving.put(FLOODER, QUESTION)
    assert full.cancelled_caught
    await serving.put(HONEST, QUESTION)
    assert [(await serving.take())[0] for _ in range(3)] == [FLOODER, HONEST, FLOODER]


async def test_what_is_not_about_the_past_costs_nothing_of_its_share() -> None:
    loop = make_loop(make_genesis(1), Recorder(), Clock(GENESIS_MS))
    serving = Serving()
    serving.count(StatusReceived(HONEST, loop.tips()), 3_600.0)
    await serving.put(HONEST, QUESTION)
    with trio.fail_after(60):
        assert (await serving.take())[0] == HONEST
