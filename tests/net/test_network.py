from __future__ import annotations

import socket
from pathlib import Path
from random import Random

import pytest
import trio
from trio.testing import memory_stream_pair

from p2pchain.chain.consequences import Consequence
from p2pchain.chain.types import ChainId
from p2pchain.net.dial import Dialler
from p2pchain.net.endpoint import PeerAddress, parse_endpoint
from p2pchain.net.errors import ListenError
from p2pchain.net.link import Link
from p2pchain.net.session import Session
from p2pchain.node.events import Peer
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.messages import BlockMessage, Goodbye, Ping, Pong, Status
from tests.net.fakes import DEADLINE_S, NOW_MS, TIPS, Node, Stranger, World, credentials_of, handshake_of, hello_of, key_of, meet

FDS = Path("/proc/self/fd")
FOREIGN = ChainId(b"\x08" * 32)


def open_descriptors() -> int:
    return len(list(FDS.iterdir()))


async def connected(world: World, *, first: int = 1, second: int = 2) -> tuple[Node, Node]:
    one = await world.start(first)
    two = await world.start(second, persistent_peers=(one.address,))
    await one.joined()
    await two.joined()
    return one, two


async def refused(world: World, node: Node, reason: str) -> None:
    await world.until(lambda: reason in [refusal.reason for refusal in node.network.refusals()] and bool(world.logged("peer refused")))


async def accept(listener: trio.SocketListener) -> Stranger:
    """Node 2, dialled by the node under test."""
    with trio.fail_after(DEADLINE_S):
        stranger = Stranger(await listener.accept(), handshake_of(2, dials=False), hello_of(2))
    await stranger.shake_hands()
    return stranger


async def answer_pings(stranger: Stranger) -> None:
    while True:
        message = await stranger.hear()
        if isinstance(message, Ping):
            await stranger.say(Pong(message.token))


# --- two nodes ------------------------------------------------------------------------------------------------------


async def test_two_nodes_connect_and_exchange_messages(world: World) -> None:
    one, two = await connected(world)
    one.network.send(one.peer(), Status(TIPS))
    two.network.broadcast(BlockMessage(b"block"), ())
    await world.until(lambda: two.inlet.messages == [(two.peer(), Status(TIPS))])
    await world.until(lambda: one.inlet.messages == [(one.peer(), BlockMessage(b"block"))])
    assert one.inlet.joined[one.peer()].agent == "test/2"


async def test_peers_shows_who_is_connected_where_and_since_when(world: World) -> None:
    one, two = await connected(world)
    (theirs,), (ours,) = one.network.peers(), two.network.peers()
    assert (theirs.peer, theirs.node_id, theirs.agent, theirs.outbound) == (one.peer(), key_of(2).hex(), "test/2", False)
    assert (ours.peer, ours.node_id, ours.address, ours.outbound) == (two.peer(), key_of(1).hex(), one.address, True)
    assert theirs.address == two.address, "an inbound peer is shown at the port on which it listens"
    assert theirs.connected_ms == NOW_MS
    assert min(theirs.bytes_in, theirs.bytes_out, ours.bytes_in, ours.bytes_out) > 0


async def test_a_broadcast_leaves_out_those_named(world: World) -> None:
    one = await world.start(1)
    others = [await world.start(number, persistent_peers=(one.address,)) for number in (2, 3, 4)]
    await one.joined(3)
    spared = next(peer for peer, hello in one.inlet.joined.items() if hello.agent == "test/3")
    one.network.broadcast(BlockMessage(b"first"), {spared})
    one.network.broadcast(BlockMessage(b"second"), ())
    for other, wanted in zip(others, ([b"first", b"second"], [b"second"], [b"first", b"second"]), strict=True):
        await world.until(lambda other=other, wanted=wanted: len(other.inlet.messages) == len(wanted))  # type: ignore[misc]
        assert [message for _, message in other.inlet.messages] == [BlockMessage(raw) for raw in wanted]


async def test_ipv6_is_listened_on_and_dialled(world: World) -> None:
    try:
        one = await world.start(1, listen="[::1]:0")
    except ListenError:
        pytest.skip("no IPv6 here")
    two = await world.start(2, persistent_peers=(one.address,))
    await two.joined()
    assert two.network.peers()[0].address.startswith("[::1]:")


async def test_host_names_are_resolved(world: World) -> None:
    one = await world.start(1)
    two = await world.start(2, persistent_peers=(f"localhost:{parse_endpoint(one.address).port}",))
    await two.joined()


async def test_what_is_said_to_a_peer_that_is_gone_is_dropped(world: World) -> None:
    one = await world.start(1)
    one.network.send(Peer(99), Status(TIPS))
    one.network.disconnect(Peer(99), Reason.INVALID_DATA, "never met", Consequence.LIE)
    one.network.broadcast(Status(TIPS), ())
    assert one.network.peers() == []


# --- refusals -------------------------------------------------------------------------------------------------------


async def test_a_foreign_genesis_is_refused_and_listed_on_both_sides(world: World) -> None:
    one = await world.start(1)
    two = await world.start(2, credentials=credentials_of(2, FOREIGN), persistent_peers=(one.address,))
    for node, address in ((one, "127.0.0.1"), (two, one.address)):
        await refused(world, node, "wrong_chain")
        (refusal,) = node.network.refusals()
        assert (refusal.address, refusal.node_id, refusal.at_ms) == (address, "", NOW_MS)
        assert "genesis differs" in refusal.message
        assert node.inlet.joined == {}
    assert len(world.logged("peer refused")) == 2


async def test_a_refusal_is_counted_each_time_and_logged_once(world: World) -> None:
    one = await world.start(1)
    for _ in range(3):
        stranger = await meet(one.address, 2, FOREIGN)
        async with stranger.stream:
            with pytest.raises(ConnectionRefused, match="genesis differs"):
                await stranger.become_secure()
    await world.until(lambda: [refusal.times for refusal in one.network.refusals()] == [3])
    (refusal,) = one.network.refusals()
    assert (refusal.address, refusal.reason) == ("127.0.0.1", "wrong_chain")
    await world.until(lambda: [entry["level"] for entry in world.logged("peer refused")] == ["warning", "debug", "debug"])


async def test_a_node_that_dials_itself_stops_doing_so(world: World) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = await world.start(1, listen=f"127.0.0.1:{port}", persistent_peers=(f"127.0.0.1:{port}",))
    await refused(world, one, "self")
    await world.until(lambda: bool(world.logged("address is this node itself")))
    assert [refusal.times for refusal in one.network.refusals()] == [1]
    assert one.inlet.joined == {}


async def test_a_peer_dialled_by_its_key_is_taken_and_nobody_else_is(world: World) -> None:
    one = await world.start(1)
    right = await world.start(2, persistent_peers=(f"{key_of(1).hex()}@{one.address}",))
    await right.joined()
    assert (right.network.peers()[0].node_id, right.network.peers()[0].address) == (key_of(1).hex(), one.address)
    wrong = await world.start(3, persistent_peers=(f"{key_of(4).hex()}@{one.address}",))
    await refused(world, wrong, "wrong_node")
    (refusal,) = wrong.network.refusals()
    assert (refusal.address, refusal.node_id) == (one.address, key_of(1).hex())
    assert refusal.message == f"found node {key_of(1).hex()}, wanted {key_of(4).hex()}"
    assert wrong.inlet.joined == {}
    assert len(one.inlet.joined) == 1


async def test_a_peer_named_by_its_key_is_not_dialled_while_it_is_connected(world: World, nursery: trio.Nursery) -> None:
    settings = world.make(1, persistent_peers=(f"{key_of(2).hex()}@192.0.2.1:1",)).settings
    present = Session(
        Link(memory_stream_pair()[0]), handshake_of(1, dials=False), hello_of(1), address="", outbound=False, outbox_bytes_max=1
    )

    def find(node_key: bytes) -> Session | None:
        return present if node_key == key_of(2) else None

    def enter(_stream: trio.SocketStream, _address: PeerAddress, _came_from: str) -> Session:
        raise AssertionError

    dialler = Dialler(
        settings,
        enter=enter,
        find=find,
        is_connected=lambda: True,
        is_banned=lambda _key: False,
        random=Random(1),
        logger=world.logger,
    )
    nursery.start_soon(dialler.run)
    await trio.testing.wait_all_tasks_blocked()
    assert present.ended.statistics().tasks_waiting == 1, "it waits until the connection is over"


async def test_a_copy_of_a_node_elsewhere_is_told_that_it_is_one(world: World) -> None:
    one = await world.start(1)
    copy = await world.start(1, persistent_peers=(one.address,))
    await refused(world, copy, "wrong_node")
    assert "every node needs one of its own" in copy.network.refusals()[0].message
    assert one.inlet.joined == copy.inlet.joined == {}


@pytest.mark.parametrize("place", [0, 17, 18, 49], ids=["magic", "chain tag", "first byte of the key", "last byte of the key"])
async def test_a_handshake_changed_on_the_way_costs_that_connection_alone(world: World, place: int) -> None:
    one, _ = await connected(world)
    stranger = await meet(one.address, 3)
    async with stranger.stream:
        changed = bytearray(stranger.secure.take())
        changed[place] ^= 1
        await stranger.stream.send_all(changed)
        with pytest.raises((ConnectionRefused, AssertionError)):
            await stranger.become_secure()
        await stranger.stream.aclose()
    await one.joined(1)


async def test_who_claims_the_key_of_another_is_not_let_in(world: World) -> None:
    one = await world.start(1)
    stranger = await meet(one.address, 2)
    async with stranger.stream:
        handshake = stranger.secure._handshake
        handshake._credentials = handshake._credentials._replace(node_key=key_of(3))
        await stranger.become_secure()
        await stranger.send(stranger.connection.greeting())
        assert await stranger.until_closed() == b""
    await refused(world, one, "not_authentic")
    assert one.network.refusals()[0].node_id == "", "nobody is blamed who has proven nothing"
    assert one.inlet.joined == {}


async def test_a_peer_beyond_the_limit_is_told_so(world: World) -> None:
    one = await world.start(1, peers_in_max=1)
    first, second = await meet(one.address, 2), await meet(one.address, 3)
    async with first.stream, second.stream:
        await first.shake_hands()
        await second.greet()
        goodbye = await second.hear()
        assert isinstance(goodbye, Goodbye)
        assert goodbye == (Reason.TOO_MANY_PEERS, "1 inbound peers are connected, at most 1 allowed")
        await first.ping()
    await one.joined(0)
    assert len(one.inlet.joined) == 1


@pytest.mark.parametrize(
    "junk",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 64, b"\xff" * 64, bytes(range(255, -1, -1)), Random(7).randbytes(100_000)],
    ids=lambda j: j[:8].hex(),
)
async def test_garbage_costs_its_sender_the_connection_and_nobody_else_anything(world: World, junk: bytes) -> None:
    one, two = await connected(world)
    before, within, after = await meet(one.address, 3), await meet(one.address, 4), await meet(one.address, 5)
    async with before.stream, within.stream, after.stream:
        await before.stream.send_all(junk)
        assert await before.until_closed() == b"", "who does not begin as a node gets no answer"
        await within.shake_hands()
        await within.send(junk)
        assert (await within.hear_goodbye()).reason == Reason.PROTOCOL_VIOLATION
        await after.shake_hands()
        await after.stream.send_all(junk + bytes(100_000))
        assert (await after.hear_goodbye()).reason == Reason.NOT_AUTHENTIC
    await one.joined(1)
    one.network.send(one.peer(), Status(TIPS))
    await world.until(lambda: bool(two.inlet.messages))


async def test_a_lie_found_by_the_node_is_answered_with_a_goodbye(world: World) -> None:
    one = await world.start(1)
    one.inlet.refusal = ConnectionRefused(Reason.INVALID_DATA, "signature is w\xf6rong " + "x" * 300)
    stranger = await meet(one.address, 2)
    async with stranger.stream:
        await stranger.shake_hands()
        await stranger.say(Status(TIPS))
        goodbye = await stranger.hear_goodbye()
        assert goodbye.reason == Reason.INVALID_DATA
        assert goodbye.text.startswith("signature is w?rong xxx")
    await one.joined(0)
    await refused(world, one, "invalid_data")


async def test_a_disconnect_by_the_node_says_goodbye(world: World) -> None:
    one = await world.start(1)
    stranger = await meet(one.address, 2)
    async with stranger.stream:
        await stranger.shake_hands()
        await one.joined()
        one.network.disconnect(one.peer(), Reason.INVALID_DATA, "enough", Consequence.NOBODY)
        assert one.network.peers() == []
        assert await stranger.hear_goodbye() == (Reason.INVALID_DATA, "enough")
        await stranger.until_closed()
    await one.joined(0)


async def test_a_goodbye_heard_is_listed_with_its_reason(world: World) -> None:
    one = await world.start(1)
    stranger = await meet(one.address, 2)
    async with stranger.stream:
        await stranger.shake_hands()
        await stranger.send(stranger.connection.farewell(Goodbye(77, "from a later version")))
        await stranger.until_closed()
    await refused(world, one, "reason_77")
    assert one.network.refusals()[0].message == "from a later version"


# --- one connection a pair ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_", range(5))
async def test_two_nodes_that_dial_each_other_keep_exactly_one_connection(world: World, round_: int) -> None:
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(f"127.0.0.1:{probe.getsockname()[1]}")
    one = world.make(1, listen=ports[0], persistent_peers=(ports[1],))
    two = world.make(2, listen=ports[1], persistent_peers=(ports[0],))
    async with trio.open_nursery() as starting:
        starting.start_soon(world.nursery.start, one.run)
        starting.start_soon(world.nursery.start, two.run)
    await agreed(world, one, two)


async def agreed(world: World, one: Node, two: Node) -> None:
    """Each has one connection, it is the same one, and messages pass both ways over it."""

    def is_so() -> bool:
        ours, theirs = one.network.peers(), two.network.peers()
        return len(one.inlet.present) == len(two.inlet.present) == len(ours) == len(theirs) == 1 and ours[0].outbound != theirs[0].outbound

    def is_through() -> bool:
        return bool(one.inlet.messages and two.inlet.messages)

    while not (is_so() and is_through()):
        await world.until(is_so)
        kept = (one.peer(), two.peer())
        for node in (one, two):
            node.inlet.messages.clear()
            node.network.broadcast(Status(TIPS), ())
        await world.until(lambda kept=kept: is_through() or not is_so() or (one.peer(), two.peer()) != kept)  # type: ignore[misc]


async def test_a_second_connection_against_the_rule_is_turned_away_while_the_first_lives(world: World) -> None:
    # node 1 dialled the stranger and has the smaller key: its connection is the one to keep
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    async with listener:
        one = await world.start(1, persistent_peers=(f"127.0.0.1:{listener.socket.getsockname()[1]}",))
        kept = await accept(listener)
        async with kept.stream:
            await one.joined()
            second = await meet(one.address, 2)
            async with second.stream, trio.open_nursery() as nursery:
                nursery.start_soon(answer_pings, kept)
                await second.greet()
                assert second.secure.node_key == key_of(1), "who dials a node learns whom it met"
                assert (await second.hear_goodbye()).reason == Reason.ALREADY_CONNECTED
                nursery.cancel_scope.cancel()
            assert len(one.inlet.joined) == 1


async def test_a_dead_connection_does_not_keep_out_a_restarted_node(world: World) -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    async with listener:
        one = await world.start(1, persistent_peers=(f"127.0.0.1:{listener.socket.getsockname()[1]}",))
        dead = await accept(listener)
        async with dead.stream:
            await one.joined()
            again = await meet(one.address, 2)
            async with again.stream:
                await again.shake_hands()  # takes the two seconds in which the dead one could have answered
                await again.ping()
                await world.until(lambda: len(one.inlet.left) == 1)
                assert len(one.inlet.present) == 1


async def test_a_newer_connection_of_the_same_dialler_replaces_the_older(world: World) -> None:
    one = await world.start(1)
    older, newer = await meet(one.address, 2), await meet(one.address, 2)
    async with older.stream, newer.stream:
        await older.shake_hands()
        await one.joined()
        await newer.shake_hands()
        assert (await older.hear_goodbye()).reason == Reason.ALREADY_CONNECTED
        await newer.ping()
    await one.joined(0)
    assert len(one.inlet.joined) == len(one.inlet.left) == 2


async def test_two_addresses_of_one_node_settle_on_one_connection(world: World) -> None:
    one = await world.start(1, listen="127.0.0.1:0")
    port = parse_endpoint(one.address).port
    two = await world.start(2, persistent_peers=(one.address, f"localhost:{port}"))
    await agreed(world, one, two)


# --- slowness -------------------------------------------------------------------------------------------------------


async def test_a_slow_reader_is_disconnected_and_others_are_not_affected(world: World) -> None:
    one = await world.start(1, outbox_bytes_max=8 << 20)
    two = await world.start(2, persistent_peers=(one.address,))
    slow = await meet(one.address, 3)
    async with slow.stream:
        await slow.shake_hands()
        await one.joined(2)
        count = 0
        while len(one.network.peers()) == 2:
            one.network.broadcast(BlockMessage(bytes(1 << 20)), ())
            count += 1
            await world.until(lambda: len(two.inlet.messages) == count)  # noqa: B023 (awaited at once)
            assert count < 100, "more than any socket buffer takes"
        await one.joined(1)
        await slow.until_closed()
    await refused(world, one, "too_slow")
    one.network.broadcast(Status(TIPS), ())
    await world.until(lambda: two.inlet.messages[-1][1] == Status(TIPS))


async def test_a_busy_node_holds_back_its_peer_and_loses_nothing(world: World) -> None:
    one, two = await connected(world)
    one.inlet.gate = trio.Event()
    for number in range(2_000):
        two.network.send(two.peer(), BlockMessage(number.to_bytes(2, "big") * 100))
    await trio.testing.wait_all_tasks_blocked()
    assert one.inlet.messages == []
    one.inlet.gate.set()
    await world.until(lambda: len(one.inlet.messages) == 2_000)
    assert [message for _, message in one.inlet.messages] == [BlockMessage(n.to_bytes(2, "big") * 100) for n in range(2_000)]


async def test_hung_handshakes_give_way_to_new_ones(world: World) -> None:
    one = await world.start(1)
    hung = [await trio.open_tcp_stream(*parse_endpoint(one.address)) for _ in range(150)]
    try:
        honest = await meet(one.address, 2)
        async with honest.stream:
            await honest.shake_hands()
            with trio.fail_after(DEADLINE_S):
                for stream in hung[: 150 - 64]:
                    assert await stream.receive_some() == b"", "closed without a word"
            await honest.ping()
    finally:
        for stream in hung:
            await trio.aclose_forcefully(stream)


# --- restarts and the end -------------------------------------------------------------------------------------------


async def test_a_persistent_peer_comes_back_after_a_restart_of_the_other(world: World) -> None:
    one, two = await connected(world)
    address = one.address
    await one.stop()
    await two.joined(0)
    again = await world.start(1, listen=address)
    await again.joined()
    await two.joined()
    assert len(set(two.inlet.joined)) == 2, "numbers of peers are never used twice"
    assert two.network.refusals() == [], "a stop is no refusal"


async def test_a_stop_says_goodbye_and_leaves_no_open_socket(world: World) -> None:
    one, two = await connected(world)
    stranger = await meet(one.address, 3)
    fresh = await meet(one.address, 4)
    async with stranger.stream, fresh.stream:
        await stranger.shake_hands()
        await one.joined(2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.stop)
            assert (await stranger.hear_goodbye()).reason == Reason.SHUTTING_DOWN
            assert await fresh.until_closed() == b"", "nothing is said in clear"
            await stranger.stream.aclose()
            await fresh.stream.aclose()
    await two.joined(0)
    assert one.inlet.present == set(), "everybody who joined has left"
    with pytest.raises(OSError, match="all attempts to connect"):
        await meet(one.address, 5)


@pytest.mark.skipif(not FDS.exists(), reason="no /proc here")
async def test_two_nodes_that_stop_leave_no_descriptor_behind(world: World) -> None:
    before = open_descriptors()
    for _ in range(3):
        one, two = await connected(world)
        hung = await meet(one.address, 3)
        async with hung.stream:
            await one.stop()
        await two.stop()
    assert open_descriptors() == before


async def test_a_stop_does_not_wait_for_a_peer_that_reads_nothing(world: World) -> None:
    one = await world.start(1)
    slow = await meet(one.address, 2)
    async with slow.stream:
        await slow.shake_hands()
        await one.joined()
        for _ in range(15):
            one.network.broadcast(BlockMessage(bytes(1 << 20)), ())
        before = trio.current_time()
        await one.stop()
        assert trio.current_time() - before < 5
    assert one.inlet.present == set()


async def test_a_port_in_use_is_one_clear_line(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        network = world.make(1, listen=f"127.0.0.1:{port}").network
        with pytest.raises(ListenError, match=rf"cannot listen on 127\.0\.0\.1:{port}: the port is in use.*\[p2p\] listen$"):
            await network.run()


async def test_an_address_of_another_machine_is_one_clear_line(world: World) -> None:
    network = world.make(1, listen="192.0.2.1:4000").network
    with pytest.raises(ListenError, match="this machine has no such address"):
        await network.run()


async def test_an_error_of_our_own_is_fatal(world: World) -> None:
    node = world.make(1)
    node.inlet.refusal = ZeroDivisionError()  # type: ignore[assignment]
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with trio.open_nursery() as inner:
            await inner.start(node.run)
            stranger = await meet(node.address, 2)
            async with stranger.stream:
                await stranger.shake_hands()
                await stranger.say(Status(TIPS))
                await stranger.until_closed()
                await trio.sleep_forever()


async def test_an_unreachable_address_is_reported_once(world: World) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        await world.start(1, seeds=(address,), backoff_max_ms=1)
        await world.until(lambda: len(world.logged("peer unreachable")) >= 3)
    told = world.logged("peer unreachable")
    assert [entry["level"] for entry in told[:3]] == ["info", "debug", "debug"]
    assert (told[0]["address"], told[0]["error"]) == (address, "Connection refused")


async def test_seeds_are_dialled_only_while_there_is_room(world: World) -> None:
    one, two = await world.start(1), await world.start(2)
    three = await world.start(3, seeds=(one.address, two.address), peers_out_max=1)
    await three.joined(1)
    first = three.network.peers()[0].address
    await (one if first == one.address else two).stop()
    await world.until(lambda: len(three.inlet.joined) == 2)
    assert three.network.peers()[0].address != first
