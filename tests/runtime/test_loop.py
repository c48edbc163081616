from __future__ import annotations

import pytest
import trio
import trio.testing

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.crypto import SignatureCheck
from p2pchain.chain.errors import Code
from p2pchain.chain.mempool import Limits
from p2pchain.chain.transaction import build_transaction
from p2pchain.node.events import Peer
from p2pchain.runtime.backlog import OF_PEER_BYTES_MAX, Backlog
from p2pchain.runtime.loop import BEHIND_MAX
from p2pchain.runtime.verifier import INLINE_MAX, Verifier
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.messages import BlockMessage, Transactions
from tests.fakes.chain import ChainMaker
from tests.fakes.world import GENESIS_MS, make_genesis, signer
from tests.runtime.edges import Clock, Recorder, make_loop

GENESIS = make_genesis(1)
SPEC = GENESIS.spec()
SLOT_S = SPEC.slot_ms / 1000


def transfer(nonce: int, *, amount: int = 1) -> bytes:
    return build_transaction(signer(3000), SPEC, [Transfer(signer(3001).public_key, amount)], nonce=nonce, valid_until=1000)


def first(happened: list[str], what: str) -> int:
    return happened.index(what)


async def test_everything_is_on_disk_before_it_is_said() -> None:
    recorder, clock = Recorder(), Clock(GENESIS_MS + 600)
    loop = make_loop(GENESIS, recorder, clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await loop.submit([transfer(0)])
        clock.now_ms = GENESIS_MS + 1101
        results = await loop.submit([transfer(1)])
        assert results[0].status == "pending"
        while "publish BlockFinal" not in recorder.happened:
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    happened = recorder.happened
    block, vote, confirm = (
        first(happened, f"broadcast {what}") for what in ("CompactBlock", "BallotMessage VOTE", "BallotMessage CONFIRM")
    )
    assert first(happened, "record") < first(happened, "commit") < block < vote < confirm
    assert happened[:block].count("commit") == 1
    assert happened[:vote].count("record") >= 2
    assert happened[:confirm].count("record") >= 3
    assert first(happened, "publish BlockFinal") > [i for i, what in enumerate(happened) if what == "commit"][1]


@pytest.mark.parametrize("broken", ["commit", "record"])
async def test_a_failing_disk_ends_the_loop_and_nothing_is_said(broken: str) -> None:
    recorder, clock = Recorder(), Clock(GENESIS_MS + 1001)
    recorder.fails = broken
    loop = make_loop(GENESIS, recorder, clock)
    loop.engine._grace_ms = 0
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match=f"{broken} fails")):
        await loop.run()
    assert not any(
        what.startswith(("broadcast Block", "broadcast Compact", "broadcast Ballot", "publish BlockFinal")) for what in recorder.happened
    )


async def test_a_bad_item_is_its_own_result() -> None:
    recorder = Recorder()
    loop = make_loop(GENESIS, recorder, Clock(GENESIS_MS))
    good = transfer(0)
    bad = good[:-1] + bytes([good[-1] ^ 1])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        results = await loop.submit([bad, b"", good, transfer(7), *(transfer(n) for n in range(1, 200))])
        nursery.cancel_scope.cancel()
    assert [result.code for result in results[:4]] == [Code.BAD_SIGNATURE, Code.MALFORMED, None, Code.NONCE_GAP]
    assert all(result.code is None for result in results[4:])
    assert len(loop.engine.core.pool) == 200


async def test_a_peer_that_passes_on_a_forged_transaction_is_disconnected_and_others_are_heard() -> None:
    recorder = Recorder()
    loop = make_loop(GENESIS, recorder, Clock(GENESIS_MS))
    good = transfer(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await loop.receive(Peer(1), Transactions([good[:-1] + bytes([good[-1] ^ 1])]))
        await loop.receive(Peer(2), Transactions([good]))
        while not len(loop.engine.core.pool):
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert recorder.disconnected == [(Peer(1), Reason.INVALID_DATA)]


async def test_a_malformed_block_is_the_end_of_its_sender() -> None:
    loop = make_loop(GENESIS, Recorder(), Clock(GENESIS_MS))
    with pytest.raises(ConnectionRefused, match="malformed") as refused:
        await loop.receive(Peer(1), BlockMessage(b"\x90"))
    assert refused.value.reason is Reason.INVALID_DATA


async def test_what_a_crowded_pool_would_not_take_is_not_verified() -> None:
    recorder = Recorder()
    loop = make_loop(GENESIS, recorder, Clock(GENESIS_MS))
    loop.engine.core.pool.limits = Limits(transactions_max=4)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await loop.submit([transfer(nonce) for nonce in range(4)])
        forged = transfer(4)[:-1] + b"x"
        results = await loop.submit([forged, transfer(0)])
        nursery.cancel_scope.cancel()
    assert [result.code for result in results] == [Code.POOL_FULL, Code.DUPLICATE]
    assert len(loop.engine.core.pool) == 4


async def test_a_link_is_read_on_however_many_transactions_wait_to_be_verified() -> None:
    recorder = Recorder()
    loop = make_loop(GENESIS, recorder, Clock(GENESIS_MS))
    large = Transactions([bytes(4_000)] * 100)
    with trio.fail_after(5):
        for _ in range(100):  # nothing takes them: the loop does not run
            await loop.receive(Peer(1), large)
    assert loop._gossiped.dropped > 0
    assert loop._gossiped.transactions * 4_000 <= OF_PEER_BYTES_MAX


async def test_clients_wait_while_much_of_other_nodes_is_to_be_verified(autojump_clock: trio.testing.MockClock) -> None:
    loop = make_loop(GENESIS, Recorder(), Clock(GENESIS_MS))
    async with trio.open_nursery() as nursery:
        await loop.receive(Peer(1), Transactions([b"x"] * (BEHIND_MAX + 1)))
        loop._take_transactions = trio.sleep_forever  # type: ignore[method-assign]
        nursery.start_soon(loop.run)
        (refused,) = await loop.submit([transfer(0)])
        assert trio.current_time() >= SLOT_S
        loop._gossiped = Backlog()
        (taken,) = await loop.submit([transfer(0)])
        nursery.cancel_scope.cancel()
    assert (refused.code, refused.evidence["found"], taken.code) == (Code.POOL_FULL, BEHIND_MAX + 1, None)


async def test_transactions_wait_while_a_block_is_not_final_in_time_and_not_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    loop = make_loop(GENESIS, Recorder(), Clock(GENESIS_MS))
    late = True
    monkeyed = type("Late", (type(loop.engine),), {"is_finality_late": property(lambda _: late)})
    loop.engine.__class__ = monkeyed
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        began = trio.current_time()
        (taken,) = await loop.submit([transfer(0)])
        waited_s = trio.current_time() - began
        late = False
        began = trio.current_time()
        await loop.submit([transfer(1)])
        assert trio.current_time() - began < SLOT_S / 2
        nursery.cancel_scope.cancel()
    assert taken.code is None
    assert waited_s >= SLOT_S


async def test_what_waited_in_a_crowded_pool_is_back_too() -> None:
    recorder, clock = Recorder(), Clock(GENESIS_MS)
    recorder.journal += [transfer(nonce) for nonce in range(5)]
    loop = make_loop(GENESIS, recorder, clock)
    loop.engine.core.pool.limits = Limits(transactions_max=5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        for _ in range(2):
            await loop.restore_pool()
        nursery.cancel_scope.cancel()
    assert len(loop.engine.core.pool) == 5


async def test_the_engine_is_told_how_long_a_block_of_others_took_and_not_of_its_own() -> None:
    maker = ChainMaker(make_genesis(4))
    loop = make_loop(maker.genesis, Recorder(), Clock(GENESIS_MS + 1_100))
    told: list[tuple[int, int]] = []
    loop.engine.producer.budget.imported = lambda transactions, took_us: told.append((transactions, took_us))  # type: ignore[method-assign]
    block = maker.extend(maker.root, transfers=3).made
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await loop.receive(Peer(1), BlockMessage(block.raw))
        while not told:
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    ((count, took_us),) = told
    assert count == 3
    assert took_us > 0


async def test_what_waited_is_back_after_a_restart() -> None:
    recorder, clock = Recorder(), Clock(GENESIS_MS)
    loop = make_loop(GENESIS, recorder, clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await loop.submit([transfer(n) for n in range(5)])
        nursery.cancel_scope.cancel()
    recorder.journal.append(b"no transaction")
    again = make_loop(GENESIS, recorder, clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(again.run)
        await again.restore_pool()
        nursery.cancel_scope.cancel()
    assert [item.nonce for item in again.engine.core.pool] == [0, 1, 2, 3, 4]
    assert len(recorder.journal) == 5


async def test_blocks_and_votes_do_not_wait_behind_transactions() -> None:
    verifier, order = Verifier(), list[str]()
    checks = [SignatureCheck(signer(1).public_key, b"", bytes(64))] * 150

    async def transactions() -> None:
        await verifier.verify_in_turn(checks)
        order.append("transactions")

    async def ballots() -> None:
        await verifier.verify(checks[:100])
        order.append("ballots")

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(transactions)
        nursery.start_soon(ballots)
    assert order.index("ballots") < 3


@pytest.mark.parametrize("in_turn", [False, True])
@pytest.mark.parametrize("count", [0, 1, INLINE_MAX, INLINE_MAX + 1, 333])
async def test_the_verifier_answers_every_check_in_order(count: int, *, in_turn: bool) -> None:
    key = signer(1)
    checks = []
    for number in range(count):
        message = number.to_bytes(4, "big")
        signature = key._key.sign(message).signature
        checks.append(SignatureCheck(key.public_key, message if number % 3 else b"other", signature))
    verifier = Verifier()
    assert await (verifier.verify_in_turn if in_turn else verifier.verify)(checks) == [number % 3 != 0 for number in range(count)]
