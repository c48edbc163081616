"""Whole nodes on loopback that find each other."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
import trio

from p2pchain.net import connect, session
from p2pchain.net.book.encoding import MAGIC, decode_book
from p2pchain.net.endpoint import Endpoint, parse_endpoint
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import PEERS_MAX, GetPeers, Peers, Status
from p2pchain.wire.peer_record import decode_record
from tests.net.discovering import QUICK, MemoryFile, host_of, origins, outbound, record_of, start, stranger_record
from tests.net.fakes import CHAIN, DEADLINE_S, TIPS, Node, Stranger, World, handshake_of, hello_of, key_of, meet


async def asked(stranger: Stranger) -> GetPeers:
    """The question that a node asks as soon as it has said hello."""
    message = await stranger.hear()
    assert isinstance(message, GetPeers)
    return message


async def met_node(node: Node, number: int) -> Stranger:
    """A stranger that was let in and asked who it is."""
    stranger = await meet(node.address, number)
    await stranger.shake_hands()
    assert await asked(stranger) == (1, "127.0.0.1")
    return stranger


async def ask(stranger: Stranger, limit: int = PEERS_MAX, seen: str = "") -> list[bytes]:
    await stranger.say(GetPeers(limit, seen))
    message = await stranger.hear()
    assert isinstance(message, Peers)
    return list(message.records)


# --- joining --------------------------------------------------------------------------------------------------------


async def test_nodes_that_know_one_seed_alone_end_with_the_outbound_peers_they_want(world: World) -> None:
    seed = await start(world, 1, peers_out_max=0)
    others = [await start(world, number, seeds=(seed.address,), peers_out_max=2) for number in range(2, 10)]
    await world.until(lambda: all(outbound(node) == 2 for node in others))
    assert any("book" in origins(node) for node in others)


async def test_a_node_whose_seed_is_gone_comes_back_by_its_anchors_and_its_book(world: World) -> None:
    world.book_files[7] = file = MemoryFile()
    seed = await start(world, 1)
    others = [await start(world, number, seeds=(seed.address,)) for number in range(2, 6)]
    node = await start(world, 7, seeds=(seed.address,))
    await world.until(lambda: outbound(node) == 3 and len(node.network.book.anchors) == 3)
    await node.stop()
    await seed.stop()
    assert file.content is not None
    again = await start(world, 7, seeds=(seed.address,))
    await world.until(lambda: len(again.network.peers()) == len(others) and "anchor" in origins(again))


async def test_the_book_alone_is_enough_when_the_anchors_are_gone_too(world: World) -> None:
    world.book_files[7] = file = MemoryFile()
    seed = await start(world, 1)
    first = [await start(world, number, seeds=(seed.address,)) for number in range(2, 7)]
    node = await start(world, 7, seeds=(seed.address,), peers_out_max=1)
    await world.until(lambda: len(node.network.book) == 6 and bool(node.network.book.anchors))
    await node.stop()
    await seed.stop()
    assert file.content is not None
    assert decode_book(file.content, CHAIN).anchors == (key_of(1),)
    again = await start(world, 7, seeds=(seed.address,), tempo=replace(QUICK, anchor_ms=100))
    await world.until(lambda: outbound(again) >= 1)
    assert set(origins(again)) <= {"book", "inbound"}
    assert len(first) == 5


async def test_a_name_stands_for_all_its_addresses_asked_anew_until_there_are_some(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await start(world, 1)
    port = parse_endpoint(one.address).port
    two = await start(world, 2, listen=f"{host_of(2)}:{port}")
    answers: list[list[str] | OSError] = [socket.gaierror(-3, "Temporary failure in name resolution"), [], [host_of(2), host_of(1)]]

    def look_up(endpoint: Endpoint) -> list[str]:
        assert endpoint == ("seed.example", port)
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(connect, "_look_up", look_up)
    node = await start(world, 3, seeds=(f"seed.example:{port}",))
    await world.until(lambda: origins(node) == ["seed", "seed"])
    assert {view.node_id for view in node.network.peers()} == {key_of(1).hex(), key_of(2).hex()}
    assert answers == []
    await two.joined()


async def test_a_seed_whose_name_moves_is_found_at_its_new_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await start(world, 1)
    port = parse_endpoint(one.address).port
    answers = [[host_of(9)], [host_of(9)]]
    monkeypatch.setattr(connect, "_look_up", lambda _: answers.pop() if answers else [host_of(1)])
    node = await start(world, 3, seeds=(f"seed.example:{port}",))
    await node.joined()
    assert origins(node) == ["seed"]


async def test_a_machine_without_a_network_joins_when_it_comes(world: World) -> None:
    """Nothing answers at first: neither the persistent peer, nor the seed, nor anybody in the book; none of them is given up."""
    with socket.socket() as probe:
        probe.bind((host_of(1), 0))
        port = probe.getsockname()[1]
    address = f"{host_of(1)}:{port}"
    node = await start(world, 2, persistent_peers=(address,), seeds=(f"{host_of(4)}:{port}",))
    node.network.book.add(record_of(3, (host_of(3), port)), "127.0.0.1", world.clock())
    await world.until(lambda: len(world.logged("peer unreachable")) > 4)
    entry = node.network.book.get(key_of(3))
    assert entry is not None
    assert entry.failures <= 1, "nobody was met since: it may be our own fault"
    await start(world, 1, listen=address)
    await start(world, 3, listen=f"{host_of(3)}:{port}")
    await world.until(lambda: origins(node) in (["book", "persistent"], ["book", "inbound"]))


# --- what is told ---------------------------------------------------------------------------------------------------


async def test_a_node_tells_its_own_record_first_and_to_a_question_for_one_nothing_else(world: World) -> None:
    node = await start(world, 1)
    node.network.book.add(record_of(3, (host_of(3), 1)), host_of(3), world.clock())
    stranger = await met_node(node, 2)
    async with stranger.stream:
        records = [decode_record(raw) for raw in await ask(stranger)]
        assert [record.node_key for record in records] == [key_of(1), key_of(3)]
        assert records[0].endpoints == ((host_of(1), parse_endpoint(node.address).port),)
        assert [decode_record(raw).node_key for raw in await ask(stranger, 1)] == [key_of(1)]


async def test_private_peers_and_the_asker_itself_are_never_told(world: World) -> None:
    node = await start(world, 1, private_peers=(key_of(3),))
    for number in (2, 3, 4):
        node.network.book.add(record_of(number, (host_of(number), 1)), host_of(9), world.clock())
    stranger = await met_node(node, 2)
    async with stranger.stream:
        assert {decode_record(raw).node_key for raw in await ask(stranger)} == {key_of(1), key_of(4)}


async def test_who_asks_without_end_gets_empty_answers_and_keeps_its_connection(world: World) -> None:
    node = await start(world, 1, tempo=replace(QUICK, exchange_ms=600_000))
    stranger = await met_node(node, 2)
    async with stranger.stream:
        counts = [len(await ask(stranger)) for _ in range(20)]
        assert counts == [1] * 6 + [0] * 14
        await stranger.ping()


async def test_a_node_that_may_not_be_announced_tells_nothing_of_itself(world: World) -> None:
    node = await start(world, 1, announce="never")
    stranger = await met_node(node, 2)
    async with stranger.stream:
        assert await ask(stranger) == []


async def test_without_exchange_nothing_is_asked_and_the_answer_is_empty(world: World) -> None:
    node = await start(world, 1, exchange=False)
    stranger = await meet(node.address, 2)
    async with stranger.stream:
        await stranger.shake_hands()
        assert await ask(stranger) == []


async def test_an_announced_name_is_resolved_and_told_as_addresses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "_look_up", lambda _: ["192.0.2.7", "2001:db8::7"])
    node = await start(world, 1, announce="node.example:99")
    node.network.book.add(record_of(3, (host_of(3), 1)), host_of(9), world.clock())  # so that it looks at its clock
    await world.until(lambda: node.network.list_book(0).announced == ("192.0.2.7:99", "[2001:db8::7]:99"))


async def test_an_address_of_this_machine_that_a_peer_sees_is_announced(world: World) -> None:
    node = await start(world, 1, listen="0.0.0.0:0")
    port = parse_endpoint(node.address).port
    assert node.network.list_book(0).announced == ()
    stranger = await meet(f"{host_of(5)}:{port}", 2)
    async with stranger.stream:
        await stranger.shake_hands()
        await asked(stranger)
        await stranger.say(GetPeers(1, "192.0.2.9"))
        assert await stranger.hear() == Peers([])
        assert len(await ask(stranger, 1, host_of(5))) == 1, "who dialled cannot make it announce anything but what it has"
        assert node.network.list_book(0).announced == (f"{host_of(5)}:{port}",)


# --- bad answers ----------------------------------------------------------------------------------------------------


async def parted(node: Node, message: Peers, reason: Reason, *, is_asked: bool = True) -> None:
    stranger = await meet(node.address, 2)
    async with stranger.stream:
        await stranger.shake_hands()
        await asked(stranger)
        if not is_asked:
            await stranger.say(Peers([]))
        await stranger.say(message)
        assert (await stranger.hear_goodbye()).reason == reason


async def test_records_that_come_unasked_end_the_connection(world: World) -> None:
    node = await start(world, 1)
    await parted(node, Peers([]), Reason.PROTOCOL_VIOLATION, is_asked=False)


async def test_more_records_than_asked_for_end_the_connection(world: World) -> None:
    node = await start(world, 1)
    await parted(node, Peers([record_of(2, (host_of(2), 1)).raw] * 2), Reason.PROTOCOL_VIOLATION)


async def test_another_ones_record_for_an_answer_about_itself_ends_the_connection(world: World) -> None:
    node = await start(world, 1)
    await parted(node, Peers([record_of(3, (host_of(3), 1)).raw]), Reason.PROTOCOL_VIOLATION)
    assert len(node.network.book) == 0


async def test_a_record_that_is_none_ends_the_connection(world: World) -> None:
    node = await start(world, 1)
    await parted(node, Peers([b"\x92\xc4\x00\xc4\x00"]), Reason.PROTOCOL_VIOLATION)


async def test_a_forged_record_is_a_lie_and_nothing_of_it_is_kept(world: World) -> None:
    node = await start(world, 1)
    raw = bytearray(record_of(2, (host_of(2), 1)).raw)
    raw[-1] ^= 1
    await parted(node, Peers([bytes(raw)]), Reason.INVALID_DATA)
    assert len(node.network.book) == 0


async def test_an_expired_record_is_nobodys_fault_and_not_kept(world: World) -> None:
    node = await start(world, 1)
    stranger = await met_node(node, 2)
    async with stranger.stream:
        await stranger.say(Peers([record_of(2, (host_of(2), 1), issued_ms=1).raw]))
        await stranger.ping()
        assert len(node.network.book) == 0


async def test_a_bad_answer_takes_nothing_away_that_others_taught(world: World) -> None:
    node = await start(world, 1)
    good = await met_node(node, 3)
    async with good.stream:
        await good.say(Peers([record_of(3, (host_of(3), 1)).raw]))
        await good.ping()
        await parted(node, Peers([b"junk"]), Reason.PROTOCOL_VIOLATION)
        assert [entry.node_key for entry in node.network.book.entries()] == [key_of(3)]
        await good.ping()


async def test_of_a_thousand_records_from_one_source_the_book_keeps_what_one_source_may_fill(world: World) -> None:
    """F21 with the real messages: an answer a time, all of them from one dialled liar."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    node = await start(world, 1, seeds=(f"127.0.0.1:{listeners[0].socket.getsockname()[1]}",), peers_out_max=1)
    with trio.fail_after(DEADLINE_S):
        liar = Stranger(await listeners[0].accept(), handshake_of(2, dials=False), hello_of(2))
        async with liar.stream, listeners[0]:
            await liar.shake_hands()
            assert (await asked(liar)).limit == PEERS_MAX
            await liar.say(Peers([stranger_record(number, f"10.{number}.0.1").raw for number in range(1, PEERS_MAX + 1)]))
            await liar.ping()
    assert 0 < len(node.network.book) <= PEERS_MAX


# --- feelers, limits, lists -----------------------------------------------------------------------------------------


async def test_a_feeler_meets_a_node_without_joining_it(world: World) -> None:
    other = await start(world, 2)
    node = await start(world, 1, peers_out_max=0, tempo=replace(QUICK, feeler_ms=30))
    node.network.book.add(record_of(2, (host_of(2), parse_endpoint(other.address).port)), host_of(9), world.clock())
    await world.until(lambda: node.network.book.sizes() == (0, 1))
    assert other.inlet.joined == node.inlet.joined == {}
    assert other.network.refusals() == []


async def test_a_feeler_believes_nobody_with_another_key(world: World) -> None:
    other = await start(world, 2)
    node = await start(world, 1, peers_out_max=0, tempo=replace(QUICK, feeler_ms=30))
    node.network.book.add(record_of(3, (host_of(2), parse_endpoint(other.address).port)), host_of(9), world.clock())
    entry = node.network.book.get(key_of(3))
    assert entry is not None
    await world.until(lambda: entry.failures == 1)
    assert not entry.is_tried


async def test_a_node_off_the_allow_list_is_told_so_and_others_are_let_in(world: World) -> None:
    node = await start(world, 1, allowed_peers=(key_of(2),))
    welcome = await start(world, 2, persistent_peers=(node.address,))
    await welcome.joined()
    stranger = await start(world, 3, persistent_peers=(node.address,))
    await world.until(lambda: bool(stranger.network.refusals()) and bool(node.network.refusals()))
    for refusal in (stranger.network.refusals()[0], node.network.refusals()[0]):
        assert (refusal.reason, refusal.message) == (
            "not_allowed",
            f"node {key_of(3).hex()} is not on the list of nodes that may connect here",
        )
    assert stranger.inlet.joined == {}
    await node.joined(1)


async def test_a_node_with_an_allow_list_takes_in_nobody_else_where_it_dials_either(world: World) -> None:
    other = await start(world, 3)
    node = await start(world, 1, allowed_peers=(key_of(2),), persistent_peers=(other.address,))
    await world.until(lambda: bool(node.network.refusals()))
    assert node.network.refusals()[0].reason == "not_allowed"
    assert node.inlet.joined == other.inlet.joined == {}


async def test_a_place_is_kept_for_a_delegate_and_unconditional_peers_need_none(world: World) -> None:
    node = await start(world, 1, peers_in_max=2, delegate_peers=(key_of(2),), unconditional_peers=(key_of(3),), exchange=False)
    first, second, delegate, unconditional = [await meet(node.address, number) for number in (4, 5, 2, 3)]
    async with first.stream, second.stream, delegate.stream, unconditional.stream:
        await first.shake_hands()
        await second.greet()
        goodbye = await second.hear_goodbye()
        assert goodbye == (Reason.TOO_MANY_PEERS, "1 inbound peers are connected, at most 2 allowed, 1 places are kept for delegates")
        await delegate.shake_hands()
        await unconditional.shake_hands()
        await node.joined(3)


# --- a node that only hands out addresses ---------------------------------------------------------------------------


async def test_a_seed_only_node_hands_out_addresses_hangs_up_and_follows_nothing(world: World) -> None:
    seed = await start(world, 1, seed_only=True)
    others = [await start(world, number, seeds=(seed.address,), backoff_max_ms=50) for number in range(2, 6)]
    await world.until(lambda: all(len(node.inlet.present) >= 2 and "seed" not in origins(node) for node in others))
    assert seed.inlet.joined == {}
    assert seed.network.refusals() == []


async def test_the_answer_of_a_seed_only_node_comes_before_its_goodbye(world: World) -> None:
    seed = await start(world, 1, seed_only=True)
    seed.network.book.add(record_of(3, (host_of(3), 1)), host_of(9), world.clock())
    stranger = await met_node(seed, 2)
    async with stranger.stream:
        await stranger.say(Status(TIPS))
        await stranger.say(GetPeers(PEERS_MAX, ""))
        await stranger.say(Peers([record_of(2, (host_of(2), 1)).raw]))
        message = await stranger.hear()
        assert isinstance(message, Peers)
        assert [decode_record(raw).node_key for raw in message.records] == [key_of(1), key_of(3)]
        assert (await stranger.hear_goodbye()).reason == Reason.SEED_ONLY
    assert seed.network.book.get(key_of(2)) is not None


async def test_a_seed_only_node_lets_nobody_stay_who_does_not_ask(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "VISIT_S", 0.05)
    seed = await start(world, 1, seed_only=True)
    stranger = await met_node(seed, 2)
    async with stranger.stream:
        assert (await stranger.hear_goodbye()).reason == Reason.SEED_ONLY


# --- the book's file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"junk", MAGIC, MAGIC + bytes(200)], ids=["empty", "junk", "cut off", "wrong sum"])
async def test_a_damaged_book_is_set_aside_with_a_line_and_the_node_starts(world: World, content: bytes) -> None:
    world.book_files[1] = file = MemoryFile()
    file.content = content
    node = await start(world, 1)
    assert len(node.network.book) == 0
    assert file.aside == content
    assert file.content is None, "what is written next is whole"
    (line,) = world.logged("address book set aside, beginning a new one")
    assert line["level"] == "warning"
    assert "address book" in line["why"]


async def test_a_disk_that_takes_no_book_costs_one_line_and_nothing_else(world: World) -> None:
    world.book_files[1] = file = MemoryFile()
    file.trouble = "no space left"
    node = await start(world, 1, tempo=replace(QUICK, save_ms=10))
    for number in range(2, 5):
        before = len(world.logs)
        node.network.book.add(record_of(number, (host_of(number), 1)), host_of(9), world.clock())
        await world.until(lambda before=before: any("could not be written" in entry["event"] for entry in world.logs[before:]))  # type: ignore[misc]
    levels = [entry["level"] for entry in world.logged("address book could not be written")]
    assert levels[0] == "warning"
    assert set(levels[1:]) == {"debug"}
