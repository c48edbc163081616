"""S2b and F16: what convicts and what does not, and what each refusal costs."""

from itertools import combinations, permutations, product

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.actions.delegate import RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import verify_batch
from p2pchain.chain.errors import Code, Invalid, Refusal
from p2pchain.chain.evidence import MESSAGE_BYTES_MAX, Said, convict, decode_statement, in_order
from p2pchain.chain.outcomes import MEANINGS, Failure, failures_in
from p2pchain.chain.penalty import kept_share, unbonding_amount
from p2pchain.chain.state import CANDIDATES, Unbonding
from p2pchain.chain.transaction import decode_transaction, signature_checks
from p2pchain.chain.types import KEY_BYTES, ChainId
from p2pchain.chain.votes import Kind
from tests.chain.ledger import Book, account_id, delegate_id
from tests.chain.offences import ballot_of, header_of, message_of, pair_of
from tests.chain.test_supply import validate
from tests.fakes.chain import make_genesis, signer

A, B, D0, D1 = account_id(0), account_id(1), delegate_id(0), delegate_id(1)
KEY = signer(1000)
"""Of delegate 0."""
CHAIN = make_genesis().chain_id
OTHER_CHAIN = ChainId(bytes(32))
SAID = tuple(Said)


def new_book(*, delegates: int = 4, **params: int) -> Book:
    return Book(make_genesis("world", delegates=delegates, **{"unbonding_slots": 10, **params}))


def evidence(book: Book, slot: int, *, key: int = 1000, said: Said = Said.VOTE) -> SubmitEvidence:
    return SubmitEvidence(*pair_of(signer(key), book.spec.chain_id, slot, said=said))


def code_of(first: bytes, second: bytes) -> Code | None:
    try:
        convict(*in_order(first, second), CHAIN)
    except Refusal as refusal:
        return refusal.code
    return None


# --- the judgement


@pytest.mark.parametrize("said", SAID)
def test_two_different_messages_of_a_kind_by_one_key_in_one_slot_convict(said: Said) -> None:
    first, second = pair_of(KEY, CHAIN, 7, said=said)
    assert convict(first, second, CHAIN) == (KEY.public_key, said, 7)


def test_headers_convict_also_at_different_parents_and_heights() -> None:
    assert code_of(header_of(KEY, CHAIN, 7, parent=1), header_of(KEY, CHAIN, 7, parent=2, height=9)) is None


def test_a_ballot_that_lies_about_the_height_of_its_block_contradicts_the_true_one() -> None:
    assert code_of(ballot_of(KEY, CHAIN, 7, height=1), ballot_of(KEY, CHAIN, 7, height=2)) is None


@pytest.mark.parametrize("said", SAID)
def test_what_an_honest_delegate_may_sign_convicts_nobody(said: Said) -> None:
    one = message_of(said, KEY, CHAIN, 7)
    with pytest.raises(Invalid) as caught:
        convict(one, one, CHAIN)
    assert caught.value.code is Code.BAD_EVIDENCE
    assert code_of(one, message_of(said, KEY, CHAIN, 8, block=2)) is Code.BAD_EVIDENCE
    assert code_of(one, message_of(said, signer(1001), CHAIN, 7, block=2)) is Code.BAD_EVIDENCE
    for other in SAID:
        if other is not said:
            assert code_of(one, message_of(other, KEY, CHAIN, 7, block=2)) is Code.BAD_EVIDENCE


@pytest.mark.parametrize("said", SAID)
def test_a_message_for_another_chain_or_by_another_hand_convicts_nobody(said: Said) -> None:
    one, foreign = message_of(said, KEY, CHAIN, 7), message_of(said, KEY, OTHER_CHAIN, 7, block=2)
    assert code_of(one, foreign) is Code.BAD_SIGNATURE
    forged = message_of(said, KEY, CHAIN, 7, block=2)
    assert code_of(one, forged[:-1] + bytes((forged[-1] ^ 1,))) is Code.BAD_SIGNATURE


def test_a_vote_passed_off_as_a_confirm_is_not_signed() -> None:
    vote, confirm = ballot_of(KEY, CHAIN, 7), ballot_of(KEY, CHAIN, 7, kind=Kind.CONFIRM, block=2)
    passed_off = encode((2, *_fields(vote)[1:]))
    assert code_of(passed_off, confirm) is Code.BAD_SIGNATURE


def test_the_same_ballot_with_another_signature_is_the_same_ballot() -> None:
    vote = ballot_of(KEY, CHAIN, 7)
    kind, body, voter, _ = _fields(vote)
    assert code_of(vote, encode((kind, body, voter, bytes(64)))) is Code.BAD_EVIDENCE


def test_one_pair_has_one_encoding() -> None:
    first, second = pair_of(KEY, CHAIN, 7)
    with pytest.raises(Invalid) as caught:
        convict(second, first, CHAIN)
    assert caught.value.code is Code.BAD_EVIDENCE


MESSAGES = [(key, said, slot, block) for key, said, slot, block in product((1000, 1001), SAID, (7, 8), (1, 2))]


def test_a_pair_convicts_exactly_if_key_kind_and_slot_agree_and_the_subject_does_not() -> None:
    for (key, said, slot, block), other in combinations(MESSAGES, 2):
        first, second = (message_of(s, signer(k), CHAIN, at, block=b) for k, s, at, b in ((key, said, slot, block), other))
        wanted = None if (key, said, slot) == other[:3] and block != other[3] else Code.BAD_EVIDENCE
        assert code_of(first, second) is wanted


@given(st.binary(max_size=MESSAGE_BYTES_MAX + 9))
def test_any_bytes_are_a_signed_message_or_invalid(raw: bytes) -> None:
    for data in (raw, encode((raw, bytes(64))), encode((1, raw, bytes(32), bytes(64)))):
        try:
            decode_statement(data)
        except Invalid:
            continue


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        encode(7),
        encode((1, 2, 3)),
        encode((encode((1, 2, 3, bytes(32))), bytes(64))),
        encode((encode((1, 1, 0, bytes(32), bytes(32))), bytes(64))),
        encode((encode((1, 1, 7, bytes(32), bytes(31))), bytes(64))),
        encode((encode((1, 1, 7, bytes(32), bytes(32))), bytes(63))),
        encode((3, encode((7, 1, bytes(32))), bytes(32), bytes(64))),
        encode((1, encode((0, 1, bytes(32))), bytes(32), bytes(64))),
        bytes(MESSAGE_BYTES_MAX + 1),
    ],
)
def test_what_is_no_signed_message_gets_into_no_transaction_and_costs_nothing(raw: bytes) -> None:
    book = new_book()
    good = message_of(Said.VOTE, KEY, book.spec.chain_id, 1)
    for pair in ((raw, good), (good, raw)):
        with pytest.raises(Invalid) as caught:
            book.transaction(A, SubmitEvidence(*pair))
        assert caught.value.code in {Code.MALFORMED, Code.OVERSIZED, Code.NON_CANONICAL}


def test_both_inner_signatures_are_checked_with_the_senders() -> None:
    book = new_book()
    good, bad = evidence(book, 1), evidence(book, 1)
    bad = bad._replace(first=bad.first[:-1] + bytes((bad.first[-1] ^ 1,)))
    for action, wanted in ((good, [True, True]), (bad, [False, True])):
        checks = signature_checks(decode_transaction(book.transaction(A, action).raw, book.spec), ChainId(book.spec.chain_id))
        assert verify_batch(checks[1:]) == wanted


def _fields(raw: bytes) -> tuple[object, ...]:
    return tuple(msgpack.unpackb(raw, use_list=False))


# --- conviction


@pytest.mark.parametrize("said", SAID)
def test_a_conviction_takes_its_share_pays_the_reporter_and_burns_the_rest(said: Said) -> None:
    book = new_book(slash_bps=1_000, evidence_reward_bps=500)
    book.do(B, Stake(D0, 10**6 + 7))
    stake, balance = book.delegate(D0).stake, book.account(A).balance
    done = book.do(A, evidence(book, 1, said=said))
    taken = stake - kept_share(stake, 1_000)
    assert book.delegate(D0).stake == stake - taken
    assert (book.delegate(D0).convicted_slot, book.delegate(D0).offence_slot, book.delegate(D0).slashed_bps) == (2, 1, 1_000)
    assert book.account(A).balance == balance - done.fee + taken * 500 // 10_000
    assert book.totals.burned == taken - taken * 500 // 10_000
    assert D0 not in _candidates(book)
    validate(book)


def test_every_staker_loses_the_same_share_whenever_it_looks() -> None:
    book = new_book(slash_bps=1_000)
    book.do(A, Stake(D0, 99_999))
    book.do(B, Stake(D0, 1_003))
    book.do(B, evidence(book, 1))
    validate(book)
    book.do(A, Unstake(D0, kept_share(99_999, 1_000)))
    book.do(B, ClaimRewards(D0))
    assert [position.amount for position in book.stakes(B).positions] == [kept_share(1_003, 1_000)]
    assert not book.stakes(A).positions
    for _ in range(3):
        book.do(B, ClaimRewards(D0))
    assert [position.amount for position in book.stakes(B).positions] == [kept_share(1_003, 1_000)]
    validate(book)


def test_more_than_what_is_left_cannot_be_unstaked() -> None:
    book = new_book(slash_bps=1_000)
    book.do(A, Stake(D0, 10_000))
    book.do(B, evidence(book, 1))
    with pytest.raises(Refusal) as caught:
        book.execute([book.transaction(A, Unstake(D0, 9_001))])
    assert caught.value.code is Code.NO_SUCH_STAKE
    book.do(A, Unstake(D0, 9_000))
    validate(book)


def test_rewards_of_before_are_paid_on_the_whole_stake_and_none_are_earned_after() -> None:
    book = new_book(delegates=1, reward_per_block=10**6, slash_bps=5_000, fee_per_byte=0, fee_per_work=0)
    book.do(A, Stake(D0, 10**9))
    twin = new_book(delegates=1, reward_per_block=10**6, slash_bps=5_000, fee_per_byte=0, fee_per_work=0)
    twin.do(A, Stake(D0, 10**9))
    book.block()
    twin.block()
    issued = book.totals.issued
    book.do(B, evidence(book, 1))
    for _ in range(3):
        book.block()
    assert book.totals.issued == issued
    before = (book.account(A).balance, twin.account(A).balance)
    book.do(A, ClaimRewards(D0))
    # the twin claims at the end of the same two blocks
    twin.do(A, ClaimRewards(D0))
    assert book.account(A).balance - before[0] == twin.account(A).balance - before[1] > 0
    validate(book)


def test_a_slash_of_everything_leaves_positions_that_a_claim_clears() -> None:
    book = new_book(slash_bps=10_000)
    book.do(A, Stake(D0, 5_000))
    book.do(B, evidence(book, 1))
    assert book.delegate(D0).stake == 0
    book.do(A, ClaimRewards(D0))
    assert not book.stakes(A).positions
    assert book.account(A).staker == 0
    validate(book)


def test_a_convicted_delegate_sits_until_its_round_ends_and_then_leaves_for_good() -> None:
    book = new_book()
    seats = {member.account for member in book.schedule.active}
    book.do(A, evidence(book, 1))
    assert {member.account for member in book.schedule.active} == seats
    while book.slot < 4:
        book.block()
    assert {member.account for member in book.schedule.active} == seats - {D0}
    book.do(A, Transfer(D0, 10**6))
    for action, code in (
        (RegisterDelegate(signer(77).public_key, 0, bytes(64)), Code.DELEGATE_CONVICTED),
        (RegisterDelegate(KEY.public_key, 0, bytes(64)), Code.DELEGATE_CONVICTED),
        (RetireDelegate(), Code.DELEGATE_RETIRED),
        (Stake(D0, 5_000), Code.DELEGATE_CONVICTED),
    ):
        with pytest.raises(Refusal) as caught:
            book.execute([book.transaction(D0, action)])
        assert caught.value.code is code


def test_the_last_delegate_is_convicted_and_sits_on_until_somebody_else_stands() -> None:
    book = new_book(delegates=1)
    book.do(A, evidence(book, 1))
    assert _candidates(book) == []
    for _ in range(3):
        book.block()
    assert [member.account for member in book.schedule.active] == [D0]
    book.do(B, RegisterDelegate(signer(77).public_key, 0, bytes(64)), Stake(B, 5_000))
    assert [member.account for member in book.schedule.active] == [B]
    validate(book)


def test_who_sits_unconvicted_goes_before_who_sits_convicted_where_nobody_has_stake() -> None:
    book = new_book(delegates=2, slash_bps=10_000)
    paid = book.transaction(A, Transfer(D1, 10**6))
    leaving = book.transaction(D1, Unstake(D1, book.stakes(D1).positions[0].amount))
    convicting = book.transaction(B, evidence(book, 1))
    book.block(paid, leaving, convicting)
    book.block()
    assert [member.account for member in book.schedule.active] == [D1]


def test_a_retired_delegate_is_convicted_under_its_old_key() -> None:
    book = new_book()
    book.do(A, Transfer(D0, 10**6))
    book.do(D0, RetireDelegate())
    book.do(D0, RegisterDelegate(signer(77).public_key, 0, bytes(64)))
    book.do(A, evidence(book, 1))
    assert book.delegate(D0).convicted_slot
    validate(book)


# --- what it costs


def outcome(book: Book, *actions: SubmitEvidence | Transfer, sender: bytes = A) -> tuple[Failure, ...]:
    """Failures of a block with one transaction, and that it cost its fee and did nothing else."""
    before = book.account(sender)
    transaction = book.transaction(sender, *actions)
    rows = book.block(transaction).changes.rows
    if failures_in(rows):
        assert book.account(sender) == before._replace(balance=before.balance - transaction.fee, nonce=before.nonce + 1)
    return failures_in(rows)


def test_evidence_that_proves_nothing_is_included_and_costs_its_fee() -> None:
    book = new_book()
    chain = book.spec.chain_id
    vote, other = ballot_of(KEY, chain, 1), ballot_of(KEY, chain, 2, block=2)
    assert outcome(book, SubmitEvidence(vote, vote)) == (Failure(0, "bad_evidence"),)
    assert outcome(book, SubmitEvidence(*in_order(vote, other))) == (Failure(0, "bad_evidence"),)
    assert outcome(book, SubmitEvidence(*reversed(pair_of(KEY, chain, 1)))) == (Failure(0, "bad_evidence"),)
    assert not book.convicted()


def test_all_actions_of_a_failed_transaction_are_undone() -> None:
    book = new_book()
    vote = ballot_of(KEY, book.spec.chain_id, 1)
    assert outcome(book, evidence(book, 1), Transfer(B, 5), SubmitEvidence(vote, vote)) == (Failure(0, "bad_evidence"),)
    assert not book.convicted()
    assert book.account(B).balance == new_book().account(B).balance
    validate(book)


def test_a_key_of_no_delegate_and_a_delegate_convicted_already_cost_their_fee() -> None:
    book = new_book()
    assert outcome(book, evidence(book, 1, key=99)) == (Failure(0, "not_a_delegate"),)
    assert outcome(book, evidence(book, 1)) == ()
    assert outcome(book, evidence(book, 1), sender=B) == (Failure(0, "known_evidence"),)
    assert outcome(book, evidence(book, 2, said=Said.BLOCK)) == (Failure(0, "known_evidence"),)


def test_of_two_reporters_in_one_block_the_second_pays_and_gets_nothing() -> None:
    book = new_book()
    book.block()
    first, second = book.transaction(B, evidence(book, 1)), book.transaction(A, evidence(book, 1))
    before = book.account(A).balance
    executed = book.block(first, second)
    assert failures_in(executed.changes.rows) == (Failure(1, "known_evidence"),)
    assert book.account(A).balance == before - second.fee
    validate(book)


def test_evidence_is_stale_when_the_stake_of_its_slot_is_free() -> None:
    for slot, wanted in ((11, ()), (12, (Failure(0, "stale_evidence"),))):
        book = new_book()
        transaction = book.transaction(A, evidence(book, 1))
        assert failures_in(book.block(transaction, slot=slot).changes.rows) == wanted


def test_an_offence_in_a_future_slot_convicts_as_of_now() -> None:
    book = new_book()
    assert outcome(book, evidence(book, 10**9)) == ()
    assert book.delegate(D0).offence_slot == 1


def test_a_failed_transaction_is_the_same_in_building_and_in_checking() -> None:
    book = new_book()
    vote = ballot_of(KEY, book.spec.chain_id, 1)
    offered = [book.transaction(A, SubmitEvidence(vote, vote)), book.transaction(B, evidence(book, 1, key=99))]
    built = book.execute(offered, building=True)
    assert built.included == offered
    assert built.changes == book.execute(offered).changes
    assert [failure.position for failure in failures_in(built.changes.rows)] == [0, 1]


def test_other_refusals_still_keep_a_transaction_out_of_every_block() -> None:
    book = new_book()
    offered = [book.transaction(A, Transfer(B, 10**15), evidence(book, 1))]
    assert not book.execute(offered, building=True).included
    with pytest.raises(Refusal):
        book.execute(offered)


def test_every_charged_code_has_a_meaning_for_people() -> None:
    assert set(MEANINGS) == {"bad_evidence", "stale_evidence", "known_evidence", "not_a_delegate"}


# --- unbonding


def test_unbonding_coins_are_cut_exactly_from_the_offence_on_and_while_they_are_not_free() -> None:
    delegate = new_book().delegate(D0)._replace(convicted_slot=20, offence_slot=15, slashed_bps=1_000)

    def released(began: int, release: int, owner: bytes = D0) -> int:
        return unbonding_amount(Unbonding(1_000, release, owner, began), lambda _: delegate)

    assert [released(began, began + 10) for began in (9, 14, 15, 16, 20)] == [1_000, 1_000, 900, 900, 900]
    assert [released(15, release) for release in (19, 20, 21)] == [1_000, 1_000, 900]
    assert released(16, 26, b"") == 1_000


def test_who_unstakes_between_offence_and_conviction_is_cut_at_the_release() -> None:
    book = new_book(slash_bps=1_000)
    book.do(A, Stake(D0, 10_000))
    book.do(B, Stake(D0, 10_000))
    book.do(A, Unstake(D0, 10_000), slot=3)
    book.do(B, evidence(book, 3))
    burned, balance = book.totals.burned, book.account(A).balance
    assert book.slot == 4
    validate(book)
    done = book.do(A, Transfer(B, 1), slot=13)
    assert book.account(A).balance == balance + 9_000 - 1 - done.fee
    assert book.totals.burned == burned + 1_000
    validate(book)


def test_who_unstakes_after_the_conviction_is_not_cut_twice() -> None:
    book = new_book(slash_bps=1_000)
    book.do(A, Stake(D0, 10_000))
    convicting, leaving = book.transaction(B, evidence(book, 2)), book.transaction(A, Unstake(D0, 9_000))
    book.block(convicting, leaving)
    balance = book.account(A).balance
    done = book.do(A, Transfer(B, 1), slot=12)
    assert book.account(A).balance == balance + 9_000 - 1 - done.fee
    validate(book)


def test_who_unstakes_in_the_block_of_the_conviction_before_it_is_cut_once() -> None:
    book = new_book(slash_bps=1_000)
    book.do(A, Stake(D0, 10_000))
    leaving, convicting = book.transaction(A, Unstake(D0, 10_000)), book.transaction(B, evidence(book, 2))
    book.block(leaving, convicting)
    balance = book.account(A).balance
    done = book.do(A, Transfer(B, 1), slot=12)
    assert book.account(A).balance == balance + 9_000 - 1 - done.fee
    validate(book)


# --- branches and replays


def test_a_conviction_on_a_branch_that_falls_away_has_not_happened() -> None:
    book = new_book()
    book.block()
    convicted = book.execute([book.transaction(A, evidence(book, 1))])
    assert failures_in(convicted.changes.rows) == ()
    book.block()
    assert not book.convicted()
    assert outcome(book, evidence(book, 1)) == ()


@given(st.permutations([0, 1, 2]))
def test_the_same_blocks_give_the_same_root(order: list[int]) -> None:
    books = [new_book(), new_book()]
    for book in books:
        for key in order:
            book.do(A, evidence(book, book.slot + 1, key=1000 + key))
    assert books[0].state_root == books[1].state_root
    assert len(books[0].convicted()) == 3


def test_the_order_of_convictions_does_not_matter_to_what_is_left() -> None:
    stakes = set()
    for order in permutations((1000, 1001, 1002)):
        book = new_book()
        for key in order:
            book.do(A, evidence(book, book.slot + 1, key=key))
        stakes.add((book.totals.total_stake, book.totals.burned))
    assert len(stakes) == 1


def _candidates(book: Book) -> list[bytes]:
    row = CANDIDATES.load(book.view)
    data = row.data if row else b""
    return [data[i : i + KEY_BYTES] for i in range(0, len(data), KEY_BYTES)]
