import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pchain.chain import mempool as module
from p2pchain.chain.account_queue import AccountQueue
from p2pchain.chain.actions import Action
from p2pchain.chain.actions.delegate import RetireDelegate
from p2pchain.chain.actions.stake import Stake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.codec import encode
from p2pchain.chain.errors import Code, Invalid, NotYet, Refusal
from p2pchain.chain.mempool import ITEM_OVERHEAD_BYTES, RATE_SCALE, Ending, Limits, Mempool, fee_rate
from p2pchain.chain.state import ACCOUNTS, STAKES, Account, Stakes, Unbonding
from p2pchain.chain.transaction import Transaction, build_transaction, decode_transaction
from tests.chain.ledger import Unsigned
from tests.fakes.chain import make_genesis

SPEC = make_genesis().spec()
RECIPIENT = b"\xee" * 32
A, B, C, D = (bytes([number]) * 32 for number in range(1, 5))
RICH = 10**9


class Head:
    """The state at the head: everybody has the same balance, and the nonce that is set."""

    def __init__(self, balance: int = RICH) -> None:
        self.balance = balance
        self.nonces: dict[bytes, int] = {}
        self.stakes: dict[bytes, Stakes] = {}

    def get(self, key: bytes, /) -> bytes | None:
        item = key[1:]
        if key[:1] == ACCOUNTS.prefix:
            return encode(Account(self.balance, self.nonces.get(item, 0), int(item in self.stakes)))
        assert key[:1] == STAKES.prefix
        return encode(self.stakes[item])

    def node(self, place: bytes, /) -> bytes | None:
        raise AssertionError(f"the pool asks for no node, {place.hex()}")


def transaction(
    sender: bytes,
    nonce: int = 0,
    *actions: Action,
    rate: float = 2,
    fee: int | None = None,
    memo: int = 0,
    amount: int = 1,
    valid_until: int = 1_000,
) -> Transaction:
    """A transfer that pays `rate` for each unit of weight, or the `fee`."""
    chosen = actions or (Transfer(RECIPIENT, amount, bytes(memo)),)

    def made(paid: int) -> Transaction:
        return decode_transaction(build_transaction(Unsigned(sender), SPEC, chosen, nonce=nonce, valid_until=valid_until, fee=paid), SPEC)

    if fee is None:
        draft = made(1_000)
        fee = round(rate * (len(draft.raw) + sum(action.WORK for action in chosen)))
    return made(fee)


class Pool:
    """A mempool with the state at its head."""

    def __init__(self, head: Head | None = None, **limits: int) -> None:
        self.head = head or Head()
        self.pool = Mempool(SPEC, Limits(**limits))

    def add(self, *transactions: Transaction, slot: int = 1) -> None:
        for item in transactions:
            self.pool.add(item, self.head, slot)
            validate(self.pool)

    def refusal(self, item: Transaction, slot: int = 1) -> Refusal:
        """Why it does not get in; the pool is what it was."""
        before = snapshot(self.pool)
        with pytest.raises(Refusal) as caught:
            self.pool.add(item, self.head, slot)
        validate(self.pool)
        assert snapshot(self.pool) == before
        return caught.value

    def select(self, bytes_max: int = 1 << 20, count_max: int = 1_000) -> list[Transaction]:
        return list(self.pool.select(self.head, bytes_max=bytes_max, count_max=count_max))


def snapshot(pool: Mempool) -> tuple[object, ...]:
    queues = {sender: list(queue.items) for sender, queue in pool._queues.items()}
    return list(pool), pool.bytes, queues, dict(pool._ended)


def validate(pool: Mempool) -> None:
    """Everything that must hold of a pool, whatever happened."""
    queued = [item for queue in pool._queues.values() for item in queue.items]
    assert {item.id: item for item in queued} == pool._by_id
    assert len(queued) == len(pool) <= pool.limits.transactions_max
    assert pool.bytes == sum(len(item.raw) for item in queued) <= pool.limits.bytes_max
    for sender, queue in pool._queues.items():
        nonces = [item.nonce for item in queue.items]
        assert 0 < len(nonces) <= pool.limits.per_account_max
        assert nonces == sorted(set(nonces))
        assert all(item.sender == sender for item in queue.items)
        for nonce in {0, *nonces, nonces[-1] + 1}:
            assert queue.spends_from(nonce) == sum(item.spends for item in queue.items if item.nonce >= nonce)
    assert not pool._ended.keys() & pool._by_id.keys()
    for heap in (pool._cheapest, pool._expiring):
        assert {item for _, item in heap} >= pool._by_id.keys()
        assert len(heap) <= 2 * pool.limits.transactions_max + 64


def ending(pool: Mempool, item: Transaction) -> tuple[Ending, Code]:
    ended = pool.ended(item.id)
    assert ended is not None
    assert ended.message
    return ended.ending, ended.code


# --- getting in


def test_a_transaction_waits_and_is_found() -> None:
    world, one = Pool(), transaction(A)
    world.add(one)
    assert world.pool.get(one.id) is one
    assert list(world.pool) == [one]
    assert len(world.pool) == 1
    assert world.pool.has_ready(world.head)
    assert world.pool.ended(one.id) is None


def test_the_same_transaction_is_taken_once() -> None:
    world, one = Pool(), transaction(A)
    world.add(one)
    refusal = world.refusal(one)
    assert isinstance(refusal, NotYet)
    assert (refusal.code, refusal.evidence) == (Code.DUPLICATE, {"id": one.id})


def test_nonces_are_queued_in_order_without_a_gap() -> None:
    world = Pool()
    world.head.nonces[A] = 3
    assert world.pool.next_nonce(A, 3) == 3
    world.add(transaction(A, 3), transaction(A, 4))
    assert world.pool.next_nonce(A, 3) == 5
    refusal = world.refusal(transaction(A, 6))
    assert isinstance(refusal, NotYet)
    assert (refusal.code, refusal.evidence) == (Code.NONCE_GAP, {"found": 6, "wanted": 5})
    refusal = world.refusal(transaction(A, 2))
    assert isinstance(refusal, Invalid)
    assert (refusal.code, refusal.evidence) == (Code.NONCE_TOO_LOW, {"found": 2, "wanted": 3})


@pytest.mark.parametrize(
    ("valid_until", "rate", "code"),
    [
        (4, 2, Code.EXPIRED),
        (5, 2, None),
        (6 + SPEC.genesis_params.validity_slots_max, 2, Code.VALIDITY_TOO_LONG),
        (5, 0.9, Code.FEE_TOO_LOW),
    ],
)
def test_what_no_block_of_the_slot_could_hold_is_refused(valid_until: int, rate: float, code: Code | None) -> None:
    world, item = Pool(), transaction(A, valid_until=valid_until, rate=rate)
    if code is None:
        world.add(item, slot=5)
    else:
        assert world.refusal(item, slot=5).code is code


# --- funds


def test_waiting_transactions_together_spend_no_more_than_there_is() -> None:
    world = Pool(Head(balance=10_000))
    first, second = transaction(A, 0, amount=4_000, fee=500), transaction(A, 1, amount=4_000, fee=500)
    world.add(first, second)
    refusal = world.refusal(transaction(A, 2, amount=501, fee=500))
    assert isinstance(refusal, NotYet)
    assert (refusal.code, refusal.evidence) == (Code.INSUFFICIENT_FUNDS, {"found": 10_000, "wanted": 1_001, "waiting": 9_000})
    world.add(transaction(A, 2, amount=500, fee=500))


def test_what_is_in_a_block_already_is_not_counted_twice() -> None:
    """The balance at the head is without what the queue's first transactions spent."""
    world = Pool(Head(balance=10_000))
    world.add(transaction(A, 0, amount=9_000, fee=500))
    world.head.nonces[A], world.head.balance = 1, 500
    world.add(transaction(A, 1, amount=1, fee=499))


def test_a_replacement_is_judged_without_what_it_replaces() -> None:
    world = Pool(Head(balance=10_000))
    world.add(transaction(A, 0, amount=4_000, fee=500), transaction(A, 1, amount=4_000, fee=500))
    assert world.refusal(transaction(A, 0, amount=4_900, fee=601)).code is Code.INSUFFICIENT_FUNDS
    world.add(transaction(A, 0, amount=4_900, fee=600))
    assert world.pool._queues[A].spends_from(0) == 10_000


def test_coins_that_matured_count_in_the_slot() -> None:
    world = Pool(Head(balance=1_000))
    world.head.stakes[A] = Stakes((), (Unbonding(5_000, 7), Unbonding(5_000, 9)))
    item = transaction(A, amount=5_000, fee=1_000)
    assert world.refusal(item, slot=6).code is Code.INSUFFICIENT_FUNDS
    world.add(item, slot=7)


def test_stakes_count_as_spent_and_actions_that_spend_nothing_do_not() -> None:
    world = Pool(Head(balance=10_000))
    assert world.refusal(transaction(A, 0, Stake(B, 9_000), Transfer(B, 1_000), fee=900)).code is Code.INSUFFICIENT_FUNDS
    world.add(transaction(A, 0, RetireDelegate(), fee=10_000))


# --- replacing


@pytest.mark.parametrize(("fee", "gets_in"), [(1_000, False), (1_099, False), (1_100, True), (5_000, True)])
def test_a_replacement_pays_a_tenth_more(fee: int, *, gets_in: bool) -> None:
    world, old, new = Pool(), transaction(A, fee=1_000), transaction(A, fee=fee, amount=2)
    world.add(old, transaction(A, 1))
    if not gets_in:
        refusal = world.refusal(new)
        assert isinstance(refusal, NotYet)
        assert (refusal.code, refusal.evidence) == (Code.REPLACEMENT_FEE_TOO_LOW, {"found": fee, "wanted": 1_100})
        return
    world.add(new)
    assert ending(world.pool, old) == (Ending.REPLACED, Code.REPLACED)
    assert [item.nonce for item in world.select()] == [0, 1]
    assert world.select()[0] is new


def test_a_replacement_always_pays_at_least_one_more() -> None:
    """Where fees are small a tenth rounds to nothing."""
    spec = make_genesis(fee_per_byte=0, fee_per_work=0).spec()
    pool, head = Mempool(spec, Limits()), Head()

    def free(fee: int, amount: int) -> Transaction:
        raw = build_transaction(Unsigned(A), spec, [Transfer(B, amount)], nonce=0, valid_until=9, fee=fee)
        return decode_transaction(raw, spec)

    pool.add(free(0, 1), head, 1)
    with pytest.raises(NotYet):
        pool.add(free(0, 2), head, 1)
    pool.add(free(1, 2), head, 1)


def test_a_replacement_takes_no_room_that_is_not_there() -> None:
    small = transaction(A)
    world = Pool(bytes_max=len(small.raw) + 10)
    world.add(small)
    refusal = world.refusal(transaction(A, rate=9, memo=200))
    assert isinstance(refusal, NotYet)
    assert refusal.code is Code.POOL_FULL
    world.add(transaction(A, rate=9))


def test_a_full_account_may_still_replace() -> None:
    world = Pool(per_account_max=2)
    world.add(transaction(A, 0), transaction(A, 1))
    assert world.refusal(transaction(A, 2)).code is Code.ACCOUNT_LIMIT
    world.add(transaction(A, 1, rate=4), transaction(B, 0))


# --- a full pool


def test_an_account_has_at_most_so_many_waiting() -> None:
    world = Pool(per_account_max=3)
    world.add(*(transaction(A, nonce) for nonce in range(3)))
    refusal = world.refusal(transaction(A, 3, rate=50))
    assert isinstance(refusal, NotYet)
    assert (refusal.code, refusal.evidence) == (Code.ACCOUNT_LIMIT, {"wanted": 3})


def test_a_full_pool_takes_who_pays_more_and_tells_who_goes() -> None:
    world = Pool(transactions_max=3)
    cheap, middle, dear = transaction(A, rate=2), transaction(B, rate=3), transaction(C, rate=4)
    world.add(middle, cheap, dear)
    assert world.refusal(transaction(D, rate=2)).code is Code.POOL_FULL
    better = transaction(D, rate=2.5)
    world.add(better)
    assert ending(world.pool, cheap) == (Ending.REJECTED, Code.EVICTED)
    assert set(world.pool) == {middle, better, dear}


def test_a_pool_whose_limits_shrink_keeps_what_is_there_until_somebody_pays_more() -> None:
    pool = Pool()
    waiting = [transaction(sender, rate=2 + number) for number, sender in enumerate((A, B, C))]
    pool.add(*waiting)
    pool.pool.limits = Limits(transactions_max=2)
    assert len(pool.pool) == 3
    with pytest.raises(NotYet) as refused:
        pool.pool.add(transaction(D, rate=2), pool.head, 1)
    assert refused.value.code is Code.POOL_FULL
    assert len(pool.pool) == 3
    best = transaction(D, rate=9)
    pool.pool.add(best, pool.head, 1)
    assert {item.sender for item in pool.pool} == {C, D}


def test_what_the_evicted_sender_queued_behind_goes_too() -> None:
    world = Pool(transactions_max=3)
    first, second = transaction(A, 0, rate=2), transaction(A, 1, rate=9)
    world.add(first, second, transaction(B, rate=5), transaction(C, rate=3))
    assert ending(world.pool, first) == (Ending.REJECTED, Code.EVICTED)
    assert ending(world.pool, second) == (Ending.REJECTED, Code.NONCE_GAP)
    assert len(world.pool) == 2


def test_nobody_is_evicted_for_a_transaction_that_does_not_get_in() -> None:
    """It would need the room of the cheap one and of one that pays more than it does."""
    cheap, dear = transaction(A, rate=2), transaction(B, rate=9)
    world = Pool(bytes_max=len(cheap.raw) + len(dear.raw))
    world.add(cheap, dear)
    assert world.refusal(transaction(C, rate=5, memo=256)).code is Code.POOL_FULL
    assert world.pool.get(cheap.id) is cheap


def test_a_large_transaction_takes_the_room_of_several() -> None:
    cheap = [transaction(bytes([number]) * 32, rate=2 + number / 100) for number in range(1, 7)]
    world = Pool(bytes_max=sum(len(item.raw) for item in cheap))
    world.add(*cheap)
    world.add(transaction(b"\xaa" * 32, rate=5, memo=256))
    left = [item for item in cheap if item in set(world.pool)]
    assert left == cheap[6 - len(left) :]
    assert 2 <= len(left) <= 3


def test_a_sender_does_not_evict_its_own() -> None:
    world = Pool(transactions_max=2)
    world.add(transaction(A, 0, rate=2), transaction(B, 0, rate=3))
    assert world.refusal(transaction(A, 1, rate=9)).code is Code.POOL_FULL
    world.add(transaction(C, 0, rate=9))


def test_a_transaction_larger_than_the_pool_is_refused() -> None:
    world = Pool(bytes_max=100)
    assert world.refusal(transaction(A, rate=99)).code is Code.POOL_FULL


def test_the_floor_is_what_gets_in() -> None:
    world = Pool(transactions_max=2)
    assert world.pool.fee_floor() == SPEC.genesis_params.fee_per_byte
    world.add(transaction(A, rate=4), transaction(B, rate=7))
    floor = world.pool.fee_floor()
    weight = len(transaction(C, fee=1_000).raw) + Transfer.WORK
    assert world.refusal(transaction(C, fee=(floor - 1) * weight)).evidence["wanted"] == floor
    world.add(transaction(C, fee=floor * weight))
    assert world.pool.fee_floor() > floor


def test_a_flood_of_ever_better_offers_leaves_no_trace_behind() -> None:
    """Evicted transactions leave the heaps too, although none of them has expired yet."""
    world = Pool(transactions_max=20)
    for number in range(2_000):
        world.pool.add(transaction(number.to_bytes(32, "big"), fee=1_000 + number), world.head, 1)
    validate(world.pool)
    assert len(world.pool._cheapest) <= 2 * 20 + 65
    assert len(world.pool._expiring) <= 2 * 20 + 65


def test_endings_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENDINGS_MAX", 5)
    world = Pool()
    items = [transaction(A, number) for number in range(9)]
    for item in items:
        world.pool.refuse(item, NotYet(Code.NONCE_GAP, "too early"))
    assert [world.pool.ended(item.id) is not None for item in items] == [False] * 4 + [True] * 5


# --- choosing for a block


def test_who_pays_more_goes_first_but_never_before_its_own_nonces() -> None:
    world = Pool()
    a0, a1, a2 = transaction(A, 0, rate=2), transaction(A, 1, rate=9), transaction(A, 2, rate=3)
    b0, b1 = transaction(B, 0, rate=5), transaction(B, 1, rate=4)
    c0 = transaction(C, 0, rate=7)
    world.add(b0, a0, a1, b1, c0, a2)
    assert world.select() == [c0, b0, b1, a0, a1, a2]


def test_equal_offers_go_in_the_order_of_arrival() -> None:
    world = Pool()
    items = [transaction(sender, fee=1_000) for sender in (C, A, D, B)]
    world.add(*items)
    assert world.select() == items


def test_no_more_is_chosen_than_fits() -> None:
    world = Pool()
    items = [transaction(A, nonce, memo=nonce % 5) for nonce in range(20)]
    world.add(*items)
    assert world.select(count_max=7) == items[:7]
    assert world.select(count_max=0) == []
    sizes = [len(item.raw) + ITEM_OVERHEAD_BYTES for item in items]
    assert world.select(bytes_max=sum(sizes[:5])) == items[:5]
    assert world.select(bytes_max=sum(sizes[:5]) - 1) == items[:4]


def test_a_transaction_that_does_not_fit_does_not_hold_up_others() -> None:
    world = Pool()
    large, behind, small = transaction(A, 0, rate=9, memo=250), transaction(A, 1, rate=9), transaction(B, 0, rate=2)
    world.add(large, behind, small)
    assert world.select(bytes_max=len(large.raw)) == [small]


def test_choosing_goes_on_where_the_head_is() -> None:
    world = Pool()
    items = [transaction(A, nonce) for nonce in range(4)]
    world.add(*items)
    world.head.nonces[A] = 2
    assert world.select() == items[2:]
    world.head.nonces[A] = 4
    assert world.select() == []
    assert not world.pool.has_ready(world.head)
    world.head.nonces[A] = 0
    assert world.select() == items


# --- blocks that hold what never was here


def test_a_block_may_take_an_account_past_the_end_of_its_queue() -> None:
    """What once ended a node: nonces 0 to 2 wait here, an unfinal block holds 0 to 4, then 5 comes and is replaced."""
    world = Pool()
    early = [transaction(A, nonce) for nonce in range(3)]
    world.add(*early)
    world.head.nonces[A] = 5
    assert world.pool.next_nonce(A, 5) == 5
    late = transaction(A, 5)
    world.add(late)
    assert world.select() == [late]
    better = transaction(A, 5, rate=9)
    world.add(better)
    assert world.select() == [better]
    world.pool.reject(better, Code.EVICTED, "gone")
    validate(world.pool)
    assert world.pool.next_nonce(A, 5) == 5
    world.pool.settle([*early, transaction(A, 3, amount=7), transaction(A, 4, amount=7)])
    validate(world.pool)
    assert len(world.pool) == 0


def test_a_change_of_the_head_may_take_an_account_back_before_its_queue() -> None:
    world = Pool()
    world.head.nonces[A] = 5
    fifth, sixth = transaction(A, 5), transaction(A, 6)
    world.add(fifth, sixth)
    world.head.nonces[A] = 3
    assert world.select() == []
    assert world.pool.next_nonce(A, 3) == 3
    refusal = world.refusal(transaction(A, 4))
    assert (refusal.code, refusal.evidence["wanted"]) == (Code.NONCE_GAP, 3)
    third, fourth = transaction(A, 3), transaction(A, 4)
    world.add(third, fourth)
    assert world.select() == [third, fourth, fifth, sixth]
    assert world.pool.next_nonce(A, 3) == 7


def test_what_lies_behind_a_gap_is_not_chosen_before_the_gap_is_filled() -> None:
    world = Pool()
    early = [transaction(A, nonce) for nonce in range(2)]
    world.add(*early)
    world.head.nonces[A] = 3
    late = transaction(A, 3)
    world.add(late)
    world.head.nonces[A] = 0
    assert world.select() == early
    assert world.pool.next_nonce(A, 0) == 2
    missing = transaction(A, 2)
    world.add(missing)
    assert world.select() == [*early, missing, late]


# --- leaving


def test_what_became_final_leaves_without_a_reason() -> None:
    world = Pool()
    items = [transaction(A, nonce) for nonce in range(3)]
    world.add(*items, transaction(B))
    world.pool.settle(items[:2])
    validate(world.pool)
    assert [world.pool.get(item.id) for item in items] == [None, None, items[2]]
    assert [world.pool.ended(item.id) for item in items] == [None] * 3


def test_who_claimed_a_nonce_that_another_took_is_told() -> None:
    world = Pool()
    mine, later = transaction(A, 0), transaction(A, 1)
    world.add(mine, later)
    world.pool.settle([transaction(A, 0, amount=77)])
    validate(world.pool)
    assert ending(world.pool, mine) == (Ending.REPLACED, Code.NONCE_TOO_LOW)
    assert world.pool.get(later.id) is later


def test_a_transaction_that_is_final_is_no_longer_called_rejected() -> None:
    world, one = Pool(), transaction(A)
    world.pool.refuse(one, NotYet(Code.POOL_FULL, "full"))
    assert ending(world.pool, one) == (Ending.REJECTED, Code.POOL_FULL)
    world.pool.settle([one])
    assert world.pool.ended(one.id) is None


def test_a_transaction_that_gets_in_at_last_is_no_longer_called_rejected() -> None:
    world, one = Pool(), transaction(A)
    world.pool.refuse(one, NotYet(Code.POOL_FULL, "full"))
    world.add(one)
    assert world.pool.ended(one.id) is None


def test_a_refusal_says_nothing_of_what_is_waiting() -> None:
    world, one, other = Pool(), transaction(A), transaction(B)
    world.add(one)
    world.pool.refuse(one, NotYet(Code.DUPLICATE, "here already"))
    world.pool.refuse(one, NotYet(Code.POOL_FULL, "full"))
    world.pool.refuse(other, NotYet(Code.DUPLICATE, "here already"))
    assert world.pool.ended(one.id) is world.pool.ended(other.id) is None


def test_what_expired_leaves_and_takes_what_is_behind_it() -> None:
    world = Pool()
    first, second, third = transaction(A, 0), transaction(A, 1, valid_until=7), transaction(A, 2)
    other = transaction(B, valid_until=8)
    world.add(first, second, third, other)
    world.pool.expire(7, world.head)
    assert len(world.pool) == 4
    world.pool.expire(8, world.head)
    validate(world.pool)
    assert set(world.pool) == {first, other}
    assert ending(world.pool, second) == (Ending.EXPIRED, Code.EXPIRED)
    assert ending(world.pool, third) == (Ending.REJECTED, Code.NONCE_GAP)
    world.pool.expire(9, world.head)
    assert set(world.pool) == {first}


def test_what_a_block_includes_does_not_expire_while_it_becomes_final() -> None:
    world = Pool()
    first, second = transaction(A, 0, valid_until=7), transaction(A, 1)
    world.add(first, second)
    world.head.nonces[A] = 1
    world.pool.expire(8, world.head)
    assert set(world.pool) == {first, second}
    world.pool.settle([first])
    assert set(world.pool) == {second}


def test_a_rejected_transaction_takes_what_is_behind_it() -> None:
    world = Pool()
    items = [transaction(A, nonce) for nonce in range(3)]
    world.add(*items, transaction(B))
    world.pool.reject(items[1], Code.INSUFFICIENT_FUNDS, "spent otherwise")
    validate(world.pool)
    assert ending(world.pool, items[1]) == (Ending.REJECTED, Code.INSUFFICIENT_FUNDS)
    assert ending(world.pool, items[2]) == (Ending.REJECTED, Code.NONCE_GAP)
    assert world.pool.get(items[0].id) is items[0]
    world.pool.reject(items[1], Code.EVICTED, "again")
    assert ending(world.pool, items[1]) == (Ending.REJECTED, Code.INSUFFICIENT_FUNDS)


# --- whatever happens

SENDERS = [A, B, C]
STEPS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(SENDERS), st.integers(-1, 4), st.integers(1, 5), st.sampled_from([0, 0, 0, 120])),
    st.tuples(st.just("replace"), st.sampled_from(SENDERS), st.integers(0, 5), st.integers(2, 12), st.sampled_from([0, 0, 250])),
    st.tuples(st.just("include"), st.sampled_from(SENDERS), st.integers(1, 3)),
    st.tuples(st.just("reorganise")),
    st.tuples(st.just("finalise")),
    st.tuples(st.just("expire")),
    st.tuples(st.just("reject"), st.integers(0, 20)),
)


class Machine:
    """A pool beneath a chain that grows, changes its head and becomes final; blocks may hold strangers."""

    def __init__(self) -> None:
        self.world = Pool(Head(balance=8_000), transactions_max=7, bytes_max=7 * 230, per_account_max=4)
        self.final: dict[bytes, int] = dict.fromkeys(SENDERS, 0)
        self.world.head.nonces = dict(self.final)
        self.slot = 1
        self.seen: list[Transaction] = []

    def step(self, kind: str, *drawn: Any) -> None:
        getattr(self, kind)(*drawn)
        validate(self.world.pool)
        for item in self.seen:
            assert not (self.world.pool.get(item.id) and self.world.pool.ended(item.id))
        for sender in SENDERS:
            self._validate_queue(sender)

    def _validate_queue(self, sender: bytes) -> None:
        """`next_nonce` is the first that is free, and what is chosen begins at the head without a gap."""
        nonce, queue = self.world.head.nonces[sender], self.world.pool._queues.get(sender)
        held = {item.nonce for item in queue.items} if queue is not None else set()
        free = nonce
        while free in held:
            free += 1
        assert self.world.pool.next_nonce(sender, nonce) == free
        assert [item.nonce for item in self.world.select() if item.sender == sender] == list(range(nonce, free))

    def add(self, sender: bytes, offset: int, rate: int, memo: int) -> None:
        nonce = max(0, self.world.pool.next_nonce(sender, self.world.head.nonces[sender]) + offset - 1)
        self._offer(transaction(sender, nonce, rate=rate, memo=memo, valid_until=self.slot + 3 + rate))

    def replace(self, sender: bytes, place: int, rate: int, memo: int) -> None:
        queue = self.world.pool._queues.get(sender)
        if queue is not None:
            nonce = queue.items[place % len(queue)].nonce
            self._offer(transaction(sender, nonce, rate=rate, memo=memo, amount=place + 1, valid_until=self.slot + 9))

    def _offer(self, item: Transaction) -> None:
        self.seen.append(item)
        before = snapshot(self.world.pool)
        try:
            self.world.pool.add(item, self.world.head, self.slot)
        except Refusal:
            assert snapshot(self.world.pool) == before
        else:
            assert self.world.pool.get(item.id) is item

    def include(self, sender: bytes, count: int) -> None:
        self.world.head.nonces[sender] += count

    def reorganise(self) -> None:
        self.world.head.nonces = dict(self.final)

    def finalise(self) -> None:
        for sender in SENDERS:
            for nonce in range(self.final[sender], self.world.head.nonces[sender]):
                queue = self.world.pool._queues.get(sender)
                here = queue.get(nonce) if queue is not None else None
                stranger = transaction(sender, nonce, amount=777)
                self.world.pool.settle([here if here is not None and nonce % 3 else stranger])
        self.final = dict(self.world.head.nonces)

    def expire(self) -> None:
        self.slot += 2
        self.world.pool.expire(self.slot, self.world.head)
        nonces = self.world.head.nonces
        assert all(item.valid_until >= self.slot or item.nonce < nonces.get(item.sender, 0) for item in self.world.pool)

    def reject(self, place: int) -> None:
        items = list(self.world.pool)
        if items:
            self.world.pool.reject(items[place % len(items)], Code.INSUFFICIENT_FUNDS, "said so")


@given(st.lists(STEPS, min_size=10, max_size=60))
@settings(max_examples=150)
def test_a_pool_keeps_its_bounds_and_its_order_whatever_happens(steps: list[tuple[Any, ...]]) -> None:
    machine = Machine()
    for kind, *drawn in steps:
        machine.step(kind, *drawn)


@given(st.lists(st.tuples(st.sampled_from(["put", "put", "put", "take", "cut"]), st.integers(0, 12), st.integers(1, 9)), max_size=40))
def test_a_queue_is_a_sorted_dict_of_nonces(steps: list[tuple[str, int, int]]) -> None:
    queue, model = AccountQueue(), {}
    for kind, nonce, amount in steps:
        if kind == "put":
            model[nonce] = item = transaction(A, nonce, fee=500, amount=amount)
            queue.put(item)
        else:
            gone = [model.pop(other) for other in sorted(model) if (other <= nonce if kind == "take" else other >= nonce)]
            assert (queue.take_until(nonce) if kind == "take" else queue.cut_from(nonce)) == gone
        assert queue.items == [model[other] for other in sorted(model)]
        for asked in range(14):
            assert queue.get(asked) is model.get(asked)
            assert queue.spends_from(asked) == sum(item.spends for other, item in model.items() if other >= asked)
            free = asked
            while free in model:
                free += 1
            assert queue.next_nonce(asked) == free


# --- what it costs


def calls_of(action: Callable[[], object]) -> int:
    """Function calls that an action makes, in Python and into C: its work, give or take a factor, and no clock."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def strangers(count: int) -> list[Transaction]:
    return [transaction((1_000 + number).to_bytes(32, "big"), fee=1_000 + number) for number in range(count)]


def calls_to_offer(item: Transaction, waiting: list[Transaction], **limits: int) -> int:
    world = Pool(Head(balance=10**15), **limits)
    for other in waiting:
        world.pool.add(other, world.head, 1)

    def offer() -> None:
        with suppress(NotYet):
            world.pool.add(item, world.head, 1)

    return calls_of(offer)


@pytest.mark.parametrize("fee", [50_000, 1_000, 300])
def test_a_full_pool_ten_times_larger_is_as_quick(fee: int) -> None:
    """One that evicts, one that pays too little, and one that is large and pays too little."""
    item = transaction(A, fee=fee, memo=100 if fee == 1_000 else 0)
    small, large = (calls_to_offer(item, strangers(count), transactions_max=count) for count in (100, 1_000))
    assert large <= 1.2 * small + 20 < 500


def test_a_queue_ten_times_longer_is_as_quick() -> None:
    small, large = (calls_to_offer(transaction(A, length), [transaction(A, nonce) for nonce in range(length)]) for length in (100, 1_000))
    assert large <= 1.2 * small + 20 < 500


def test_the_rate_counts_bytes_and_work() -> None:
    item = transaction(A, fee=1_000)
    assert fee_rate(item) == 1_000 * RATE_SCALE // (len(item.raw) + Transfer.WORK)
