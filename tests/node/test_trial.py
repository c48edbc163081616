"""What is said to become of a transaction is what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.chain.crypto import attest, verify_batch
from p2pchain.chain.errors import Code, Refusal
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import TransactionId
from p2pchain.node.trial import Trial, try_out
from tests.fakes.world import SimNode, World, make_genesis

SLOT_MS = 500
RICH = 10**12


def world() -> World:
    made = World(make_genesis(), 4, seed=4)
    made.start()
    made.run(4 * SLOT_MS)
    return made


def opened(node: SimNode, raw: Sequence[bytes]) -> list[Transaction | Refusal]:
    items: list[Transaction | Refusal] = []
    for item in node.intake.open_submitted(raw):
        if not isinstance(item, Refusal):
            assert attest(item.value, verify_batch(item.checks)) is not None
        items.append(item if isinstance(item, Refusal) else item.value)
    return items


def tried(node: SimNode, *raw: bytes) -> list[Trial]:
    return try_out(node.running.core, opened(node, raw))


def codes(trials: Sequence[Trial]) -> list[Code | None]:
    return [trial.code for trial in trials]


def test_it_changes_nothing() -> None:
    node = world().nodes[0]
    before = len(node.running.core.pool), node.running.core.head
    (trial,) = tried(node, node.transfer(0, 1, 5))
    assert (trial.outcome, trial.code, trial.fee, trial.fee == trial.fee_least) == ("succeeds", None, trial.fee, True)
    assert (len(node.running.core.pool), node.running.core.head) == before
    assert node.submit(node.transfer(0, 1, 5))[0].code is None


def test_each_runs_after_those_before_it() -> None:
    node = world().nodes[0]
    all_but_fees = RICH - 10_000
    first, second, third = (node.transfer(0, 1, all_but_fees if nonce == 1 else 5_000, nonce=nonce) for nonce in range(3))
    assert codes(tried(node, first, second)) == [None, None]
    assert codes(tried(node, second)) == [Code.NONCE_GAP]
    assert codes(tried(node, first, second, third)) == [None, None, Code.INSUFFICIENT_FUNDS]
    assert codes(tried(node, first, first)) == [None, Code.NONCE_TOO_LOW]


def test_it_runs_after_what_its_sender_has_waiting_and_what_waits_may_be_asked_for_itself() -> None:
    node = world().nodes[0]
    waiting = [node.transfer(0, 1, RICH // 2, nonce=0)]
    assert node.submit(*waiting)[0].code is None
    after = node.transfer(0, 1, RICH // 2, nonce=1)
    assert codes(tried(node, after)) == [Code.INSUFFICIENT_FUNDS]
    assert codes(tried(node, *waiting)) == [None]
    assert codes(tried(node, node.transfer(0, 1, 7, nonce=1))) == [None]


def test_a_replacement_must_pay_more_and_frees_what_it_replaces() -> None:
    node = world().nodes[0]
    assert node.submit(node.transfer(0, 1, RICH // 2, nonce=0))[0].code is None
    cheap, dear = node.transfer(0, 2, RICH - 10_000, nonce=0), node.transfer(0, 2, RICH - 10_000, nonce=0, fee=5_000)
    assert codes(tried(node, cheap)) == [Code.REPLACEMENT_FEE_TOO_LOW]
    assert codes(tried(node, dear)) == [None]


def test_it_says_what_then_happens() -> None:
    """Every verdict on one transaction alone against the mempool's and the chain's own."""
    made = world()
    node = made.nodes[0]
    cases = [
        node.transfer(0, 1, 5),
        node.transfer(1, 0, RICH),
        node.transfer(2, 0, 5, nonce=3),
        node.transfer(3, 0, 5, fee=1),
    ]
    trials = [tried(node, raw)[0] for raw in cases]
    results = [node.submit(raw)[0] for raw in cases]
    assert codes(trials) == [result.code for result in results]
    assert codes(trials) == [None, Code.INSUFFICIENT_FUNDS, Code.NONCE_GAP, Code.FEE_TOO_LOW]
    made.run(6 * SLOT_MS)
    item = trials[0].id
    assert item is not None
    assert node.disk.transaction(TransactionId(item)) is not None


def test_what_is_no_transaction_is_refused_alone() -> None:
    node = world().nodes[0]
    bad, good = tried(node, b"\x90", node.transfer(0, 1, 5))
    assert (bad.id, bad.outcome, bad.code, bad.fee) == (None, "refused", Code.MALFORMED, None)
    assert good.outcome == "succeeds"
