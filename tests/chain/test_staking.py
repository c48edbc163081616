"""Rewards: nothing is created by rounding, nobody earns for a time before their stake, unbonding and terms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.actions.delegate import RegisterDelegate
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.codec import encode
from p2pchain.chain.staking import COMMISSION_WHOLE, add_reward, unsettled_reward
from p2pchain.chain.state import DELEGATES, Delegate, Position
from p2pchain.chain.types import AMOUNT_MAX
from tests.chain.ledger import Book, account_id, delegate_id
from tests.fakes.chain import make_genesis, signer

A, B = account_id(0), account_id(1)
D0 = delegate_id(0)
KEY = bytes(32)


def lone(commission: int = 0, *, reward_per_block: int) -> Book:
    """One delegate that produces every block; its own stake is 10**9, its commission as said from now on."""
    genesis = make_genesis(delegates=1, fee_per_byte=0, fee_per_work=0, unbonding_slots=5, reward_per_block=reward_per_block)
    book = Book(genesis)
    book.view.rows[DELEGATES.key(D0)] = encode(book.delegate(D0)._replace(commission_bps=commission))
    return book


def earned(book: Book, account: bytes) -> int:
    """What a claim would pay now."""
    return unsettled_reward(book.stakes(account).positions[0], book.delegate(D0))


def claimed(book: Book, account: bytes) -> int:
    """What a claim in the next block pays."""
    before = book.account(account).balance
    book.do(account, ClaimRewards(D0))
    return book.account(account).balance - before


# --- the arithmetic


@given(
    st.integers(0, COMMISSION_WHOLE),
    st.lists(st.integers(1, 10**12), min_size=1, max_size=8),
    st.lists(st.integers(0, 10**15), min_size=1, max_size=12),
)
def test_no_more_is_paid_than_was_minted_and_the_rest_stays_in_the_pool(commission: int, stakes: list[int], rewards: list[int]) -> None:
    delegate = Delegate(KEY, commission, sum(stakes))
    positions = [Position(KEY, amount, delegate.reward_per_stake) for amount in stakes]
    kept = 0
    for reward in rewards:
        delegate, own = add_reward(delegate, reward)
        assert own == reward * commission // COMMISSION_WHOLE
        kept += own
    paid = sum(unsettled_reward(position, delegate) for position in positions)
    assert kept + delegate.reward_pool == sum(rewards)
    assert 0 <= paid <= delegate.reward_pool
    assert delegate.reward_pool - paid <= len(stakes) + len(rewards)


@given(st.integers(1, 10**12), st.lists(st.integers(0, 10**15), min_size=1, max_size=10))
def test_settling_often_never_pays_more_than_settling_once(amount: int, rewards: list[int]) -> None:
    delegate = Delegate(KEY, 0, 3 * amount)
    often = once = Position(KEY, amount, delegate.reward_per_stake)
    paid = 0
    for reward in rewards:
        delegate, _ = add_reward(delegate, reward)
        paid += unsettled_reward(often, delegate)
        often = often._replace(mark=delegate.reward_per_stake)
    whole = unsettled_reward(once, delegate)
    assert whole - len(rewards) <= paid <= whole


def test_the_accumulator_holds_all_that_can_ever_be_minted_on_the_smallest_stake() -> None:
    """A position may be unstaked down to one unit, so this is the worst: 2**63 coins over a stake of 1."""
    delegate = Delegate(KEY, 0, 1)
    left = AMOUNT_MAX
    while left:
        reward = min(left, 10**15 * 1_000)
        delegate, _ = add_reward(delegate, reward)
        left -= reward
    assert unsettled_reward(Position(KEY, 1, bytes(16)), delegate) == delegate.reward_pool == AMOUNT_MAX


@pytest.mark.parametrize(
    ("commission", "kept", "shared"), [(0, 0, 1_000), (10_000, 1_000, 0), (500, 50, 950), (1, 0, 1_000), (9_999, 999, 1)]
)
def test_the_commission_is_taken_first_and_rounded_down(commission: int, kept: int, shared: int) -> None:
    delegate, own = add_reward(Delegate(KEY, commission, 100), 1_000)
    assert (own, delegate.reward_pool) == (kept, shared)


def test_a_delegate_without_stake_keeps_the_whole_reward() -> None:
    delegate, own = add_reward(Delegate(KEY, 0, 0), 1_000)
    assert own == 1_000
    assert delegate == Delegate(KEY, 0, 0)


def test_no_reward_changes_nothing() -> None:
    assert add_reward(Delegate(KEY, 77, 5), 0) == (Delegate(KEY, 77, 5), 0)


# --- in blocks


def test_stakers_share_by_their_stake() -> None:
    book = lone(reward_per_block=4_000)
    book.do(A, Stake(D0, 2 * 10**9))
    book.do(B, Stake(D0, 10**9))
    before = [earned(book, account) for account in (A, B, D0)]
    for _ in range(10):
        book.block()
    gained = [earned(book, account) - first for account, first in zip((A, B, D0), before, strict=True)]
    assert all(wanted - 1 <= found <= wanted for found, wanted in zip(gained, (20_000, 10_000, 10_000), strict=True))
    assert [claimed(book, account) >= found for account, found in zip((A, B, D0), gained, strict=True)] == [True] * 3


def test_who_stakes_late_earns_nothing_from_before() -> None:
    book = lone(reward_per_block=10**6)
    for _ in range(50):
        book.block()
    book.do(A, Stake(D0, 10**11))
    assert earned(book, A) <= 10**6
    pool = book.delegate(D0).reward_pool
    assert pool == 51 * 10**6
    assert claimed(book, A) <= 10**6
    assert claimed(book, D0) >= 50 * 10**6


def test_adding_to_a_stake_pays_what_it_earned_and_no_more() -> None:
    book = lone(reward_per_block=1_000)
    book.do(A, Stake(D0, 10**9))
    book.block()
    due = earned(book, A)
    before = book.account(A).balance
    book.do(A, Stake(D0, 10**9))
    assert book.account(A).balance == before - 10**9 + due
    assert book.stakes(A).positions[0].amount == 2 * 10**9


def test_unstaking_pays_the_reward_at_once_and_the_stake_later() -> None:
    book = lone(reward_per_block=1_000)
    book.do(A, Stake(D0, 10**9))
    for _ in range(4):
        book.block()
    due = earned(book, A)
    before = book.account(A).balance
    book.do(A, Unstake(D0, 10**9))
    assert due > 0
    assert book.account(A).balance == before + due
    for _ in range(10):
        book.block()
    assert book.stakes(A).unbonding == ((10**9, 11, D0, 6),)
    book.do(A, Transfer(B, 1))
    assert book.account(A).balance == before + due + 10**9 - 1


def test_claiming_twice_in_a_transaction_pays_once() -> None:
    book = lone(reward_per_block=1_000)
    book.do(A, Stake(D0, 10**9))
    book.block()
    due = earned(book, A)
    before = book.account(A).balance
    book.do(A, ClaimRewards(D0), ClaimRewards(D0), ClaimRewards(D0))
    assert book.account(A).balance == before + due


@pytest.mark.parametrize(("commission", "pool"), [(0, 1_000), (10_000, 0)])
def test_the_producer_keeps_its_commission_and_all_fees(commission: int, pool: int) -> None:
    book = lone(commission, reward_per_block=1_000)
    transaction = book.transaction(A, Transfer(B, 1), fee=777)
    book.block(transaction)
    assert book.account(D0).balance == 777 + 1_000 - pool
    assert book.delegate(D0).reward_pool == pool
    assert book.totals.issued == book.genesis.issued + 1_000


def test_minting_ends_where_amounts_end() -> None:
    """The last block mints what is left, those after it nothing, and no balance overflows."""
    genesis = make_genesis(delegates=1, accounts=1, reward_per_block=1_000)
    room = AMOUNT_MAX - genesis.issued
    whale = genesis.accounts[0]._replace(balance=genesis.accounts[0].balance + room - 1_500)
    book = Book(type(genesis)("world", "p2p", genesis.genesis_ms, genesis.params, (whale,), genesis.delegates))
    issued = []
    for _ in range(4):
        book.block()
        issued.append(book.totals.issued)
    assert issued == [AMOUNT_MAX - 500, AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX]
    assert book.held() == AMOUNT_MAX


def test_new_terms_hold_from_the_registration_on() -> None:
    book = lone(0, reward_per_block=1_000)
    book.do(A, RegisterDelegate(signer(50).public_key, 10_000, bytes(64)))
    book.block()
    assert book.delegate(D0).reward_pool == 2_000
    assert book.delegate(A).commission_bps == 10_000
