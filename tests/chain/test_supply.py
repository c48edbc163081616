"""S6: balances, stakes, unbonding coins and reward pools are all that was ever issued, after every block."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pchain.chain.actions.delegate import candidate_ids
from p2pchain.chain.codec import encode
from p2pchain.chain.outcomes import failures_in
from p2pchain.chain.staking import POSITIONS_MAX, unsettled_reward
from p2pchain.chain.state import CANDIDATES, DELEGATES, GLOBALS, STAKES
from p2pchain.chain.terms import Terms
from tests.chain.ledger import Book
from tests.chain.traffic import Traffic, busy_genesis


def validate(book: Book) -> None:
    """Everything that must hold of a state, whatever happened."""
    totals = book.totals
    assert book.held() == totals.issued - totals.burned
    assert all(row.balance >= 0 and row.nonce >= 0 and row.staker in {0, 1} for row in book.all_accounts())
    staked: dict[bytes, int] = {}
    owed: dict[bytes, int] = {}
    for key, data in book.view.rows.items():
        if not key.startswith(STAKES.prefix):
            continue
        stakes, account = STAKES.decode(data), book.account(key[len(STAKES.prefix) :])
        assert account.staker == bool(stakes.positions or stakes.unbonding)
        assert len(stakes.positions) <= POSITIONS_MAX
        assert len(stakes.unbonding) <= POSITIONS_MAX
        assert all(entry.amount > 0 for entry in stakes.unbonding)
        assert list(stakes.positions) == sorted(stakes.positions)
        for position in stakes.positions:
            delegate = book.delegate(position.delegate)
            assert delegate.convicted_slot or position.amount >= book.spec.genesis_params.stake_min
            due = unsettled_reward(position, delegate)
            assert due >= 0
            staked[position.delegate] = staked.get(position.delegate, 0) + book.worth(position)
            owed[position.delegate] = owed.get(position.delegate, 0) + due
    _validate_delegates(book, staked, owed)


def _validate_delegates(book: Book, staked: dict[bytes, int], owed: dict[bytes, int]) -> None:
    totals = book.totals
    assert totals.total_stake == sum(row.stake for row in book.all_delegates())
    standing = []
    for key, data in book.view.rows.items():
        if not key.startswith(DELEGATES.prefix):
            continue
        account, delegate = key[len(DELEGATES.prefix) :], DELEGATES.decode(data)
        dust_max = len(book.all_stakes()) if delegate.convicted_slot else 0
        assert 0 <= delegate.stake - staked.get(account, 0) <= dust_max
        assert delegate.retired or not delegate.convicted_slot
        assert owed.get(account, 0) <= delegate.reward_pool
        standing += [] if delegate.retired else [account]
    assert candidate_ids(CANDIDATES.load(book.view)) == sorted(standing)
    assert (1 if not book.convicted() else 0) <= len(standing) <= book.spec.genesis_params.candidates_max
    assert 1 <= len(totals.active) <= book.spec.genesis_params.delegates
    assert GLOBALS.load(book.view) == totals


@given(st.integers(0, 2**32), st.integers(1, 25))
@settings(max_examples=60)
def test_no_coin_appears_or_is_lost_whatever_is_asked(seed: int, blocks: int) -> None:
    random = Random(seed)
    book = Book(busy_genesis())
    traffic = Traffic(book, random, evidence_weight=random.choice((0, 1, 5)))
    for _ in range(blocks):
        wanted, slot = traffic.next(6), traffic.next_slot()
        built = book.execute(wanted, slot, building=True)
        before = book.totals
        assert book.block(*built.included, slot=slot).changes == built.changes
        assert book.totals.issued - before.issued in ({0, 997} if book.convicted() else {997})
        assert book.totals.burned >= before.burned
        validate(book)


def test_a_long_life_reaches_every_kind_of_action_and_of_refusal() -> None:
    """A run that never refuses or never retires would prove little: count what happened."""
    book = Book(busy_genesis())
    traffic = Traffic(book, Random(3))
    done: set[str] = set()
    refused: set[str] = set()
    failed: set[str] = set()
    versions: set[Terms] = set()
    for number in range(600):
        built = book.block(*traffic.next(6), slot=traffic.next_slot(), building=True)
        done |= {action.NAME for transaction in built.included for action in transaction.actions}
        versions.add(book.schedule.terms)
        refused |= {str(refusal.code) for _, refusal in built.refused}
        failed |= {failure.code for failure in failures_in(built.changes.rows)}
        if number % 20 == 0:
            validate(book)
    assert done == {
        "evidence",
        "transfer",
        "stake",
        "unstake",
        "claim_rewards",
        "register_delegate",
        "retire_delegate",
        "vote_change",
    }
    assert failed == {"bad_evidence", "known_evidence", "stale_evidence", "not_a_delegate"}
    assert len(book.convicted()) >= 2
    assert book.totals.burned > 0
    assert {"insufficient_funds", "no_such_stake", "nonce_gap", "nonce_too_low", "fee_too_low", "expired", "bad_amount"} <= refused
    assert {
        "delegate_key_in_use",
        "delegate_exists",
        "not_a_delegate",
        "delegate_retired",
        "delegate_convicted",
        "nothing_to_claim",
    } <= refused
    assert "not_demoted" in refused
    assert {"not_active", "bad_parameter", "change_too_soon", "no_open_vote"} <= refused
    assert len(versions) > 3, "new terms came into force"


@pytest.mark.parametrize("amount", [1, -1])
def test_the_validation_notices_a_single_coin(amount: int) -> None:
    book = Book(busy_genesis())
    book.block()
    key = next(key for key in sorted(book.view.rows) if key.startswith(b"A"))
    row = book.account(key[1:])
    book.view.rows[key] = encode(row._replace(balance=row.balance + amount))
    with pytest.raises(AssertionError):
        validate(book)
