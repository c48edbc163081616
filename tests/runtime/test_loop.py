from __future__ import annotations

import pytest
import trio
import trio.testing

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.crypto import SignatureCheck
from p2pchain.chain.errors import Code
from p2pchain.chain.transaction import build_transaction
from p2pchain.node.events import Peer
from p2pchain.runtime.verifier import INLINE_MAX, Verifier
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.messages import BlockMessage, Transactions
from tests.fakes.world import GENESIS_MS, make_genesis, signer
from tests.runtime.edges import Clock, Recorder, make_loop

GENESIS = make_genesis(1)
SPEC = GENESIS.spec()


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


@pytest.mark.parametrize("count", [0, 1, INLINE_MAX, INLINE_MAX + 1, 333])
async def test_the_verifier_answers_every_check_in_order(count: int) -> None:
    key = signer(1)
    checks = []
    for number in range(count):
        message = number.to_bytes(4, "big")
        signature = key._key.sign(message).signature
        checks.append(SignatureCheck(key.public_key, message if number % 3 else b"other", signature))
    assert await Verifier().verify(checks) == [number % 3 != 0 for number in range(count)]
