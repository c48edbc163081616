"""On real sockets: a vote overtakes megabytes of answers, and neither a slow peer nor a flood touches anybody else."""

from __future__ import annotations

import socket

import trio

from p2pchain.net.meter import ALLOWANCES, Kind
from p2pchain.net.settings import BATCH_BYTES, UNSENT_BYTES_MAX
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import BallotMessage, Blocks, Message, Status, Transactions
from tests.net.fakes import TIPS, Stranger, World, handshake_of, hello_of
from tests.wire.samples import SAMPLES

VOTE = next(message for message in SAMPLES if isinstance(message, BallotMessage))
WINDOW_BYTES = 64 << 10


async def meet_with_a_narrow_window(address: str) -> Stranger:
    """Its kernel takes little before it reads."""
    host, port = address.rsplit(":", 1)
    narrow = trio.socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
    await narrow.connect((host, int(port)))
    return Stranger(trio.SocketStream(narrow), handshake_of(2, dials=True), hello_of(2))


async def test_a_vote_overtakes_megabytes_of_answers_that_are_half_sent(world: World) -> None:
    one = await world.start(1)
    reader = await meet_with_a_narrow_window(one.address)
    async with reader.stream:
        await reader.shake_hands()
        await one.joined()
        before = one.network.peers()[0].bytes_out
        for number in range(6):
            one.network.send(one.peer(), Blocks(number, [bytes(1 << 20), b""]))
        await trio.testing.wait_all_tasks_blocked(0.01)  # the link is full
        one.network.send(one.peer(), VOTE)
        heard: list[Message] = []
        while VOTE not in heard:
            heard.append(await reader.hear())
        assert len(heard) == 1, "before the first megabyte is whole"
        said = one.network.peers()[0].bytes_out - before
        assert said < 4 * WINDOW_BYTES + UNSENT_BYTES_MAX + 4 * BATCH_BYTES, f"{said} bytes of six megabytes had left"
        answers = [await reader.hear() for _ in range(6)]
        assert [answer.request for answer in answers if isinstance(answer, Blocks)] == list(range(6)), "all of them, in order"


async def test_a_slow_reader_gets_no_transactions_it_has_no_room_for_and_others_get_all(world: World) -> None:
    one = await world.start(1)
    two = await world.start(3, persistent_peers=(one.address,))
    slow = await meet_with_a_narrow_window(one.address)
    async with slow.stream:
        await slow.shake_hands()
        await one.joined(2)
        for number in range(12):
            one.network.broadcast(Transactions([number.to_bytes(2, "big") * 250_000]), ())
            await world.until(lambda: len(two.inlet.messages) == number + 1)  # noqa: B023 (awaited at once)
        one.network.broadcast(Status(TIPS), ())
        await world.until(lambda: two.inlet.messages[-1][1] == Status(TIPS))
        assert len(one.network.peers()) == 2, "who is slow to take transactions stays connected"
        while not isinstance(await slow.hear(), Status):
            pass


async def test_a_flood_of_one_kind_is_read_more_slowly_and_said_once_and_nobody_else_waits(world: World) -> None:
    one = await world.start(1)
    two = await world.start(3, persistent_peers=(one.address,))
    liar = await meet_with_a_narrow_window(one.address)
    async with liar.stream, trio.open_nursery() as nursery:
        await liar.shake_hands()
        await one.joined(2)
        allowed = ALLOWANCES[Kind.OTHER]
        flood = encode_frame(Status(TIPS)) * (allowed.messages_per_s * allowed.burst_s + 200)
        nursery.start_soon(liar.send, flood)
        await world.until(lambda: bool(world.logged("peer read more slowly")))
        heard = len(one.inlet.messages)
        two.network.broadcast(VOTE, ())
        await world.until(lambda: VOTE in [message for _, message in one.inlet.messages])
        assert heard <= allowed.messages_per_s * allowed.burst_s + 2 * allowed.messages_per_s
        (line,) = world.logged("peer read more slowly")
        assert line["too_much_of"] == "other messages"
        assert len(one.network.peers()) == 2, "too much is no lie"
        nursery.cancel_scope.cancel()
