"""Sessions over memory streams and a clock that jumps: deadlines at their exact times.

pytest-trio takes a clock only from the arguments of the test itself, so each of them asks for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from p2pchain.net.link import Link
from p2pchain.net.session import Ending, Session, make_goodbye
from p2pchain.net.settings import SEAL_BYTES
from p2pchain.node.events import Peer
from p2pchain.wire.channel import LENGTH_BYTES
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.handshake import FIRST_BYTES, PREAMBLE_BYTES, SECOND_BYTES, THIRD_BYTES
from p2pchain.wire.messages import BlockMessage, Blocks, Goodbye, Hello, Message, Ping, Pong, Status, Transactions
from p2pchain.wire.noise import TAG_BYTES
from tests.net.fakes import TIPS, Pulse, Recorder, Stranger, handshake_of, hello_of


class Pair:
    """A session of node 1 and the stranger at its other end, node 2."""

    def __init__(self, *, outbound: bool, outbox_bytes_max: int = 1 << 20) -> None:
        ours, theirs = memory_stream_pair()
        handshake = handshake_of(1, dials=outbound)
        self.session = Session(Link(ours), handshake, hello_of(1), address="there", outbound=outbound, outbox_bytes_max=outbox_bytes_max)
        self.stranger = Stranger(theirs, handshake_of(2, dials=not outbound), hello_of(2))
        self.inlet = Recorder(Pulse())
        self.began_s = trio.current_time()

    async def run(self) -> None:
        await self.session.run(self.inlet, self.admit)

    async def admit(self, session: Session) -> None:
        await trio.lowlevel.checkpoint()
        session.peer = Peer(1)

    @property
    def ending(self) -> Ending:
        assert self.session.ending is not None
        return self.session.ending

    @property
    def lasted_s(self) -> float:
        return trio.current_time() - self.began_s


@pytest.fixture
async def inbound(nursery: trio.Nursery) -> AsyncIterator[Pair]:
    pair = Pair(outbound=False)
    nursery.start_soon(pair.run)
    yield pair
    nursery.cancel_scope.cancel()


async def test_a_stranger_who_says_nothing_is_left_after_five_seconds(inbound: Pair, autojump_clock: MockClock) -> None:
    assert await inbound.stranger.until_closed() == b"", "nothing is said in clear"
    assert inbound.lasted_s == 5
    assert inbound.ending == (Reason.TIMEOUT, "no handshake and hello within 5 s", True)
    assert inbound.inlet.joined == {}


async def test_a_handshake_byte_by_byte_does_not_extend_the_deadline(inbound: Pair, autojump_clock: MockClock) -> None:
    for byte in inbound.stranger.secure.take()[:9]:
        await inbound.stranger.stream.send_all(bytes([byte]))
        await trio.sleep(0.5)
    await inbound.stranger.until_closed()
    assert inbound.ending.reason == Reason.TIMEOUT
    assert inbound.lasted_s == 5


async def test_a_peer_that_stops_after_its_first_flight_is_left_after_five_seconds(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.stream.send_all(inbound.stranger.secure.take())
    assert len(await inbound.stranger.until_closed()) == PREAMBLE_BYTES + SECOND_BYTES
    assert inbound.lasted_s == 5
    assert (inbound.ending.reason, inbound.session.node_key) == (Reason.TIMEOUT, None)


async def test_an_acceptor_that_says_nothing_is_left_after_five_seconds(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = Pair(outbound=True)
    nursery.start_soon(pair.run)
    assert len(await pair.stranger.until_closed()) == PREAMBLE_BYTES + FIRST_BYTES
    assert (pair.lasted_s, pair.ending.reason) == (5, Reason.TIMEOUT)


async def test_a_peer_that_is_told_to_go_before_the_link_is_secure_hears_nothing(inbound: Pair, autojump_clock: MockClock) -> None:
    await trio.testing.wait_all_tasks_blocked()
    inbound.session.end(Reason.SHUTTING_DOWN, "this node is stopping")
    assert await inbound.stranger.until_closed() == b""
    await inbound.session.ended.wait()
    assert inbound.ending == (Reason.SHUTTING_DOWN, "this node is stopping", True)


async def test_a_record_that_was_changed_ends_the_link_and_the_messages_before_it_count(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    changed = bytearray(inbound.stranger.sealed(encode_frame(Status(TIPS))) + inbound.stranger.sealed(encode_frame(BlockMessage(b"x"))))
    changed[-1] ^= 1
    await inbound.stranger.stream.send_all(changed)
    assert (await inbound.stranger.hear_goodbye()).reason == Reason.NOT_AUTHENTIC
    assert inbound.inlet.messages == [(1, Status(TIPS))]


async def test_bytes_of_an_unfinished_record_are_a_sign_of_life(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    block = BlockMessage(bytes(50_000))
    sealed = inbound.stranger.sealed(encode_frame(block))
    for start in range(0, len(sealed), 10_000):
        await inbound.stranger.stream.send_all(sealed[start : start + 10_000])
        await trio.sleep(20)
    assert inbound.session.ending is None
    assert inbound.inlet.messages == [(1, block)]


async def test_a_large_frame_goes_out_in_pieces_of_a_mebibyte_and_arrives_whole(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = GatedPair(outbox_bytes_max=4 << 20)
    await pair.block(nursery)
    pair.session.send(BlockMessage(bytes(3 << 20)))
    pair.gate.opened.set()
    assert [await pair.stranger.hear() for _ in range(2)] == [Status(TIPS), BlockMessage(bytes(3 << 20))]
    assert [len(write) // SEAL_BYTES for write in pair.gate.writes] == [1, 1, 1, 0]
    nursery.cancel_scope.cancel()


async def test_who_shakes_hands_and_says_no_hello_is_told_after_five_seconds(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.become_secure()
    await inbound.stranger.stream.send_all(inbound.stranger.secure.take())
    assert (await inbound.stranger.hear_goodbye()).reason == Reason.TIMEOUT
    assert inbound.lasted_s == 5
    assert inbound.inlet.joined == {}


async def test_the_dialling_end_says_hello_first_and_the_other_answers(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = Pair(outbound=True)
    nursery.start_soon(pair.run)
    await pair.stranger.become_secure()
    assert isinstance(await pair.stranger.hear(), Hello)
    assert pair.inlet.joined == {}
    await pair.stranger.send(pair.stranger.connection.greeting())
    await pair.inlet.pulse.until(lambda: pair.inlet.present == {1})
    nursery.cancel_scope.cancel()


async def test_an_idle_link_is_pinged_every_ten_seconds(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    for seconds in (10, 20, 30):
        message = await inbound.stranger.hear()
        assert isinstance(message, Ping)
        assert inbound.lasted_s == seconds
        await inbound.stranger.say(Pong(message.token))
    assert inbound.session.ending is None


async def test_a_peer_that_is_silent_for_twenty_five_seconds_is_left(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    goodbye = await inbound.stranger.hear_goodbye()
    assert (goodbye.reason, goodbye.text) == (Reason.TIMEOUT, "nothing heard for 25 s")
    assert inbound.lasted_s == 25
    await inbound.session.ended.wait()
    assert inbound.lasted_s == 26, "one second for the other end to close"
    assert inbound.inlet.left == [1]


async def test_a_ping_is_answered_with_its_token(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    await inbound.stranger.say(Ping(12345))
    assert await inbound.stranger.hear() == Pong(12345)
    assert inbound.inlet.messages == [], "pings and pongs are no business of the node"


async def test_what_comes_right_behind_the_hello_is_not_lost(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.become_secure()
    both = inbound.stranger.connection.greeting() + encode_frame(Status(TIPS)) + encode_frame(BlockMessage(b"block"))
    await inbound.stranger.send(both)
    await inbound.inlet.pulse.until(lambda: len(inbound.inlet.messages) == 2)
    assert inbound.inlet.messages == [(1, Status(TIPS)), (1, BlockMessage(b"block"))]


async def test_a_link_that_closes_in_the_middle_of_a_frame_is_lost_and_nothing_else(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    await inbound.stranger.stream.send_all(inbound.stranger.sealed(encode_frame(Status(TIPS)))[:-1])
    await inbound.stranger.stream.aclose()
    await inbound.session.ended.wait()
    assert inbound.ending == (None, "connection lost: closed by the other end", False)
    assert (inbound.inlet.messages, inbound.inlet.left) == ([], [1])


async def test_messages_before_a_violation_are_taken_in(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    await inbound.stranger.send(encode_frame(Status(TIPS)) + b"\xff" * 5 + encode_frame(Status(TIPS)))
    assert (await inbound.stranger.hear_goodbye()).reason == Reason.PROTOCOL_VIOLATION
    assert inbound.inlet.messages == [(1, Status(TIPS))]


async def test_nothing_is_taken_in_after_a_goodbye(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    await inbound.stranger.send(encode_frame(Goodbye(Reason.SHUTTING_DOWN, "")) + encode_frame(Status(TIPS)))
    await inbound.session.ended.wait()
    assert inbound.ending == (Reason.SHUTTING_DOWN, "", False)
    assert (inbound.inlet.messages, inbound.inlet.left) == ([], [1])
    await inbound.stranger.until_closed()
    assert inbound.lasted_s == 0


async def test_a_goodbye_instead_of_a_hello_ends_it(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.become_secure()
    await inbound.stranger.send(encode_frame(Goodbye(Reason.TOO_MANY_PEERS, "full")))
    await inbound.session.ended.wait()
    assert inbound.ending == (Reason.TOO_MANY_PEERS, "full", False)
    assert inbound.inlet.joined == {}


async def test_a_refused_admission_is_no_membership(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = Pair(outbound=False)

    async def refuse(_session: Session) -> None:
        await trio.lowlevel.checkpoint()
        raise ConnectionRefused(Reason.TOO_MANY_PEERS, "full")

    nursery.start_soon(pair.session.run, pair.inlet, refuse)
    await pair.stranger.greet()
    assert await pair.stranger.hear() == Goodbye(Reason.TOO_MANY_PEERS, "full")
    await pair.stranger.stream.aclose()
    await pair.session.ended.wait()
    assert (pair.inlet.joined, pair.inlet.left) == ({}, [])


async def test_a_loop_that_is_gone_ends_the_session_quietly(inbound: Pair, autojump_clock: MockClock) -> None:
    inbound.inlet.refusal = trio.BrokenResourceError()  # type: ignore[assignment]
    await inbound.stranger.shake_hands()
    await inbound.stranger.say(Status(TIPS))
    await inbound.session.ended.wait()
    assert inbound.ending.reason is None


class Gate(trio.abc.HalfCloseableStream):
    """A stream that lets a write through when it is told to, and notes each one."""

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self.stream = stream
        self.opened = trio.Event()
        self.opened.set()
        self.writes: list[bytes] = []

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))
        await self.opened.wait()
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self.stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self.stream.aclose()


class GatedPair(Pair):
    def __init__(self, *, outbound: bool = False, outbox_bytes_max: int = 1 << 20) -> None:
        super().__init__(outbound=outbound, outbox_bytes_max=outbox_bytes_max)
        ours, theirs = memory_stream_pair()
        self.gate = Gate(ours)
        self.session.link = Link(self.gate)
        self.stranger.stream = theirs

    async def block(self, nursery: trio.Nursery) -> None:
        """Joined, and the first write hangs."""
        nursery.start_soon(self.run)
        await self.stranger.shake_hands()
        await self.inlet.pulse.until(lambda: self.inlet.present == {1})
        self.gate.opened = trio.Event()
        self.session.send(Status(TIPS))
        await trio.testing.wait_all_tasks_blocked()
        self.gate.writes.clear()


async def test_the_last_word_of_the_handshake_and_the_hello_go_out_in_one_write(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = GatedPair(outbound=True)
    nursery.start_soon(pair.run)
    await pair.stranger.become_secure()
    hello = LENGTH_BYTES + len(encode_frame(hello_of(1))) + TAG_BYTES
    assert [len(write) for write in pair.gate.writes] == [PREAMBLE_BYTES + FIRST_BYTES, THIRD_BYTES + hello]
    nursery.cancel_scope.cancel()


async def test_an_end_just_before_the_hello_is_still_understood(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = Pair(outbound=False)

    async def admit(session: Session) -> None:
        session.peer = Peer(1)
        session.end(Reason.SHUTTING_DOWN, "at the very moment")

    nursery.start_soon(pair.session.run, pair.inlet, admit)
    await pair.stranger.greet()
    assert await pair.stranger.hear() == Goodbye(Reason.SHUTTING_DOWN, "at the very moment")
    await pair.stranger.stream.aclose()


@pytest.mark.parametrize("flight", ["first", "third and hello", "hello"])
async def test_an_end_while_words_of_the_other_end_are_arriving_is_an_end(inbound: Pair, autojump_clock: MockClock, flight: str) -> None:
    stranger = inbound.stranger
    if flight == "first":
        said = stranger.secure.take()
    else:
        await stranger.become_secure()
        said = stranger.sealed(stranger.connection.greeting())
    if flight == "hello":
        await stranger.stream.send_all(said[:THIRD_BYTES])
        said = said[THIRD_BYTES:]
    await trio.testing.wait_all_tasks_blocked()
    await stranger.stream.send_all(said)  # the session has its bytes, and has not looked at them
    inbound.session.end(Reason.SHUTTING_DOWN, "this node is stopping")
    await stranger.until_closed()
    await inbound.session.ended.wait()
    assert inbound.ending == (Reason.SHUTTING_DOWN, "this node is stopping", True)
    assert inbound.inlet.joined == {}


async def test_after_a_record_that_was_sent_in_part_nothing_is_said(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = GatedPair()
    nursery.start_soon(pair.run)
    await pair.stranger.become_secure()
    pair.gate.opened = trio.Event()
    await pair.stranger.send(pair.stranger.connection.greeting())
    await pair.session.ended.wait()
    assert pair.ending.reason == Reason.TIMEOUT
    hello = LENGTH_BYTES + len(encode_frame(hello_of(1))) + TAG_BYTES
    assert [len(write) for write in pair.gate.writes] == [PREAMBLE_BYTES + SECOND_BYTES, hello]


async def test_what_was_queued_meanwhile_goes_out_in_one_write_urgent_first(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = GatedPair()
    await pair.block(nursery)
    bulk, urgent = Transactions([b"transaction"]), BlockMessage(b"block")
    queued: list[Message] = [bulk, urgent, bulk, Status(TIPS)]
    for message in queued:
        pair.session.send(message)
    pair.gate.opened.set()
    await trio.testing.wait_all_tasks_blocked()
    frames = b"".join(encode_frame(message) for message in (Status(TIPS), urgent, bulk, bulk))
    assert [len(write) for write in pair.gate.writes] == [LENGTH_BYTES + len(frames) + TAG_BYTES], "one record in one write"
    heard = [await pair.stranger.hear() for _ in range(5)]
    assert heard == [Status(TIPS), Status(TIPS), urgent, bulk, bulk]
    nursery.cancel_scope.cancel()


async def test_a_write_that_is_not_taken_ends_it_without_a_word(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = GatedPair()
    await pair.block(nursery)
    blocked_s = pair.lasted_s
    await pair.session.ended.wait()
    assert (pair.ending.reason, pair.ending.by_us) == (Reason.TOO_SLOW, True)
    assert pair.lasted_s - blocked_s == pytest.approx(10, abs=0.01)
    assert pair.gate.writes == [], "nothing can be said in the middle of a frame"
    assert pair.inlet.left == [1]


async def test_an_overflow_waits_one_second_for_the_frame_under_way(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = GatedPair()
    await pair.block(nursery)
    blocked_s = pair.lasted_s
    for _ in range(3):
        pair.session.send(Blocks(1, [bytes(500_000), b""]))
    assert (pair.ending.reason, pair.ending.by_us) == (Reason.TOO_SLOW, True)
    await pair.session.ended.wait()
    assert pair.lasted_s - blocked_s == pytest.approx(1)
    assert pair.gate.writes == []


async def test_transactions_that_find_no_room_are_left_out_and_the_peer_stays(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = GatedPair()
    await pair.block(nursery)
    for number in range(3):
        pair.session.send(Transactions([bytes((number,)) * 100_000]))
    pair.session.send(Status(TIPS))
    pair.gate.opened.set()
    heard = [await pair.stranger.hear() for _ in range(3)]
    assert heard == [Status(TIPS), Status(TIPS), Transactions([bytes(100_000)])]
    assert pair.session.ending is None
    nursery.cancel_scope.cancel()


async def test_a_goodbye_drops_the_queue_but_not_the_frame_under_way(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    pair = GatedPair()
    await pair.block(nursery)
    pair.session.send(BlockMessage(b"never sent"))
    pair.session.end(Reason.INVALID_DATA, "enough")
    pair.session.end(Reason.SHUTTING_DOWN, "the first reason counts")
    pair.session.send(BlockMessage(b"neither"))
    pair.gate.opened.set()
    assert await pair.stranger.hear() == Status(TIPS)
    assert await pair.stranger.hear() == Goodbye(Reason.INVALID_DATA, "enough")
    await pair.stranger.until_closed()


async def test_a_sign_of_life_is_any_byte_within_two_seconds(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    await inbound.inlet.pulse.until(lambda: inbound.inlet.present == {1})
    assert not await inbound.session.is_alive()
    assert inbound.lasted_s == 2
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbound.stranger.ping)
        assert await inbound.session.is_alive()
    inbound.session.end(Reason.TIMEOUT, "over")
    assert not await inbound.session.is_alive()


async def test_a_flood_of_pings_takes_turns_with_others(inbound: Pair, autojump_clock: MockClock) -> None:
    await inbound.stranger.shake_hands()
    turns = 0
    async with trio.open_nursery() as nursery:

        async def take_turns() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        nursery.start_soon(take_turns)
        await inbound.stranger.send(encode_frame(Ping(1)) * 2_000 + encode_frame(Status(TIPS)))
        await inbound.inlet.pulse.until(lambda: bool(inbound.inlet.messages))
        nursery.cancel_scope.cancel()
    assert turns >= 2_000


@pytest.mark.parametrize("text", ["", "plain", "w\u00f6rse", "two\nlines", "\U0001f600" * 300, "x" * 1_000])
def test_any_text_makes_a_goodbye_that_the_wire_accepts(text: str) -> None:
    goodbye = make_goodbye(Reason.INVALID_DATA, text)
    assert Goodbye.decode(goodbye.encode()) == goodbye
