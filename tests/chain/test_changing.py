"""Changes of the terms on the ledger: who may want what, when it is agreed, when it is in force, and when it lapses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.actions import decode_action
from p2pchain.chain.actions.stake import Stake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.changing import (
    PROPOSALS,
    SCHEDULED,
    SCHEDULED_MAX,
    Change,
    Proposal,
    Requirement,
    find_requirement,
    load_proposals,
    load_scheduled,
    terms_after,
)
from p2pchain.chain.codec import decode, encode
from p2pchain.chain.errors import Code, Invalid, NotYet, Refusal
from p2pchain.chain.genesis import Genesis, GenesisAccount
from p2pchain.chain.params import Params, find_wrong, parameter_names
from p2pchain.chain.terms import Terms, load_terms
from tests.chain.ledger import Book, account_id, delegate_id
from tests.fakes.chain import make_genesis, signer

A, B = account_id(0), account_id(1)
D = [delegate_id(number) for number in range(6)]
NAMES = parameter_names()
NUMBER = {name: number for number, name in enumerate(NAMES, 1)}
NOTICE = 3
BOUNDS = {name: (low, high) for name, _, low, high in Params().bounds()}
COMPANIONS = {
    ("candidates_max", BOUNDS["candidates_max"][0]): {"delegates": 1},
    ("transaction_bytes_max", BOUNDS["transaction_bytes_max"][1]): {"block_bytes_max": 1 << 20},
}
"""What a bound of one parameter asks of another."""


def genesis(delegates: int = 4, **params: int) -> Genesis:
    """Delegates that can pay for their votes."""
    made = make_genesis("world", delegates=delegates, notice_blocks=NOTICE, **params)
    rich = tuple(GenesisAccount(signer(2000 + number).public_key, 10**15) for number in range(delegates))
    return replace(made, accounts=(*made.accounts, *rich))


@pytest.fixture
def book() -> Book:
    return Book(genesis())


def change(height: int, version: int = 1, **values: int) -> Change:
    return Change(height, version, tuple(sorted((NUMBER[name], value) for name, value in values.items())))


def vote(book: Book, wanted: Change, voters: Sequence[int] = (0, 1, 2)) -> None:
    """One block with the votes of these delegates."""
    book.block(*[book.transaction(D[number], VoteChange(*wanted)) for number in voters])


def refusal(book: Book, wanted: Change, sender: bytes = D[0]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        book.execute([book.transaction(sender, VoteChange(*wanted))])
    return caught.value


def grow_to(book: Book, height: int) -> None:
    while book.height < height:
        book.block()


def scheduled(book: Book) -> tuple[Change, ...]:
    return load_scheduled(book.view).changes


def proposals(book: Book) -> tuple[Proposal, ...]:
    return load_proposals(book.view).open


def params(book: Book) -> Params:
    """In force above the newest block: on disk and in the schedule they are the same."""
    terms = load_terms(book.view)
    assert terms == book.schedule.terms
    return terms.params


# --- agreement, and the moment at which it is in force


def test_a_change_is_agreed_with_the_vote_that_makes_the_quorum_and_not_before(book: Book) -> None:
    wanted = change(10, heartbeat_slots=30)
    vote(book, wanted, (0, 3))
    assert (scheduled(book), proposals(book)) == ((), (Proposal(wanted, tuple(sorted((D[0], D[3])))),))
    vote(book, wanted, (1,))
    assert (scheduled(book), proposals(book)) == ((wanted,), ())


def test_the_block_at_the_height_is_the_first_that_new_terms_judge(book: Book) -> None:
    vote(book, change(6, fee_per_byte=50))
    grow_to(book, 4)
    cheap = book.transaction(A, Transfer(B, 1))
    assert book.execute([cheap]).included, "the block at height 5 is judged by the terms in the state of height 4"
    book.block()
    assert params(book).fee_per_byte == 50
    with pytest.raises(Invalid) as caught:
        book.execute([cheap])
    assert caught.value.code is Code.FEE_TOO_LOW
    assert scheduled(book) == ()


def test_a_change_that_nobody_else_wants_is_never_in_force(book: Book) -> None:
    vote(book, change(6, fee_per_byte=50), (0, 1))
    grow_to(book, 8)
    assert params(book) == book.spec.genesis_params
    assert (scheduled(book), proposals(book)) == ((), ())


def test_votes_for_different_changes_do_not_add_up(book: Book) -> None:
    vote(book, change(10, heartbeat_slots=30), (0, 1))
    vote(book, change(10, heartbeat_slots=31), (2, 3))
    vote(book, change(11, heartbeat_slots=30), (2,))
    assert [len(proposal.voters) for proposal in proposals(book)] == [2, 1, 1]
    assert scheduled(book) == ()


def test_a_delegate_has_one_vote_and_may_move_it(book: Book) -> None:
    one, other = change(10, heartbeat_slots=30), change(12, heartbeat_slots=31)
    vote(book, one, (0, 1))
    vote(book, other, (0, 2))
    assert proposals(book) == (Proposal(one, (D[1],)), Proposal(other, tuple(sorted((D[0], D[2])))))
    vote(book, other, (1,))
    assert (scheduled(book), proposals(book)) == ((other,), ())


def test_a_vote_twice_is_one_vote(book: Book) -> None:
    wanted = change(10, heartbeat_slots=30)
    vote(book, wanted, (0, 1))
    vote(book, wanted, (0, 1))
    assert (scheduled(book), len(proposals(book)[0].voters)) == ((), 2)


def test_a_withdrawn_vote_no_longer_counts(book: Book) -> None:
    wanted = change(10, heartbeat_slots=30)
    vote(book, wanted, (0, 1))
    book.do(D[0], VoteChange.withdrawal())
    vote(book, wanted, (2,))
    assert (scheduled(book), len(proposals(book)[0].voters)) == ((), 2)
    with pytest.raises(NotYet) as caught:
        book.execute([book.transaction(D[0], VoteChange.withdrawal())])
    assert caught.value.code is Code.NO_OPEN_VOTE


def test_an_open_proposal_goes_once_nobody_could_vote_for_it_in_time(book: Book) -> None:
    wanted = change(6, heartbeat_slots=30)
    vote(book, wanted, (0,))
    grow_to(book, 2)
    assert proposals(book), "a vote in block 3 would still be in time"
    grow_to(book, 3)
    assert proposals(book) == ()
    assert refusal(book, wanted).code is Code.CHANGE_TOO_SOON


def test_one_delegate_alone_agrees_with_itself() -> None:
    book = Book(genesis(delegates=1, reward_per_block=5))
    vote(book, change(4, reward_per_block=7), (0,))
    grow_to(book, 4)
    assert book.totals.issued == book.genesis.issued + 3 * 5 + 7


# --- who votes


@pytest.mark.parametrize("sender", [A, D[0]], ids=["an account", "a standby"])
def test_only_the_set_that_governs_the_block_votes(sender: bytes) -> None:
    book = Book(replace(genesis(delegates=6), params=Params(delegates=4, notice_blocks=NOTICE)))
    assert sender not in {member.account for member in book.schedule.active}
    found = refusal(book, change(9, heartbeat_slots=5), sender)
    assert (type(found), found.code, found.evidence["account"]) == (NotYet, Code.NOT_ACTIVE, sender)


def test_who_leaves_the_set_no_longer_counts_and_who_comes_may_vote() -> None:
    made = replace(genesis(delegates=6), params=Params(delegates=4, notice_blocks=NOTICE))
    book = Book(made)
    wanted = change(30, heartbeat_slots=5)
    vote(book, wanted, (2, 3))
    book.do(A, Stake(D[0], 10**10))
    grow_to(book, 4)
    assert {member.account for member in book.schedule.active} == {D[0], D[3], D[4], D[5]}, "delegate 2 lost its seat at this block"
    book.block()
    assert proposals(book) == (Proposal(wanted, (D[3],)),), "the first block of the new set counts without it"
    vote(book, wanted, (0,))
    assert scheduled(book) == ()
    vote(book, wanted, (4,))
    assert scheduled(book) == (wanted,)


def test_fewer_seats_may_turn_the_votes_there_are_into_a_quorum() -> None:
    book = Book(genesis(delegates=4))
    vote(book, change(5, delegates=3), (0, 1, 3))
    wanted = change(40, heartbeat_slots=5)
    vote(book, wanted, (1, 2))
    grow_to(book, 8)
    assert len(book.schedule.active) == 3, "elected at the round's end after height 5"
    vote(book, wanted, (3,))
    assert scheduled(book) == (wanted,)


# --- what is refused


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        (change(3, heartbeat_slots=30), Code.CHANGE_TOO_SOON, "for height 3, at least 4 wanted"),
        (change(10, 3), Code.BAD_PARAMETER, "version is 3, 1 .as before. or 2 wanted"),
        (change(10), Code.BAD_PARAMETER, "change is 'empty'"),
        (change(10, candidates_max=3), Code.BAD_PARAMETER, "candidates_max is 3, at least delegates .4. wanted"),
        (change(10, block_bytes_max=65_536, transaction_bytes_max=32_769), Code.BAD_PARAMETER, "block_bytes_max is 65536, at least twice"),
        (change(10, block_bytes_max=65_536, transaction_bytes_max=26_113), Code.BAD_PARAMETER, "at least 65537 .room for one"),
    ],
)
def test_an_impossible_change_is_refused_with_what_was_found_and_wanted(book: Book, wanted: Change, code: Code, words: str) -> None:
    found = refusal(book, wanted)
    assert found.code is code
    with pytest.raises(Refusal, match=words):
        raise found


def test_a_change_is_judged_by_the_terms_as_they_will_be_then(book: Book) -> None:
    vote(book, change(10, 2, candidates_max=5))
    assert refusal(book, change(11, 2, delegates=6)).evidence["parameter"] == "candidates_max"
    assert refusal(book, change(11, 1, heartbeat_slots=9)).evidence == {
        "parameter": "version",
        "found": "1",
        "wanted": "2 (as before) or 3",
    }
    vote(book, change(9, 1, delegates=5))
    vote(book, change(11, 3))
    assert [item.height for item in scheduled(book)] == [9, 10, 11]


@pytest.mark.parametrize("name", NAMES)
def test_a_value_out_of_its_bounds_gets_into_no_transaction(name: str) -> None:
    low, high = BOUNDS[name]
    for value in {max(0, low - 1), high + 1} - {low}:
        with pytest.raises(Invalid) as caught:
            decode_action((9, 10, 1, ((NUMBER[name], value),)))
        assert caught.value.code is Code.BAD_PARAMETER
        assert (caught.value.evidence["parameter"], caught.value.evidence["found"]) == (name, str(value))


def test_slots_never_change_their_length() -> None:
    with pytest.raises(Invalid, match="slot_ms is 500, no new value") as caught:
        decode_action((9, 10, 1, ((1, 500),)))
    assert caught.value.code is Code.BAD_PARAMETER


@pytest.mark.parametrize(
    "fields",
    [
        (9, 10, 1),
        (9, 10, 0, ((3, 30),)),
        (9, 0, 1, ()),
        (9, 0, 0, ((3, 30),)),
        (9, 10, 1, ((4, 30), (3, 30))),
        (9, 10, 1, ((3, 30), (3, 30))),
        (9, 10, 1, ((3, 30, 1),)),
        (9, 10, 1, (3,)),
        (9, b"", 1, ()),
        (9, 10, True, ()),
    ],
)
def test_a_malformed_vote_is_refused(fields: tuple[object, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        decode_action(fields)  # type: ignore[arg-type]
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize("number", [0, len(NAMES) + 1, 2**63 - 1])
def test_a_parameter_that_does_not_exist_is_refused(number: int) -> None:
    with pytest.raises(Invalid) as caught:
        decode_action((9, 10, 1, ((number, 30),)))
    assert (caught.value.code, caught.value.evidence["found"]) == (Code.BAD_PARAMETER, str(number))


# --- several changes


def test_changes_come_into_force_one_after_the_other(book: Book) -> None:
    vote(book, change(12, heartbeat_slots=31, fee_per_byte=2))
    vote(book, change(11, heartbeat_slots=30))
    grow_to(book, 10)
    assert (params(book).heartbeat_slots, params(book).fee_per_byte) == (30, 1)
    grow_to(book, 11)
    assert (params(book).heartbeat_slots, params(book).fee_per_byte) == (31, 2)


def test_a_later_agreement_for_a_height_takes_the_place_of_the_earlier(book: Book) -> None:
    vote(book, change(12, 2, heartbeat_slots=31))
    vote(book, change(12, fee_per_byte=2))
    assert scheduled(book) == (change(12, fee_per_byte=2),)
    grow_to(book, 12)
    assert (book.schedule.terms.version, params(book).heartbeat_slots, params(book).fee_per_byte) == (1, 60, 2)


def test_an_agreement_on_nothing_new_cancels_what_was_scheduled_for_its_height(book: Book) -> None:
    vote(book, change(12, 2, heartbeat_slots=31))
    vote(book, change(12))
    assert (scheduled(book), proposals(book)) == ((), ())
    grow_to(book, 12)
    assert load_terms(book.view) == Terms(1, book.spec.genesis_params)


def test_a_change_that_no_longer_goes_with_the_terms_lapses(book: Book) -> None:
    vote(book, change(12, delegates=5))
    vote(book, change(10, candidates_max=4))
    vote(book, change(13, 2))
    grow_to(book, 13)
    assert (params(book).delegates, params(book).candidates_max, book.schedule.terms.version) == (4, 4, 2)
    assert scheduled(book) == ()


def test_a_cancelled_version_makes_the_one_after_it_lapse(book: Book) -> None:
    vote(book, change(12, 2))
    vote(book, change(13, 3))
    vote(book, change(12))
    grow_to(book, 14)
    assert load_terms(book.view).version == 1


def test_no_more_changes_are_scheduled_than_the_bound_but_one_may_take_the_place_of_another(book: Book) -> None:
    for number in range(SCHEDULED_MAX):
        vote(book, change(100 + number, heartbeat_slots=number + 1))
    assert len(scheduled(book)) == SCHEDULED_MAX
    assert refusal(book, change(200, heartbeat_slots=5)).code is Code.CHANGES_FULL
    vote(book, change(100, heartbeat_slots=77))
    assert len(scheduled(book)) == SCHEDULED_MAX
    assert scheduled(book)[0] == change(100, heartbeat_slots=77)


def test_votes_that_were_cast_before_the_last_place_was_taken_wait_for_room(book: Book) -> None:
    late = change(300, heartbeat_slots=5)
    vote(book, late, (3,))
    for number in range(SCHEDULED_MAX):
        vote(book, change(100 + number, heartbeat_slots=number + 1))
    assert [proposal.change for proposal in proposals(book)] == [late]
    grow_to(book, 99)
    vote(book, late, (0, 1))
    assert scheduled(book)[-1] == late


def test_a_lapsed_notice_is_that_of_the_terms_in_force(book: Book) -> None:
    """Raising the notice drops what was proposed under the shorter one."""
    vote(book, change(6, notice_blocks=1_000))
    vote(book, change(12, heartbeat_slots=5), (0,))
    grow_to(book, 4)
    assert proposals(book)
    grow_to(book, 5)
    assert proposals(book) == ()


# --- every parameter, both ends


@pytest.mark.parametrize("name", NAMES[1:])
@pytest.mark.parametrize("end", [0, 1], ids=["least", "most"])
def test_every_parameter_comes_into_force_at_both_of_its_bounds_and_back(name: str, end: int) -> None:
    book = Book(genesis(fee_per_byte=0, fee_per_work=0))
    before = params(book)
    value = BOUNDS[name][end]
    values = {name: value, **COMPANIONS.get((name, value), {})}
    vote(book, change(5, **values))
    grow_to(book, 8)
    assert params(book) == replace(before, **values)
    back = change(book.height + 8 + params(book).notice_blocks, **{item: getattr(before, item) for item in values})
    for member in book.schedule.active:
        # one a block, and in the next slot: some networks allow no more
        last = book.transaction(member.account, VoteChange(*back), valid_until=book.slot + 1, fee=2 * 10**12)
        book.block(last, building=True)
    assert scheduled(book) == (back,)
    if back.height < 1_000:
        grow_to(book, back.height)
        assert params(book) == before


VALUES = st.fixed_dictionaries({}, optional={name: st.integers(*BOUNDS[name]) for name in NAMES[1:]})


@given(VALUES)
def test_a_change_gives_terms_that_pass_every_check_or_is_refused(values: dict[str, int]) -> None:
    old = Terms(1, Params())
    wanted = change(10, 2, **values)
    merged = {name: value for name, value, _, _ in old.params.bounds()} | values
    if find_wrong(list(merged.values())) is None:
        assert terms_after(old, wanted) == Terms(2, Params(**merged))
    else:
        assert terms_after(old, wanted) == old
        assert refusal(Book(genesis()), wanted).code is Code.BAD_PARAMETER


@given(VALUES, st.integers(1, 2**62), st.integers(1, 2**31 - 1))
def test_a_vote_is_read_as_it_was_written(values: dict[str, int], height: int, version: int) -> None:
    action = VoteChange(*change(height, version, **values))
    assert decode_action(decode(encode(action.to_value()), what="action")) == action
    assert action.view()["values"] == {name: values[name] for name in NAMES if name in values}


@given(st.lists(st.tuples(st.integers(1, 9), VALUES, st.sets(st.binary(min_size=2, max_size=2), min_size=1)), max_size=3))
def test_the_rows_are_read_as_they_were_written(items: list[tuple[int, dict[str, int], set[bytes]]]) -> None:
    made = tuple(Proposal(change(height, **values), tuple(sorted(voters))) for height, values, voters in items)
    assert PROPOSALS.decode(encode((made,))).open == made
    changes = tuple(proposal.change for proposal in made)
    assert SCHEDULED.decode(encode((changes,))).changes == changes


def test_a_vote_for_one_parameter_fits_the_smallest_transaction_that_a_network_may_allow(book: Book) -> None:
    """Or lowering `transaction_bytes_max` would be for ever."""
    largest = VoteChange(2**62, 2**31 - 1, ((NUMBER["stake_min"], 10**18),))
    made = book.transaction(D[0], largest, nonce=2**62, valid_until=2**62, fee=2**62)
    assert len(made.raw) <= BOUNDS["transaction_bytes_max"][0]


# --- what a node must know


def test_the_first_block_beyond_what_a_node_knows_is_foreseen() -> None:
    terms = Terms(1, Params())
    upgrades = (change(20, fee_per_byte=3), change(30, 2), change(40, 3), change(50, 9))
    assert find_requirement(terms, upgrades, 10, 1) == Requirement(2, 30)
    assert find_requirement(terms, upgrades, 10, 2) == Requirement(3, 40)
    assert find_requirement(terms, upgrades, 10, 3) is None, "the step to 9 will lapse"
    assert find_requirement(Terms(2, Params()), (), 30, 1) == Requirement(2, 31)
