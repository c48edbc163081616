"""Each kind of action: what it does, each of its refusals, and that a refusal leaves no trace."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.delegate import RegisterDelegate, RetireDelegate, candidate_ids
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.errors import Code, Evidence, Invalid, NotYet, Refusal
from p2pchain.chain.staking import POSITIONS_MAX
from p2pchain.chain.state import CANDIDATES, DELEGATE_BY_KEY, DELEGATES, Delegate
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import AMOUNT_MAX
from tests.chain.ledger import Book, account_id, delegate_id
from tests.fakes.chain import BALANCE, make_genesis, signer

A, B, C = (account_id(number) for number in range(3))
D0, D1 = delegate_id(0), delegate_id(1)
NOBODY = bytes(32)
NEW_KEY, OTHER_KEY = signer(50).public_key, signer(51).public_key


@pytest.fixture
def book() -> Book:
    return Book(make_genesis(reward_per_block=0, unbonding_slots=10))


def register(key: bytes = NEW_KEY, commission: int = 500) -> RegisterDelegate:
    return RegisterDelegate(key, commission, bytes(64))


def refusal_of(book: Book, *transactions: Transaction, slot: int | None = None) -> Refusal:
    """Why a block with these transactions is refused; the state is what it was."""
    before = dict(book.view.rows)
    with pytest.raises(Refusal) as caught:
        book.execute(transactions, slot)
    assert book.view.rows == before
    return caught.value


def refused(book: Book, sender: bytes, *actions: Action) -> Refusal:
    return refusal_of(book, book.transaction(sender, *actions))


def candidates(book: Book) -> list[bytes]:
    return candidate_ids(CANDIDATES.load(book.view))


# --- transfer


def test_a_transfer_moves_coins_and_the_fee_goes_to_the_producer(book: Book) -> None:
    producer = book.schedule.turn(1).delegate.account
    done = book.do(A, Transfer(B, 1_000, b"memo"))
    assert book.account(A) == (BALANCE - 1_000 - done.fee, 1, 0)
    assert book.account(B) == (BALANCE + 1_000, 0, 0)
    assert book.account(producer).balance == done.fee


def test_a_transfer_opens_an_account_that_was_not_there(book: Book) -> None:
    book.do(A, Transfer(NOBODY, 1))
    assert book.account(NOBODY) == (1, 0, 0)


def test_a_transfer_to_oneself_costs_the_fee_alone(book: Book) -> None:
    done = book.do(A, Transfer(A, 500))
    assert book.account(A) == (BALANCE - done.fee, 1, 0)


def test_one_spends_no_more_than_one_has_after_the_fee(book: Book) -> None:
    fee = book.transaction(A, Transfer(B, BALANCE)).fee
    refusal = refused(book, A, Transfer(B, BALANCE - fee + 1))
    assert isinstance(refusal, NotYet)
    assert refusal.code is Code.INSUFFICIENT_FUNDS
    assert refusal.evidence == {"found": BALANCE - fee, "wanted": BALANCE - fee + 1}
    book.do(A, Transfer(B, BALANCE - fee))
    assert book.account(A).balance == 0


def test_an_account_that_is_empty_cannot_even_pay_the_fee(book: Book) -> None:
    refusal = refused(book, NOBODY, Transfer(A, 1))
    assert refusal.code is Code.INSUFFICIENT_FUNDS
    assert refusal.evidence["found"] == 0


# --- order and once only (S7)


def test_a_transaction_runs_at_most_once(book: Book) -> None:
    done = book.do(A, Transfer(B, 1))
    refusal = refusal_of(book, done)
    assert isinstance(refusal, Invalid)
    assert (refusal.code, refusal.evidence) == (Code.NONCE_TOO_LOW, {"found": 0, "wanted": 1})
    twice = book.transaction(A, Transfer(B, 1))
    assert refusal_of(book, twice, twice).code is Code.NONCE_TOO_LOW


def test_nonces_are_used_in_order(book: Book) -> None:
    refusal = refusal_of(book, book.transaction(A, Transfer(B, 1), nonce=1))
    assert isinstance(refusal, NotYet)
    assert (refusal.code, refusal.evidence) == (Code.NONCE_GAP, {"found": 1, "wanted": 0})
    book.block(*(book.transaction(A, Transfer(B, 1), nonce=nonce) for nonce in range(3)))
    assert book.account(A).nonce == 3


def test_the_slot_of_the_block_decides_about_expiry(book: Book) -> None:
    transaction = book.transaction(A, Transfer(B, 1), valid_until=5)
    assert refusal_of(book, transaction, slot=6).code is Code.EXPIRED
    book.block(transaction, slot=5)


def test_the_fee_is_checked_again_in_a_block(book: Book) -> None:
    assert refusal_of(book, book.transaction(A, Transfer(B, 1), fee=0)).code is Code.FEE_TOO_LOW


# --- all or none


def test_actions_see_what_earlier_actions_of_the_transaction_did(book: Book) -> None:
    book.do(A, Stake(D0, 5_000), Unstake(D0, 2_000), register(), Stake(A, 1_000))
    assert {position.delegate: position.amount for position in book.stakes(A).positions} == {D0: 3_000, A: 1_000}
    fee = book.transaction(B, Transfer(A, BALANCE // 2), Transfer(C, BALANCE // 2)).fee
    assert refused(book, B, Transfer(A, BALANCE // 2), Transfer(C, BALANCE // 2 - fee + 1)).code is Code.INSUFFICIENT_FUNDS
    book.do(B, Transfer(A, BALANCE // 2), Transfer(C, BALANCE // 2 - fee))
    assert book.account(B).balance == 0


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_all_actions_happen_or_none(book: Book, place: int) -> None:
    actions: list[Action] = [Transfer(B, 10), Stake(D0, 5_000), register()]
    actions.insert(place, Unstake(D1, 1))
    before = book.execute([]).changes
    assert refused(book, A, *actions).code is Code.NO_SUCH_STAKE
    built = book.execute([book.transaction(A, *actions)], building=True)
    assert built.changes == before
    assert [refusal.code for _, refusal in built.refused] == [Code.NO_SUCH_STAKE]


def test_a_refused_transaction_does_not_hinder_those_around_it(book: Book) -> None:
    good = [book.transaction(A, Transfer(B, 1)), book.transaction(B, Transfer(C, 2))]
    bad = [book.transaction(C, Transfer(A, 5 * BALANCE)), book.transaction(A, Transfer(B, 1), nonce=7)]
    built = book.execute([bad[0], good[0], bad[1], good[1]], building=True)
    assert built.included == good
    assert [(transaction, refusal.code) for transaction, refusal in built.refused] == [
        (bad[0], Code.INSUFFICIENT_FUNDS),
        (bad[1], Code.NONCE_GAP),
    ]
    assert built.changes == book.execute(good).changes


def test_building_and_checking_agree(book: Book) -> None:
    """A block built of anything holds what a block checked may hold, and gives the same state."""
    offered = [book.transaction(A, Transfer(B, BALANCE // 3), nonce=nonce) for nonce in (0, 0, 1, 2, 5, 3, 4)]
    built = book.execute(offered, building=True)
    assert built.changes == book.execute(built.included).changes


ANY_ACTION = st.one_of(
    st.builds(Transfer, st.sampled_from([A, B, NOBODY]), st.integers(1, 2 * BALANCE)),
    st.builds(Stake, st.sampled_from([D0, D1, NOBODY]), st.integers(1, 2 * BALANCE)),
    st.builds(Unstake, st.sampled_from([D0, D1, NOBODY]), st.integers(1, 2 * 10**9)),
    st.builds(ClaimRewards, st.sampled_from([D0, D1, NOBODY])),
    st.builds(register, st.sampled_from([NEW_KEY, OTHER_KEY, signer(1000).public_key])),
    st.just(RetireDelegate()),
)
RICH = Book(make_genesis(unbonding_slots=3))
RICH.do(A, Stake(D0, 10**6), Stake(D1, 10**6))
RICH.do(A, Unstake(D1, 500))


@given(st.lists(st.tuples(st.sampled_from([A, B, D0, NOBODY]), st.lists(ANY_ACTION, min_size=1, max_size=4)), max_size=6))
def test_refused_transactions_change_nothing(wishes: list[tuple[bytes, Sequence[Action]]]) -> None:
    """The changes are those of a block that never heard of them, and the view beneath is untouched."""
    before = dict(RICH.view.rows)
    nonces: dict[bytes, int] = {}
    offered = []
    for sender, actions in wishes:
        nonce = nonces.setdefault(sender, RICH.account(sender).nonce)
        transaction = RICH.transaction(sender, *actions, nonce=nonce)
        offered.append(transaction)
        if not RICH.execute(offered, building=True).refused or transaction in RICH.execute(offered, building=True).included:
            nonces[sender] += 1
    built = RICH.execute(offered, building=True)
    assert built.changes == RICH.execute(built.included).changes
    assert len(built.included) + len(built.refused) == len(offered)
    assert RICH.view.rows == before


# --- delegates


def test_registering_makes_a_candidate_without_stake(book: Book) -> None:
    book.do(A, register())
    assert book.delegate(A) == Delegate(NEW_KEY, 500)
    assert candidates(book) == sorted([A, *(delegate_id(number) for number in range(4))])
    owner = DELEGATE_BY_KEY.load(book.view, NEW_KEY)
    assert owner is not None
    assert owner.data == A


def test_a_consensus_key_belongs_to_one_account(book: Book) -> None:
    refusal = refused(book, A, register(signer(1000).public_key))
    assert isinstance(refusal, Invalid)
    assert refusal.code is Code.DELEGATE_KEY_IN_USE


def test_a_consensus_key_stays_with_its_account_after_retiring(book: Book) -> None:
    book.do(A, register())
    book.do(A, RetireDelegate(), register(OTHER_KEY))
    for key in (NEW_KEY, OTHER_KEY):
        assert refused(book, B, register(key)).code is Code.DELEGATE_KEY_IN_USE
    book.do(A, RetireDelegate(), register(NEW_KEY))
    assert book.delegate(A).consensus_key == NEW_KEY


@pytest.mark.parametrize("key", [b"\x01" + bytes(31), bytes(32), b"\xff" * 32])
def test_a_consensus_key_is_a_sound_point(book: Book, key: bytes) -> None:
    refusal = refused(book, A, register(key))
    assert isinstance(refusal, Invalid)
    assert refusal.code is Code.BAD_KEY


def test_a_delegate_registers_once(book: Book) -> None:
    book.do(A, register())
    for key in (NEW_KEY, OTHER_KEY):
        assert refused(book, A, register(key)).code is Code.DELEGATE_EXISTS


def test_there_are_at_most_so_many_candidates() -> None:
    book = Book(make_genesis(candidates_max=5))
    book.do(A, register())
    refusal = refused(book, B, register(OTHER_KEY))
    assert isinstance(refusal, NotYet)
    assert (refusal.code, refusal.evidence) == (Code.DELEGATES_FULL, {"wanted": 5})
    book.do(A, RetireDelegate())
    book.do(B, register(OTHER_KEY))
    assert refused(book, A, register()).code is Code.DELEGATES_FULL


def test_retiring_leaves_the_row_and_the_stake_and_takes_the_candidacy(book: Book) -> None:
    before = book.delegate(D0)
    book.do(A, Transfer(D0, 10_000))
    book.do(D0, RetireDelegate())
    after = book.delegate(D0)
    assert after._replace(produced=0) == before._replace(retired=1)
    assert D0 not in candidates(book)


def test_only_a_delegate_in_office_retires(book: Book) -> None:
    refusal = refused(book, A, RetireDelegate())
    assert isinstance(refusal, NotYet)
    assert (refusal.code, refusal.evidence) == (Code.NOT_A_DELEGATE, {"account": A})
    book.do(A, register())
    book.do(A, RetireDelegate())
    refusal = refused(book, A, RetireDelegate())
    assert isinstance(refusal, Invalid)
    assert refusal.code is Code.DELEGATE_RETIRED


def test_who_retired_registers_again_with_new_terms_and_the_old_record(book: Book) -> None:
    book.do(A, Transfer(D0, 100_000))
    book.block(slot=12)
    book.do(D0, RetireDelegate())
    before = book.delegate(D0)
    assert before.stake == 10**9
    book.do(D0, register(NEW_KEY, 700))
    after = book.delegate(D0)
    assert (after.consensus_key, after.commission_bps, after.retired) == (NEW_KEY, 700, 0)
    assert (after.stake, after.produced - before.produced in {0, 1}, after.missed) == (before.stake, True, before.missed)
    assert D0 in candidates(book)


def test_the_last_delegate_cannot_retire() -> None:
    book = Book(make_genesis(delegates=1))
    book.do(A, Transfer(D0, 100_000))
    refusal = refused(book, D0, RetireDelegate())
    assert isinstance(refusal, NotYet)
    assert refusal.code is Code.TOO_FEW_DELEGATES
    book.do(A, register())
    book.do(D0, RetireDelegate())
    assert candidates(book) == [A]
    assert refused(book, A, RetireDelegate()).code is Code.TOO_FEW_DELEGATES


def test_a_chain_goes_on_with_a_delegate_that_retired_in_its_round(book: Book) -> None:
    """It stays active until the round closes, and its row takes the rewards."""
    book.do(A, Transfer(D0, 100_000), slot=1)
    book.do(D0, RetireDelegate(), slot=2)
    for slot in range(3, 30):
        book.block(slot=slot)
    assert D0 not in {member.account for member in book.schedule.active}
    row = DELEGATES.load(book.view, D0)
    assert row is not None
    assert row.produced == 1


# --- stake


def test_staking_locks_coins_to_the_delegate(book: Book) -> None:
    total = book.totals.total_stake
    done = book.do(A, Stake(D0, 5_000))
    assert book.account(A) == (BALANCE - 5_000 - done.fee, 1, 1)
    assert [position[:2] for position in book.stakes(A).positions] == [(D0, 5_000)]
    assert book.delegate(D0).stake == 10**9 + 5_000
    assert book.totals.total_stake == total + 5_000


def test_stakes_with_one_delegate_are_one_position(book: Book) -> None:
    book.do(A, Stake(D0, 5_000), Stake(D1, 1_000), Stake(D0, 2_000))
    assert {position.delegate: position.amount for position in book.stakes(A).positions} == {D0: 7_000, D1: 1_000}


@pytest.mark.parametrize(
    ("delegate", "amount", "family", "code", "evidence"),
    [
        (D0, 999, Invalid, Code.BAD_AMOUNT, {"found": 999, "wanted": 1_000}),
        (A, 5_000, NotYet, Code.NOT_A_DELEGATE, {"account": A}),
        (D0, AMOUNT_MAX, NotYet, Code.INSUFFICIENT_FUNDS, None),
    ],
)
def test_a_stake_is_refused(
    book: Book, delegate: bytes, amount: int, family: type[Refusal], code: Code, evidence: dict[str, Evidence] | None
) -> None:
    refusal = refused(book, A, Stake(delegate, amount))
    assert isinstance(refusal, family)
    assert refusal.code is code
    assert evidence is None or refusal.evidence == evidence


def test_nobody_stakes_with_a_retired_delegate_but_may_unstake(book: Book) -> None:
    book.do(B, register())
    book.do(A, Stake(B, 5_000))
    book.do(B, RetireDelegate())
    refusal = refused(book, A, Stake(B, 5_000))
    assert isinstance(refusal, NotYet)
    assert refusal.code is Code.DELEGATE_RETIRED
    book.do(A, ClaimRewards(B), Unstake(B, 5_000))
    assert book.stakes(A).positions == ()
    assert book.delegate(B).stake == 0


def test_an_account_has_at_most_so_many_positions() -> None:
    book = Book(make_genesis(delegates=POSITIONS_MAX + 1))
    for number in range(POSITIONS_MAX):
        book.do(A, Stake(delegate_id(number), 1_000))
    refusal = refused(book, A, Stake(delegate_id(POSITIONS_MAX), 1_000))
    assert isinstance(refusal, Invalid)
    assert refusal.code is Code.TOO_MANY_POSITIONS
    book.do(A, Stake(delegate_id(0), 1_000))
    book.do(A, Unstake(delegate_id(3), 1_000), Stake(delegate_id(POSITIONS_MAX), 1_000))
    positions = book.stakes(A).positions
    assert len(positions) == POSITIONS_MAX
    assert list(positions) == sorted(positions)


@pytest.mark.parametrize(("staked", "taken"), [(0, 1), (5_000, 5_001), (5_000, AMOUNT_MAX)])
def test_nobody_takes_back_more_than_was_staked(book: Book, staked: int, taken: int) -> None:
    if staked:
        book.do(A, Stake(D0, staked))
    refusal = refused(book, A, Unstake(D0, taken))
    assert isinstance(refusal, NotYet)
    assert (refusal.code, refusal.evidence) == (Code.NO_SUCH_STAKE, {"found": staked, "wanted": taken})


def test_unstaking_and_claiming_name_a_delegate(book: Book) -> None:
    assert refused(book, A, Unstake(B, 1)).code is Code.NOT_A_DELEGATE
    refusal = refused(book, A, ClaimRewards(B))
    assert isinstance(refusal, NotYet)
    assert refusal.code is Code.NOTHING_TO_CLAIM
    assert refused(book, A, ClaimRewards(D0)).code is Code.NOTHING_TO_CLAIM


# --- unbonding


def test_unstaked_coins_can_be_spent_exactly_from_their_slot_on(book: Book) -> None:
    book.do(A, Stake(D0, 5_000), slot=1)
    book.do(A, Unstake(D0, 3_000), slot=2)
    assert book.stakes(A).unbonding == ((3_000, 12, D0, 2),)
    everything = book.account(A).balance + 3_000 - 250
    transaction = book.transaction(A, Transfer(B, everything), fee=250)
    assert refusal_of(book, transaction, slot=11).code is Code.INSUFFICIENT_FUNDS
    book.block(transaction, slot=12)
    assert book.account(A).balance == 0
    assert book.stakes(A).unbonding == ()


def test_only_what_is_due_is_released_and_the_rest_waits(book: Book) -> None:
    book.do(A, Stake(D0, 9_000), slot=1)
    book.do(A, Unstake(D0, 1_000), slot=2)
    book.do(A, Unstake(D0, 2_000), slot=5)
    before = book.account(A).balance
    done = book.do(A, Transfer(B, 1), slot=14)
    assert book.stakes(A).unbonding == ((2_000, 15, D0, 5),)
    assert book.account(A).balance == before + 1_000 - 1 - done.fee
    assert book.account(A).staker == 1


def test_an_account_without_any_stake_left_is_marked_as_such(book: Book) -> None:
    book.do(A, Stake(D0, 5_000), slot=1)
    book.do(A, Unstake(D0, 5_000), slot=2)
    assert book.account(A).staker == 1
    book.do(A, Transfer(B, 1), slot=12)
    assert book.account(A).staker == 0
    assert book.stakes(A) == ((), ())


def test_an_account_has_at_most_so_many_amounts_unbonding(book: Book) -> None:
    book.do(A, Stake(D0, 50_000), slot=1)
    for _ in range(POSITIONS_MAX // 8):
        book.do(A, *[Unstake(D0, 100)] * 8, slot=2 if book.slot < 2 else 3)
    refusal = refusal_of(book, book.transaction(A, Unstake(D0, 100)), slot=4)
    assert isinstance(refusal, NotYet)
    assert (refusal.code, refusal.evidence) == (Code.TOO_MANY_POSITIONS, {"slot": 12})
    book.block(book.transaction(A, Unstake(D0, 100)), slot=12)
    assert len(book.stakes(A).unbonding) == POSITIONS_MAX // 2 + 1


def test_without_an_unbonding_time_coins_are_free_in_the_next_transaction() -> None:
    book = Book(make_genesis(unbonding_slots=0, reward_per_block=0))
    book.do(A, Stake(D0, 5_000))
    before = book.account(A).balance
    paid = book.do(A, Unstake(D0, 5_000)).fee
    paid += book.do(A, Transfer(A, 1)).fee
    assert book.account(A).balance == before + 5_000 - paid
