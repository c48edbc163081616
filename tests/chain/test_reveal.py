"""Commit and reveal: nobody chooses what it adds to the seed, and whoever goes on with a branch can."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.delegate import RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.crypto import Domain, digest
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.reveal import Draw, RevealSecret, commitment_to
from p2pchain.chain.schedule import next_seed
from p2pchain.chain.state import COMMITMENTS, Commitment
from p2pchain.chain.transition import Draft, Executed, Parent, execute
from p2pchain.chain.types import ZERO_HASH, ChainId, Hash
from tests.chain.ledger import Book, account_id, delegate_id
from tests.chain.seed_bias import measure
from tests.fakes.chain import make_genesis, signer

CHAIN = ChainId(bytes(range(32)))


def run(book: Book, slot: int, reveal: bytes, *, commitment: bytes = bytes(32)) -> Executed:
    parent = Parent(book.height, book.slot, book.state_root, book.schedule, book.view)
    return execute(parent, Draft(slot, Draw(Hash(reveal), Hash(commitment)), ()), [], book.spec)


def key_of(book: Book, slot: int) -> bytes:
    return book.schedule.turn(slot).delegate.consensus_key


def slot_of(book: Book, key: bytes) -> int:
    return next(slot for slot in range(book.slot + 1, book.slot + 9) if key_of(book, slot) == key)


# --- the secret


def test_a_secret_is_the_same_wherever_its_key_signs_and_another_on_every_chain() -> None:
    one, again, other = (RevealSecret.derive(signer(seed), CHAIN) for seed in (1, 1, 2))
    elsewhere = RevealSecret.derive(signer(1), ChainId(bytes(32)))
    assert one.reveal(7) == again.reveal(7)
    assert len({one.reveal(7), one.reveal(8), other.reveal(7), elsewhere.reveal(7)}) == 4


def test_a_secret_by_formula() -> None:
    signature = signer(1).sign(Domain.REVEAL_SECRET, CHAIN, b"")
    secret = digest(Domain.REVEAL_SECRET, signature)
    reveal = digest(Domain.REVEAL, secret + (5).to_bytes(8, "big"))
    drawn = RevealSecret.derive(signer(1), CHAIN).draw(None, 5)
    assert drawn == Draw(ZERO_HASH, digest(Domain.COMMITMENT, reveal))


def test_a_secret_does_not_show_itself() -> None:
    secret = b"s" * 32
    assert repr(RevealSecret(secret)) == "RevealSecret(...)"


def test_who_does_not_know_the_secret_of_a_commitment_draws_nothing() -> None:
    mine, stranger = RevealSecret(b"mine"), RevealSecret(b"other")
    due = Commitment(commitment_to(mine.reveal(3)), 3)
    assert mine.draw(due, 9) is not None
    assert stranger.draw(due, 9) is None


# --- blocks


def test_a_first_block_reveals_zero_and_nothing_else() -> None:
    book = Book(make_genesis())
    run(book, 1, ZERO_HASH)
    with pytest.raises(Invalid) as caught:
        run(book, 1, b"\x01" * 32)
    assert caught.value.code is Code.WRONG_REVEAL


def test_a_block_reveals_what_its_key_committed_to_and_nothing_else() -> None:
    book = Book(make_genesis())
    first = key_of(book, 1)
    book.block()
    for _ in range(3):
        book.block()
    slot = slot_of(book, first)
    right = RevealSecret(first).reveal(1)
    run(book, slot, right)
    others = [ZERO_HASH, RevealSecret(first).reveal(2), right[:-1] + bytes((right[-1] ^ 1,)), commitment_to(right)]
    for wrong in others:
        with pytest.raises(Invalid) as caught:
            run(book, slot, wrong)
        assert caught.value.code is Code.WRONG_REVEAL
        assert caught.value.evidence["found"] == wrong


def test_no_transaction_frees_a_key_from_its_word() -> None:
    """Or the last leader of a round could retire and register again in its own block, and choose between two seeds without losing one."""
    book = Book(make_genesis())
    book.block(*(book.transaction(account_id(number), Transfer(delegate_id(number), 10**6)) for number in range(4)))
    for _ in range(4):
        book.block()
    slot = book.slot + 1
    key, account = key_of(book, slot), book.schedule.turn(slot).delegate.account
    before = COMMITMENTS.load(book.view, key)
    assert before is not None
    again: list[Action] = [
        RetireDelegate(),
        RegisterDelegate(key, 500, bytes(64)),
        RetireDelegate(),
        RegisterDelegate(signer(77).public_key, 500, bytes(64)),
    ]
    transaction = book.transaction(account, *again)
    parent = Parent(book.height, book.slot, book.state_root, book.schedule, book.view)
    with pytest.raises(Invalid) as caught:
        execute(parent, Draft(slot, Draw(ZERO_HASH, ZERO_HASH), ()), [transaction], book.spec)
    assert caught.value.code is Code.WRONG_REVEAL
    book.block(transaction)
    after = COMMITMENTS.load(book.view, key)
    assert after is not None
    assert after.slot == slot, "it was bound, and is bound again"


def test_the_seed_is_what_was_revealed() -> None:
    book = Book(make_genesis())
    for _ in range(9):
        before, due = book.totals.next_seed, COMMITMENTS.load(book.view, key_of(book, book.slot + 1))
        reveal = ZERO_HASH if due is None else RevealSecret(key_of(book, book.slot + 1)).reveal(due.slot)
        book.block()
        assert book.totals.next_seed == next_seed(before, book.slot, reveal)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=12))
def test_any_branch_goes_on_with_the_reveals_that_its_own_state_names(gaps: list[int]) -> None:
    """Two branches over one start, of the same keys: each block of one is no obstacle for the other."""
    left, right = Book(make_genesis()), Book(make_genesis())
    for place, gap in enumerate(gaps):
        left.block(slot=left.slot + gap)
        right.block(slot=right.slot + (gap if place % 2 else 1))
    assert left.height == right.height


# --- the bias


@pytest.mark.parametrize(("members", "colluders"), [(4, 1), (7, 2), (21, 6)])
def test_colluders_gain_no_more_than_the_page_says(members: int, colluders: int) -> None:
    """What they gain is the last slot of a round; without withholding that is their share of the rounds."""
    honest = measure(members, colluders, rounds=1_500, grinding=False)
    grinding = measure(members, colluders, rounds=1_500, grinding=True)
    share, sigma = colluders / members, (colluders / members * (1 - colluders / members) / 1_500) ** 0.5
    assert abs(honest.last_share - share) < 5 * sigma
    assert honest.withheld == 0
    # One colluder publishes where that wins and else leaves it to a blind draw; several have more ways, and little more to gain.
    p = 1 - (1 - share) ** 2
    best = share / (1 - p + share)
    assert share < grinding.last_share < best + 0.06
    assert grinding.withheld > 0
