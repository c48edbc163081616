"""Bans on real sockets: liars, their neighbours, restarts and the operator's hand."""

from __future__ import annotations

from random import Random

import pytest
import trio

from p2pchain.chain.consequences import Consequence
from p2pchain.net.ban_list import BanList
from p2pchain.net.ban_records import decode_bans, encode_bans
from p2pchain.net.bans import BANS_MAX, LIE_MS, VIOLATION_MS, Ban, Kind
from p2pchain.net.dial import Dialler
from p2pchain.net.endpoint import PeerAddress
from p2pchain.net.gate import OperatorGate
from p2pchain.net.session import Session
from p2pchain.node.ports import BadPeerError
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import Goodbye, Ping, Status
from tests.net.fakes import DEADLINE_S, NOW_MS, TIPS, MemoryFile, Node, World, key_of, meet

LIE = ConnectionRefused(Reason.INVALID_DATA, "BlockMessage: bad_signature: it is not its signer's", Consequence.LIE)


def gate_of(node: Node) -> OperatorGate:
    return OperatorGate(node.network.bans, node.network.end_banned)


async def tell_a_lie(node: Node, number: int) -> Goodbye:
    """Node `number` comes in and says what the node finds to be a lie; what it is told."""
    stranger = await meet(node.address, number)
    async with stranger.stream:
        await stranger.shake_hands()
        node.inlet.refusal = LIE
        await stranger.say(Status(TIPS))
        goodbye = await stranger.hear_goodbye()
        node.inlet.refusal = None
    return goodbye


async def knock(node: Node, number: int) -> Goodbye | None:
    """None where it is let in."""
    stranger = await meet(node.address, number)
    async with stranger.stream:
        await stranger.greet()
        answer = await stranger.hear()
        return answer if isinstance(answer, Goodbye) else None


async def written(world: World, number: int, who: str) -> None:
    """Return when the list on disk names somebody."""
    await world.until(lambda: who in [ban.who for ban in decode_bans(world.files[number].content or encode_bans([]))])


async def test_a_liar_is_told_why_it_goes_and_when_it_may_come_back(world: World) -> None:
    one = await world.start(1)
    assert await tell_a_lie(one, 2) == (Reason.INVALID_DATA, LIE.message)
    told = await knock(one, 2)
    assert told == (Reason.BANNED, f"banned for {LIE_MS // 1000} s more: {LIE.message}")
    assert len(one.inlet.joined) == 1, "it did not join again"
    world.now_ms += LIE_MS
    assert await knock(one, 2) is None


async def test_nothing_that_a_banned_node_says_is_read(world: World) -> None:
    one = await world.start(1)
    await tell_a_lie(one, 2)
    stranger = await meet(one.address, 2)
    async with stranger.stream:
        await stranger.become_secure()
        await stranger.send(b"\xff" * 4_096)  # would be a violation
        assert (await stranger.hear_goodbye()).reason == Reason.BANNED
    assert one.network.peer_counts().refused_by_us["protocol_violation"] == 0


async def test_a_liar_stays_banned_when_the_node_restarts(world: World) -> None:
    one = await world.start(1)
    await tell_a_lie(one, 2)
    await one.stop()
    again = await world.start(1)
    told = await knock(again, 2)
    assert told is not None
    assert told.reason == Reason.BANNED
    assert await knock(again, 3) is None
    assert again.network.peer_counts().banned == 1


async def test_a_ban_is_on_disk_soon_and_not_only_at_the_end(world: World) -> None:
    one = await world.start(1)
    await tell_a_lie(one, 2)
    await written(world, 1, key_of(2).hex())
    assert one.network.peers() == []


async def test_two_good_peers_behind_the_address_of_a_liar_stay_and_come_in(world: World) -> None:
    one = await world.start(1)
    good = await meet(one.address, 3)
    async with good.stream:
        await good.shake_hands()
        for _ in range(2):
            await tell_a_lie(one, 2)
            world.now_ms += LIE_MS * 4
        assert await knock(one, 4) is None
        await good.ping()


async def test_other_connections_of_a_liar_end_with_the_first(world: World) -> None:
    one = await world.start(1)
    stranger, second = await meet(one.address, 2), await meet(one.address, 2)
    async with stranger.stream, second.stream:
        await stranger.shake_hands()
        await second.become_secure()  # has proven its key and said nothing yet
        with trio.fail_after(DEADLINE_S):
            while sum(session.node_key == key_of(2) for session in one.network._sessions) < 2:
                await second.send(b"")
        one.inlet.refusal = LIE
        await stranger.say(Status(TIPS))
        assert (await stranger.hear_goodbye()).reason == Reason.INVALID_DATA
        assert (await second.hear_goodbye()).reason == Reason.BANNED


async def test_a_liar_that_was_dialled_is_not_dialled_while_it_is_banned(world: World) -> None:
    one = await world.start(1)
    two = await world.start(2, persistent_peers=(f"{key_of(1).hex()}@{one.address}",))
    await one.joined()
    await two.joined()
    two.inlet.refusal = LIE
    one.network.send(one.peer(), Status(TIPS))
    await world.until(lambda: two.network.peer_counts().bans == 1)
    await one.joined(0)
    two.inlet.refusal = None
    world.now_ms += LIE_MS
    await two.joined()
    assert len(two.inlet.joined) == 2


async def test_a_banned_node_is_dialled_again_as_soon_as_its_ban_is_over(
    world: World, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    settings = world.make(1, persistent_peers=(f"{key_of(2).hex()}@127.0.0.1:1",)).settings
    began = trio.current_time()

    def is_banned(node_key: bytes) -> bool:
        return node_key == key_of(2) and trio.current_time() - began < 20

    def enter(_stream: trio.SocketStream, _address: PeerAddress, _came_from: str) -> Session:
        raise AssertionError

    dialler = Dialler(
        settings,
        enter=enter,
        find=lambda _key: None,
        is_connected=lambda: True,
        is_banned=is_banned,
        random=Random(1),
        logger=world.logger,
    )
    nursery.start_soon(dialler.run)
    await world.until(lambda: bool(world.logged("peer unreachable")))  # nobody listens there
    assert 20 <= trio.current_time() - began <= 21


async def test_whom_a_node_dials_without_knowing_its_key_is_refused_once_it_has_proven_it(world: World) -> None:
    one = await world.start(1)
    two = await world.start(2)
    await gate_of(two).ban(key_of(1).hex(), 3_600_000, "by hand")
    await two.stop()
    again = await world.start(2, persistent_peers=(one.address,))
    await world.until(lambda: again.network.peer_counts().refused_by_us["banned"] == 1)
    assert one.inlet.joined == again.inlet.joined == {}


async def test_a_violation_costs_its_sender_seconds_and_is_forgotten_by_a_restart(world: World) -> None:
    one = await world.start(1)
    stranger = await meet(one.address, 2)
    async with stranger.stream:
        await stranger.shake_hands()
        await stranger.send(encode_frame(stranger.connection.hello))
        assert (await stranger.hear_goodbye()).reason == Reason.PROTOCOL_VIOLATION
    told = await knock(one, 2)
    assert told is not None
    assert told.text.startswith(f"banned for {VIOLATION_MS // 1000} s more: ")
    await one.stop()
    assert world.files[1].content is None
    assert await knock(await world.start(1), 2) is None


async def test_whoever_is_late_slow_gone_or_of_another_network_is_let_in_again_at_once(world: World) -> None:
    one = await world.start(1)
    reasons = [Reason.TIMEOUT, Reason.TOO_SLOW, Reason.ALREADY_CONNECTED, Reason.TOO_MANY_PEERS, Reason.WRONG_CHAIN, Reason.NOT_AUTHENTIC]
    for reason in reasons:
        stranger = await meet(one.address, 2)
        async with stranger.stream:
            await stranger.shake_hands()
            one.inlet.refusal = ConnectionRefused(reason, "unlucky")
            await stranger.say(Status(TIPS))
            assert (await stranger.hear_goodbye()).reason == reason
            one.inlet.refusal = None
    stranger = await meet(one.address, 2)
    async with stranger.stream:
        await stranger.shake_hands()
    assert await knock(one, 2) is None
    assert gate_of(one).banned() == []


async def test_a_broken_encryption_bans_nobody_because_anybody_between_can_cause_it(world: World) -> None:
    one = await world.start(1)
    stranger = await meet(one.address, 2)
    async with stranger.stream:
        await stranger.shake_hands()
        sealed = bytearray(stranger.sealed(stranger.connection.send(Ping(1))))
        sealed[-1] ^= 1
        await stranger.stream.send_all(bytes(sealed))
        assert (await stranger.hear_goodbye()).reason == Reason.NOT_AUTHENTIC
    assert await knock(one, 2) is None


async def test_many_lies_under_many_keys_have_one_line_in_the_log_and_a_bounded_list(world: World) -> None:
    one = await world.start(1)
    for number in range(2, 12):
        await tell_a_lie(one, number)
    await world.until(lambda: len(world.logged("peer refused")) == 10)
    assert [entry["level"] for entry in world.logged("peer refused")] == ["warning"] + ["debug"] * 9
    counts = one.network.peer_counts()
    assert (counts.bans, counts.banned, counts.cooling, counts.refused_by_us["invalid_data"]) == (10, 10, 0, 10), "loopback never waits"
    assert await knock(one, 12) is None


# --- the operator ---------------------------------------------------------------------------------------------------


async def test_the_operator_ends_a_connection_by_banning_and_allows_it_by_lifting(world: World) -> None:
    one = await world.start(1)
    stranger = await meet(one.address, 2)
    async with stranger.stream:
        await stranger.shake_hands()
        await one.joined()
        ban = await gate_of(one).ban(key_of(2).hex(), 60_000, "a spy")
        assert (ban.kind, ban.until_ms) == ("by_hand", NOW_MS + 60_000)
        assert await stranger.hear_goodbye() == (Reason.BANNED, "banned for 60 s more: a spy")
    assert [ban.who for ban in decode_bans(world.files[1].content or b"")] == [key_of(2).hex()], "on disk before it is answered"
    assert await knock(one, 2) is not None
    assert await gate_of(one).unban(key_of(2).hex())
    assert await knock(one, 2) is None
    assert not await gate_of(one).unban(key_of(2).hex())


@pytest.mark.parametrize("who", ["nobody", "127.0.0.1", "", "ab" * 33])
async def test_the_operator_is_told_what_can_be_banned(world: World, who: str) -> None:
    gate = gate_of(world.make(1))
    with pytest.raises(BadPeerError, match="wanted a node key of 64 hex digits"):
        await gate.ban(who, 60_000, "")
    with pytest.raises(BadPeerError, match="wanted a node key of 64 hex digits"):
        await gate.unban(who)


# --- the file -------------------------------------------------------------------------------------------------------


def list_over(world: World, file: MemoryFile) -> BanList:
    return BanList(file, lambda: world.now_ms, lambda _key: False, world.logger)


async def test_a_damaged_list_is_set_aside_with_a_line_and_the_node_starts(world: World) -> None:
    file = MemoryFile()
    file.content = encode_bans([Ban("ab" * 32, Kind.LIE, NOW_MS, NOW_MS + LIE_MS, 1, "why", "")])[:-9]
    damaged = file.content
    bans = list_over(world, file)
    assert bans.listed() == []
    assert file.content is None
    assert file.aside == damaged
    (line,) = world.logged("list of bans set aside, nobody is banned")
    assert (line["level"], line["where"]) == ("error", "aside")
    assert await bans.ban(key_of(2), 60_000, "") is not None
    assert list_over(world, file).is_banned(key_of(2))


class FullDisk(MemoryFile):
    def save(self, content: bytes) -> None:
        raise OSError(28, "No space left on device")


async def test_a_disk_that_refuses_is_told_once_and_bans_hold_in_memory(world: World) -> None:
    bans = list_over(world, FullDisk())
    for number in (2, 3):
        assert await bans.ban(key_of(number), 60_000, "") is not None
        assert bans.is_banned(key_of(number))
    assert [entry["error"] for entry in world.logged("bans hold in memory alone")] == [
        "the list of bans cannot be written: No space left on device"
    ]


class CountingFile(MemoryFile):
    def __init__(self) -> None:
        super().__init__()
        self.saves = 0

    def save(self, content: bytes) -> None:
        super().save(content)
        self.saves += 1


async def test_a_flood_of_lies_is_written_once_a_second_and_whole_with_the_next_order(
    world: World, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    file = CountingFile()
    bans = list_over(world, file)
    nursery.start_soon(bans.run)
    for number in range(600):
        bans.punish(number.to_bytes(32, "big"), "", Consequence.LIE, "why")
        await trio.sleep(0.01)
    assert file.saves <= 7
    assert await bans.lift(bytes(32))
    assert len(decode_bans(file.content or b"")) == 599 <= BANS_MAX, "an order waits for the disk, and takes all with it"
    assert not list_over(world, file).is_banned(bytes(32))


async def test_the_end_writes_what_changed_last_also_when_it_is_cancelled(world: World) -> None:
    file = MemoryFile()
    bans = list_over(world, file)
    bans.punish(b"\xff" * 32, "", Consequence.LIE, "the last")
    with trio.CancelScope() as scope:
        scope.cancel()
        await bans.close()
    assert len(decode_bans(file.content or b"")) == 1
