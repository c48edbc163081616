from __future__ import annotations

from random import Random

import pytest
import trio

from p2pchain.net.backoff import AFTER_HANDSHAKE_MS, Backoff
from p2pchain.net.endpoint import Endpoint, parse_endpoint, parse_peer
from p2pchain.net.lanes import SHARES, Lane, lane_of
from p2pchain.net.lobby import Lobby
from p2pchain.net.meter import Bucket, Kind, Meter
from p2pchain.net.outbox import Outbox
from p2pchain.net.refusals import REFUSALS_MAX, Refusals, reason_name
from p2pchain.net.settings import BATCH_BYTES, HANDSHAKES_MAX, HANDSHAKES_PER_GROUP_MAX, OUTBOX_FRAMES_MAX
from p2pchain.node.ports import PeerRefusal
from p2pchain.wire.connection import Connection
from p2pchain.wire.errors import Reason, RemoteViolation
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import (
    PART_BYTES,
    Announcement,
    BallotMessage,
    BlockMessage,
    Blocks,
    BlockTransactions,
    CertificateMessage,
    CompactBlock,
    GetTransactions,
    Goodbye,
    Message,
    Part,
    Peers,
    Ping,
    Status,
    Transactions,
)
from tests.wire.samples import OURS as HELLO
from tests.wire.samples import SAMPLES, TIPS


def refusal(address: str, reason: str = "wrong_chain") -> PeerRefusal:
    return PeerRefusal(address, "", reason, "why", 1, 1)


# --- outbox ---------------------------------------------------------------------------------------------------------


async def test_urgent_frames_overtake_and_each_lane_keeps_its_order() -> None:
    outbox = Outbox(1_000)
    lanes = {b"t": Lane.TRANSACTIONS, b"b": Lane.BLOCKS, b"v": Lane.VOTES, b"a": Lane.ANSWERS}
    for frame in (b"t1", b"a1", b"b1", b"v1", b"t2", b"a2", b"v2", b"b2"):
        assert outbox.put(frame, lanes[frame[:1]])
    assert await outbox.take() == b"v1v2b1b2t1a1t2a2"
    assert outbox.size == 0


async def test_a_backlog_leaves_in_batches_so_that_a_vote_waits_for_one_of_them_at_most() -> None:
    outbox = Outbox(100 * BATCH_BYTES)
    frame = bytes(BATCH_BYTES // 4)
    for _ in range(12):
        outbox.put(frame, Lane.ANSWERS)
    assert len(await outbox.take()) == BATCH_BYTES
    outbox.put(b"vote", Lane.VOTES)
    assert (await outbox.take()).startswith(b"vote")


async def test_neither_lane_starves_the_other() -> None:
    outbox = Outbox(100 * BATCH_BYTES)
    for lane in Lane:
        for _ in range(2):
            outbox.put(str(lane.value).encode() * (BATCH_BYTES if lane < Lane.TRANSACTIONS else 20_000), lane)
    once = b"0" * BATCH_BYTES + b"1" * BATCH_BYTES
    assert await outbox.take() == once + b"2" * 20_000, "a batch that is full of votes takes one block and one piece of the rest"
    assert await outbox.take() == once + b"3" * 20_000, "and the others take turns"


async def test_an_outbox_is_bounded_in_bytes_and_in_frames() -> None:
    outbox = Outbox(1_600)
    for lane, sixteenths in SHARES.items():
        assert outbox.put(bytes(100 * sixteenths), lane)
        assert not outbox.put(b"x", lane)
    assert outbox.size == 1_600, "a full lane takes no room from another"
    assert len(await outbox.take()) == 1_600
    assert outbox.put(b"x", Lane.VOTES), "what was taken makes room"
    wide = Outbox(1 << 30)
    assert all(wide.put(b"x", Lane(number % 4)) for number in range(OUTBOX_FRAMES_MAX))
    assert not wide.put(b"x", Lane.VOTES)


async def test_a_long_answer_is_cut_so_that_a_vote_waits_for_a_part_and_the_other_end_puts_it_together() -> None:
    outbox, theirs = Outbox(100 << 20), Connection(HELLO)
    said: list[Message] = [Blocks(1, [bytes(1 << 20), b""]), Transactions([bytes(500_000)])]
    for message in said:
        outbox.put(encode_frame(message), lane_of(message))
    heard, first = list(theirs.receive(encode_frame(HELLO))), await outbox.take()
    assert len(first) <= BATCH_BYTES + PART_BYTES
    heard += theirs.receive(first)
    outbox.put(encode_frame(Ping(7)), Lane.VOTES)
    heard += theirs.receive(await outbox.take())
    assert heard == [HELLO, Ping(7)], "both long frames are half said"
    while outbox.is_filled:
        heard += theirs.receive(await outbox.take())
    assert heard[2:] == [said[1], said[0]], "they took turns, and the shorter one was whole first"


def test_parts_of_a_frame_longer_than_its_kind_allows_end_the_connection_at_once() -> None:
    theirs = Connection(HELLO)
    list(theirs.receive(encode_frame(HELLO)))
    too_long = (Blocks.BYTES_MAX + 2).to_bytes(4, "big") + bytes((Blocks.TYPE,))
    with pytest.raises(RemoteViolation, match="at most"):
        list(theirs.receive(encode_frame(Part(0, too_long))))


@pytest.mark.parametrize("inner", [Part(0, b"x"), Goodbye(1, "")], ids=["a part", "a goodbye"])
def test_there_is_no_part_within_parts_and_no_goodbye(inner: Message) -> None:
    theirs = Connection(HELLO)
    list(theirs.receive(encode_frame(HELLO)))
    with pytest.raises(RemoteViolation, match="not allowed"):
        list(theirs.receive(encode_frame(Part(0, encode_frame(inner)))))


async def test_a_closed_outbox_has_one_last_thing_to_say_and_swallows_the_rest() -> None:
    outbox = Outbox(100)
    outbox.put(b"queued", Lane.VOTES)
    outbox.close(b"goodbye")
    assert outbox.put(bytes(1_000), Lane.ANSWERS)
    assert await outbox.take() == b"goodbye"
    assert await outbox.take() == b""


async def test_taking_waits_for_a_frame_and_a_cancelled_wait_loses_none(nursery: trio.Nursery) -> None:
    outbox = Outbox(100)
    taken: list[bytes] = []

    async def take(scope: trio.CancelScope) -> None:
        with scope:
            taken.append(await outbox.take())

    cancelled = trio.CancelScope()
    nursery.start_soon(take, cancelled)
    await trio.testing.wait_all_tasks_blocked()
    outbox.put(b"frame", Lane.TRANSACTIONS)
    cancelled.cancel()
    await trio.testing.wait_all_tasks_blocked()
    assert [*taken, *([] if taken else [await outbox.take()])] == [b"frame"]


def test_every_message_has_its_lane_and_only_transactions_and_answers_may_wait() -> None:
    late: set[type] = {type(message) for message in SAMPLES if lane_of(message) >= Lane.TRANSACTIONS}
    assert late == {Transactions, Announcement, GetTransactions, Blocks, Peers, Part}
    blocks: set[type] = {type(message) for message in SAMPLES if lane_of(message) is Lane.BLOCKS}
    assert blocks == {BlockMessage, CompactBlock, BlockTransactions}


# --- allowances -----------------------------------------------------------------------------------------------------


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = Bucket(10, 2)
    assert [bucket.take(1, 0.0) for _ in range(21)] == [0.0] * 20 + [pytest.approx(0.1)]
    assert bucket.take(1, 1.1) == 0.0
    assert [bucket.take(1, 100.0) for _ in range(21)][-2:] == [0.0, pytest.approx(0.1)], "time saves up no more than a burst"


def test_too_much_of_one_kind_costs_waiting_and_other_kinds_have_their_own_allowance() -> None:
    meter, now_s = Meter(), 0.0
    mebibyte = Transactions([bytes(1 << 20)])
    waits = [meter.wait_s(mebibyte, now_s) for _ in range(33)]
    assert waits == [0.0] * 32 + [pytest.approx(1 / 8)]
    assert meter.wait_s(BlockMessage(b"block"), now_s) == 0.0
    assert meter.slowed == {Kind.TRANSACTIONS: 1}


def test_an_honest_peer_with_101_delegates_and_slots_of_a_quarter_second_is_never_slowed() -> None:
    meter = Meter()
    ballot, block = next(each for each in SAMPLES if isinstance(each, BallotMessage)), BlockMessage(bytes(1 << 20))
    for slot in range(400):
        now_s = slot / 4
        for _ in range(202):
            assert meter.wait_s(ballot, now_s) == 0.0
        for message in (block, CertificateMessage(bytes(6_000)), Status(TIPS), Transactions([bytes(200)] * 1_250)):
            assert meter.wait_s(message, now_s) == 0.0
    assert meter.slowed == {}


# --- backoff --------------------------------------------------------------------------------------------------------


def test_pauses_double_from_a_tenth_of_a_second_to_the_cap_with_jitter_below() -> None:
    backoff = Backoff(1_000, Random(1))
    for whole_ms in (100, 200, 400, 800, 1_000, 1_000):
        assert whole_ms / 2 <= backoff.next_ms() <= whole_ms


def test_a_restart_begins_again_and_a_refusal_waits_the_longest() -> None:
    backoff = Backoff(5_000, Random(1))
    backoff.raise_to_cap()
    assert 2_500 <= backoff.next_ms() <= 5_000
    assert 2_500 <= backoff.next_ms() <= 5_000
    backoff.restart(AFTER_HANDSHAKE_MS)
    assert 100 <= backoff.next_ms() <= 200
    backoff.restart()
    assert 50 <= backoff.next_ms() <= 100


def test_the_cap_holds_even_below_the_first_pause() -> None:
    backoff = Backoff(10, Random(1))
    assert max(backoff.next_ms() for _ in range(10)) <= 10


# --- lobby ----------------------------------------------------------------------------------------------------------


def test_one_more_guest_takes_the_place_of_the_oldest() -> None:
    lobby = Lobby[int]()
    assert [lobby.enter(number, f"10.0.{number}.1") for number in range(HANDSHAKES_MAX)] == [None] * HANDSHAKES_MAX
    lobby.leave(0)
    assert lobby.enter(100, "10.1.0.1") is None
    assert lobby.enter(101, "10.1.1.1") == 1
    assert lobby.enter(102, "10.1.2.1") == 2
    assert len(lobby) == HANDSHAKES_MAX


@pytest.mark.parametrize(
    "hosts",
    [
        ("192.0.2.1", "192.0.2.200", "192.0.2.3", "::ffff:192.0.2.4", "192.0.2.5"),
        ("2001:db8:1::1", "2001:db8:1:ffff::2", "2001:db8:1:8000::3", "2001:db8:1::4", "2001:db8:1::5"),
        ("fe80::1%eth0", "fe80::2%eth0", "fe80::3%eth0", "fe80::4%eth1", "fe80::5"),
    ],
    ids=["IPv4 /24", "IPv6 /48", "link-local"],
)
def test_a_network_takes_no_places_but_its_own(hosts: tuple[str, ...]) -> None:
    lobby = Lobby[str]()
    assert lobby.enter("neighbour", "192.0.3.1") is None
    assert lobby.enter("other", "2001:db8:2::1") is None
    assert [lobby.enter(host, host) for host in hosts[:HANDSHAKES_PER_GROUP_MAX]] == [None] * HANDSHAKES_PER_GROUP_MAX
    assert lobby.enter(hosts[4], hosts[4]) == hosts[0]
    assert lobby.enter("again", hosts[0]) == hosts[1]
    lobby.leave(hosts[0])
    lobby.leave(hosts[2])
    assert lobby.enter(hosts[2], hosts[2]) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_the_processes_of_this_machine_are_not_one_network(host: str) -> None:
    lobby = Lobby[int]()
    assert [lobby.enter(number, host) for number in range(HANDSHAKES_MAX)] == [None] * HANDSHAKES_MAX
    assert lobby.enter(100, host) == 0


# --- refusals -------------------------------------------------------------------------------------------------------


def test_refusals_are_listed_once_for_each_address_and_reason_and_counted() -> None:
    refusals = Refusals()
    for address, reason in (("a", "wrong_chain"), ("b", "wrong_chain"), ("a", "self"), ("a", "wrong_chain")):
        refusals.note(refusal(address, reason), by_us=True)
    assert [(noted.address, noted.reason, noted.times) for noted in refusals.listed()] == [
        ("b", "wrong_chain", 1),
        ("a", "self", 1),
        ("a", "wrong_chain", 2),
    ]


def test_the_list_is_bounded_and_forgets_the_oldest() -> None:
    refusals = Refusals()
    for number in range(1_000):
        refusals.note(refusal(str(number)), by_us=True)
    assert [noted.address for noted in refusals.listed()] == [str(number) for number in range(1_000 - REFUSALS_MAX, 1_000)]


def test_every_reason_is_counted_from_zero_and_what_a_peer_makes_up_adds_no_reason() -> None:
    refusals = Refusals()
    assert set(refusals.by_us) == {reason.name.lower() for reason in Reason}
    assert set(refusals.by_us.values()) == set(refusals.by_peers.values()) == {0}
    names = len(refusals.by_peers)
    refusals.note(refusal("a"), by_us=True)
    for number in range(max(Reason) + 1, 256):
        refusals.note(refusal("a", reason_name(number)), by_us=False)
    assert (refusals.by_us["wrong_chain"], refusals.by_peers["other"], len(refusals.by_peers)) == (1, 255 - max(Reason), names)


def test_reasons_of_later_versions_have_a_name_too() -> None:
    assert [reason_name(3), reason_name(200)] == ["wrong_chain", "reason_200"]


# --- endpoints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["127.0.0.1:28656", "[::1]:0", "seed.example:1", "[fe80::1]:65535"])
def test_an_endpoint_is_read_and_shown_alike(text: str) -> None:
    assert str(parse_endpoint(text)) == text


def test_an_address_may_name_the_node_that_must_be_there() -> None:
    assert parse_peer("[::1]:80") == (None, Endpoint("::1", 80))
    assert parse_peer("0A" * 32 + "@seed.example:1") == (b"\x0a" * 32, Endpoint("seed.example", 1))


def test_an_ipv6_host_has_no_brackets() -> None:
    assert parse_endpoint("[::1]:80") == Endpoint("::1", 80)
