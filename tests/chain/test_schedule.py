from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.actions.delegate import ComeBack, RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.stake import Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.params import Params
from p2pchain.chain.schedule import Schedule, Turn, elect, limit_turnover, next_seed, quorum
from p2pchain.chain.state import CANDIDATES, DELEGATES, ActiveDelegate, Changes, Delegate, Globals, Ledger, Single
from p2pchain.chain.terms import Terms
from p2pchain.chain.transition import HEARTBEATS_COUNTED_MAX
from p2pchain.chain.tree import CERTIFIED_FACTOR
from p2pchain.chain.types import ZERO_HASH, Slot
from p2pchain.chain.votes import VOTERS_MAX
from tests.chain.ledger import Book, account_id, delegate_id
from tests.fakes.chain import make_genesis, signer

A = account_id(0)
TERMS = Terms(1, Params())


def member(number: int, stake: int = 1_000) -> ActiveDelegate:
    account = number.to_bytes(32, "big")
    return ActiveDelegate(account, account, stake)


def schedule(members: int, *, start: int = 1, number: int = 0, seed: bytes = bytes(32)) -> Schedule:
    active = tuple(member(place) for place in range(members))
    return Schedule(Globals(number, start, seed, bytes(32), active, 0, 0, 0), TERMS)


def round_of(one: Schedule, first: int) -> list[bytes]:
    return [one.turn(slot).delegate.account for slot in range(first, first + len(one.active))]


# --- turns


@pytest.mark.parametrize("members", [1, 2, 3, 4, 7, 31, 101])
def test_every_active_delegate_leads_once_in_every_round(members: int) -> None:
    one = schedule(members, start=8, number=5)
    everybody = sorted(item.account for item in one.active)
    for passed in range(6):
        first = 8 + passed * members
        assert sorted(round_of(one, first)) == everybody
        assert {one.turn(slot).round for slot in range(first, first + members)} == {5 + passed}


def test_every_active_delegate_leads_once_in_a_round_while_its_blocks_are_made() -> None:
    """The order stands when the round begins: the blocks of the round do not shuffle what is left of it."""
    book = Book(make_genesis(delegates=7))
    for _ in range(5):
        planned = round_of(book.schedule, book.slot + 1)
        led = []
        for _ in range(7):
            led.append(book.schedule.turn(book.slot + 1).delegate.account)
            book.block()
        assert led == planned
        assert len(set(led)) == 7


@given(st.permutations(range(9)), st.binary(min_size=32, max_size=32), st.integers(0, 2**40))
def test_the_order_does_not_depend_on_how_the_set_is_listed(places: list[int], seed: bytes, number: int) -> None:
    listed = tuple(member(place) for place in places)
    sorted_set = tuple(sorted(listed))
    one, other = (Schedule(Globals(number, 1, seed, seed, active, 0, 0, 0), TERMS) for active in (listed, sorted_set))
    assert round_of(one, 1) == round_of(other, 1)


def test_rounds_differ_in_order_and_seeds_do_too() -> None:
    one = schedule(7)
    orders = [tuple(round_of(one, 1 + 7 * passed)) for passed in range(8)]
    orders.append(tuple(round_of(schedule(7, seed=b"\x01" * 32), 1)))
    assert len(set(orders)) == len(orders)


def test_looking_far_ahead_and_back_changes_nothing() -> None:
    one = schedule(5)
    near = [one.turn(slot) for slot in range(1, 21)]
    for slot in range(1, 2_000, 5):
        one.turn(slot)
    assert [one.turn(slot) for slot in range(1, 21)] == near
    assert len(one._orders) <= Schedule._ORDERS_MAX


def test_over_many_rounds_every_place_is_shared_fairly() -> None:
    """A delegate that were always first, or never, would have an edge. 2,000 draws of 1 in 4: 500, give or take 6 sigma."""
    one = schedule(4)
    for place in range(4):
        firsts = Counter(one.turn(1 + place + 4 * passed).delegate.account for passed in range(2_000))
        assert all(abs(count - 500) < 6 * 19.4 for count in firsts.values())


def test_a_slot_before_the_round_belongs_to_nobody() -> None:
    with pytest.raises(AssertionError):
        schedule(4, start=9).turn(8)


# --- rounds


@pytest.mark.parametrize(("slot", "closes"), [(9, False), (11, False), (12, True), (13, True), (500, True)])
def test_a_round_is_closed_by_the_first_block_at_or_after_its_last_slot(slot: int, *, closes: bool) -> None:
    assert schedule(4, start=9).closes_round(slot) is closes


@pytest.mark.parametrize(
    ("slots", "number", "start"),
    [
        ([1, 2, 3], 0, 1),
        ([1, 2, 3, 4], 1, 5),
        ([4], 1, 5),
        ([2, 3], 0, 1),
        ([2, 5], 2, 6),
        ([8], 2, 9),
        ([9], 3, 10),
        ([1, 100], 25, 101),
        ([4, 5, 8], 2, 9),
    ],
)
def test_rounds_follow_each_other_also_where_slots_stay_empty(slots: list[int], number: int, start: int) -> None:
    book = Book(make_genesis())
    for slot in slots:
        book.block(slot=slot)
    assert (book.schedule.round, book.schedule.start_slot) == (number, start)
    assert book.schedule.turn(start).round == number


@given(st.lists(st.integers(1, 15), min_size=1, max_size=25))
def test_round_numbers_never_go_back(gaps: list[int]) -> None:
    book = Book(make_genesis())
    last = 0
    for gap in gaps:
        slot = book.slot + gap
        number = book.schedule.turn(slot).round
        assert number >= last
        last = number
        book.block(slot=slot)
        assert book.schedule.turn(slot + 1).round >= last


def test_transactions_do_not_steer_the_seed_and_it_holds_for_a_round() -> None:
    """Neither transactions nor who sent them steer the order; filling a slot or not does, from the next round on."""
    empty, full, gap = Book(make_genesis()), Book(make_genesis()), Book(make_genesis())
    for _ in range(4):
        empty.block()
        full.do(A, Transfer(account_id(1), 5))
        if empty.slot < 4:
            assert empty.schedule.seed == full.schedule.seed == empty.genesis.chain_id
    for slot in (1, 3, 4):
        gap.block(slot=slot)
    assert empty.schedule.seed == full.schedule.seed != empty.genesis.chain_id
    assert gap.schedule.seed != empty.schedule.seed
    assert len({next_seed(bytes(32), slot, bytes((value,)) * 32) for slot in (1, 2) for value in (0, 1)}) == 4


# --- elections


def ledger_of(stakes: dict[int, int]) -> Ledger:
    ledger = Ledger(Changes({}, ZERO_HASH))
    ids = {number: number.to_bytes(32, "big") for number in stakes}
    for number, stake in stakes.items():
        ledger.put(DELEGATES, ids[number], Delegate(signer(1000 + number).public_key, 0, stake))
    ledger.put(CANDIDATES, b"", Single(b"".join(sorted(ids.values()))))
    return ledger


@given(st.dictionaries(st.integers(0, 12), st.integers(0, 3_000), min_size=1), st.integers(1, 12))
def test_the_heaviest_are_elected_and_the_smaller_id_goes_first(stakes: dict[int, int], seats: int) -> None:
    params = Params(delegates=seats, stake_min=500)
    seated = (member(99),)
    fit = [number for number in stakes if stakes[number] >= 500]
    wanted = sorted(fit, key=lambda number: (-stakes[number], number))[:seats]
    chosen = elect(ledger_of(stakes), params, seated)
    assert [item.account for item in chosen] == ([number.to_bytes(32, "big") for number in wanted] or [seated[0].account])


def test_a_registration_without_stake_takes_no_free_seat() -> None:
    """Or a third of the votes would cost a few fees."""
    genesis = make_genesis(delegates=7)
    book = Book(replace(genesis, params=Params(delegates=9, stake_min=5_000)))
    book.block(*(book.transaction(account_id(i), RegisterDelegate(signer(50 + i).public_key, 0, bytes(64))) for i in range(3)))
    book.do(account_id(3), Stake(account_id(1), 5_000))
    book.block(slot=20)
    assert {item.account for item in book.schedule.active} - {delegate_id(i) for i in range(7)} == {account_id(1)}


def test_stake_decides_from_the_next_round_on() -> None:
    book = Book(replace(make_genesis(delegates=5), params=Params(delegates=4)))
    before = {item.account for item in book.schedule.active}
    assert before == {delegate_id(number) for number in (1, 2, 3, 4)}
    book.do(A, Stake(delegate_id(0), 10**9), slot=2)
    assert {item.account for item in book.schedule.active} == before
    book.block(slot=4)
    assert {item.account for item in book.schedule.active} == {delegate_id(number) for number in (0, 2, 3, 4)}
    assert book.schedule.keys == {signer(1000 + number).public_key for number in (0, 2, 3, 4)}


def test_who_retired_is_not_elected_again() -> None:
    book = Book(make_genesis())
    book.do(A, Transfer(delegate_id(2), 10**6), slot=1)
    book.do(delegate_id(2), RetireDelegate(), slot=2)
    book.block(slot=4)
    assert {item.account for item in book.schedule.active} == {delegate_id(number) for number in (0, 1, 3)}


def test_where_nobody_has_the_stake_those_who_sit_stay() -> None:
    """A chain must not elect the empty set: nobody could produce a block that elects another."""
    book = Book(make_genesis(delegates=1, unbonding_slots=0))
    book.do(A, Transfer(delegate_id(0), 10**6))
    seated = book.schedule.active
    book.do(delegate_id(0), Unstake(delegate_id(0), 10**9))
    for _ in range(5):
        book.block()
    assert [item.account for item in book.schedule.active] == [item.account for item in seated]


# --- heartbeats


def missed(book: Book) -> int:
    return sum(row.missed for row in book.all_delegates())


def test_only_empty_heartbeat_slots_are_misses() -> None:
    book = Book(make_genesis(heartbeat_slots=10))
    for slot in (1, 5, 9, 10, 19):
        book.block(slot=slot)
    assert missed(book) == 0
    leader = book.schedule.turn(20).delegate.account
    book.block(slot=21)
    assert missed(book) == 1
    assert book.delegate(leader).missed == 1


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(1, 12))
def test_every_empty_heartbeat_is_counted_once_unless_more_than_may_fail_missed_in_the_gap(gaps: list[int], heartbeat_slots: int) -> None:
    book = Book(make_genesis(heartbeat_slots=heartbeat_slots, misses_max=1_000))
    for gap in gaps:
        slot = book.slot + gap
        wanted = Counter(book.schedule.turn(empty).delegate.account for empty in range(book.slot + 1, slot) if empty % heartbeat_slots == 0)
        if len(wanted) > 1:
            wanted.clear()
        before = {number: book.delegate(delegate_id(number)).missed for number in range(4)}
        book.block(slot=slot)
        for number in range(4):
            assert book.delegate(delegate_id(number)).missed == before[number] + wanted[delegate_id(number)]


@pytest.mark.parametrize("heartbeat_slots", [1, 7])
def test_a_long_silence_of_all_is_nobodys_miss(heartbeat_slots: int) -> None:
    book = Book(make_genesis(heartbeat_slots=heartbeat_slots))
    for slot in (1, 100 * heartbeat_slots + 1, 10**12):
        book.block(slot=slot)
    assert missed(book) == 0


def test_no_more_heartbeats_are_looked_at_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(make_genesis(heartbeat_slots=1))
    absentee = book.schedule.turn(1)
    asked: list[int] = []

    def turn(_: Schedule, slot: int) -> Turn:
        asked.append(slot)
        return absentee._replace(slot=Slot(slot))

    monkeypatch.setattr(Schedule, "turn", turn)
    book.block(slot=10**9)
    assert len({slot for slot in asked if slot != 10**9}) == HEARTBEATS_COUNTED_MAX


def test_nothing_is_a_miss_above_a_block_that_no_quorum_voted_for() -> None:
    """Half of a network that is cut in two must not demote the other half on its branch."""
    book = Book(make_genesis(heartbeat_slots=1))
    book.is_certifying = False
    for slot in range(1, 60, 2):
        book.block(slot=slot)
    assert missed(book) == 0
    book.is_certifying = True
    book.block(slot=61)
    assert missed(book) == 1


# --- demotion


def absent(book: Book, who: bytes, slots: int) -> None:
    """Everybody but `who` fills its slots."""
    for slot in range(book.slot + 1, book.slot + 1 + slots):
        if book.schedule.turn(slot).delegate.account != who:
            book.block(slot=slot)


def seats(book: Book) -> set[bytes]:
    return {item.account for item in book.schedule.active}


def test_too_many_misses_in_a_row_demote_and_a_standby_takes_the_seat() -> None:
    book = Book(replace(make_genesis(delegates=5), params=Params(delegates=4, heartbeat_slots=1, misses_max=3)))
    victim = delegate_id(4)
    while book.delegate(victim).missed_in_row < 2:
        absent(book, victim, 3)
    assert book.delegate(victim).demoted == 0
    assert victim in seats(book)
    absent(book, victim, 12)
    row = book.delegate(victim)
    assert (row.demoted, row.stake) == (1, 10**9 + 4), "no stake is lost"
    assert seats(book) == {delegate_id(number) for number in range(4)}


def test_the_set_never_shrinks_by_demotion() -> None:
    """Three seats of four would take all three for a quorum: worse than a seat that stays empty for a while."""
    book = Book(make_genesis(heartbeat_slots=1, misses_max=2))
    victim = delegate_id(3)
    absent(book, victim, 24)
    assert book.delegate(victim).demoted
    assert victim in seats(book)
    assert len(book.schedule.active) == 4


def test_a_standby_below_the_least_stake_takes_nobodys_seat() -> None:
    genesis = make_genesis()
    book = Book(replace(genesis, params=Params(heartbeat_slots=1, misses_max=2, stake_min=5_000)))
    book.block(book.transaction(A, RegisterDelegate(signer(50).public_key, 0, bytes(64))))
    absent(book, delegate_id(3), 24)
    assert book.delegate(delegate_id(3)).demoted
    assert delegate_id(3) in seats(book)


def test_coming_back_restores_the_seat_by_the_next_election() -> None:
    book = Book(replace(make_genesis(delegates=5), params=Params(delegates=4, heartbeat_slots=1, misses_max=2)))
    victim = delegate_id(4)
    book.do(A, Transfer(victim, 10**6))
    absent(book, victim, 20)
    assert victim not in seats(book)
    book.do(victim, ComeBack())
    assert (book.delegate(victim).demoted, book.delegate(victim).missed_in_row) == (0, 0)
    for _ in range(4):
        book.block()
    assert victim in seats(book)


def test_a_block_of_its_own_clears_a_delegate_that_still_sits() -> None:
    book = Book(make_genesis(heartbeat_slots=1, misses_max=2))
    victim = delegate_id(3)
    absent(book, victim, 24)
    assert book.delegate(victim).demoted
    for _ in range(4):
        book.block()
    row = book.delegate(victim)
    assert (row.demoted, row.missed_in_row) == (0, 0)
    assert row.missed > 0


@given(st.dictionaries(st.integers(0, 12), st.tuples(st.integers(500, 3_000), st.integers(0, 1)), min_size=1), st.integers(1, 12))
def test_a_demoted_delegate_is_elected_only_where_no_other_stands(stakes: dict[int, tuple[int, int]], count: int) -> None:
    ledger = ledger_of({number: stake for number, (stake, _) in stakes.items()})
    for number, (_, demoted) in stakes.items():
        row = ledger.get(DELEGATES, number.to_bytes(32, "big"))
        assert row is not None
        ledger.put(DELEGATES, number.to_bytes(32, "big"), row._replace(demoted=demoted))
    chosen = [int.from_bytes(item.account, "big") for item in elect(ledger, Params(delegates=count, stake_min=500), ())]
    assert chosen == sorted(stakes, key=lambda number: (stakes[number][1], -stakes[number][0], number))[:count]


# --- turnover


def globals_with(members: Iterable[int], turnover: int = 0) -> Globals:
    return Globals(0, 1, bytes(32), bytes(32), tuple(member(number) for number in members), 0, 0, 0, turnover)


def test_a_whole_set_of_the_largest_size_may_change_at_once() -> None:
    after = limit_turnover(globals_with(range(101)), tuple(member(number) for number in range(101, 202)), 7)
    assert len({item.account for item in after.active} & {member(number).account for number in range(101)}) == 0


@pytest.mark.parametrize("members", [1, 4, 7, 101])
def test_no_branch_of_512_blocks_has_more_voters_than_a_certificate_names(members: int) -> None:
    """Every block elects strangers only, as fast as the rule lets it, from a chain that has not spent anything."""
    totals, fresh, heights = globals_with(range(members)), members, range(10**6, 10**6 + 1_100)
    sets = [frozenset(item.account for item in totals.active)]
    for height in heights:
        after = limit_turnover(totals, tuple(member(fresh + place) for place in range(members)), height)
        fresh += members if after.active != totals.active else 0
        totals = after
        sets.append(frozenset(item.account for item in totals.active))
    longest = CERTIFIED_FACTOR * Params.ceiling("unfinal_blocks_max")
    most = max(len(frozenset().union(*sets[first : first + longest])) for first in range(0, len(sets) - longest, 8))
    assert members < most <= VOTERS_MAX


@given(st.lists(st.tuples(st.integers(1, 101), st.integers(1, 9)), min_size=1, max_size=120))
def test_newcomers_of_any_rhythm_stay_below_the_bound(plan: list[tuple[int, int]]) -> None:
    totals, fresh, height = globals_with(range(101)), 101, 1
    spent: list[tuple[int, int]] = []
    for newcomers, gap in plan:
        height += gap
        stay = totals.active[newcomers:]
        after = limit_turnover(totals, (*stay, *(member(fresh + place) for place in range(newcomers))), height)
        if after.active != totals.active:
            spent.append((height, newcomers))
            fresh += newcomers
        totals = after
    for first, _ in spent:
        assert 101 + sum(count for at, count in spent if first <= at < first + 511) <= VOTERS_MAX


def test_who_produced_is_counted() -> None:
    book = Book(make_genesis())
    leaders: Counter[bytes] = Counter()
    for slot in islice(range(1, 10**9, 3), 20):
        leaders[book.schedule.turn(slot).delegate.account] += 1
        book.block(slot=slot)
    assert {delegate_id(number): book.delegate(delegate_id(number)).produced for number in range(4)} == dict(leaders)


# --- quorum


@pytest.mark.parametrize("members", range(1, 102))
def test_a_quorum_is_the_smallest_number_above_two_thirds(members: int) -> None:
    found = quorum(members)
    assert 3 * found > 2 * members >= 3 * (found - 1)
    tolerated = (members - 1) // 3
    assert found <= members - tolerated, "honest delegates alone are a quorum"
    assert 2 * found - members > tolerated, "two quorums share an honest delegate"


@pytest.mark.parametrize(
    ("members", "found"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (10, 7), (31, 21), (100, 67), (101, 68)]
)
def test_the_quorums_of_usual_sizes(members: int, found: int) -> None:
    assert quorum(members) == found
