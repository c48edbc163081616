from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.active_set import ActiveSet, decode_set, encode_set, load_set, seat, set_of_globals
from p2pchain.chain.codec import encode
from p2pchain.chain.errors import Invalid
from p2pchain.chain.state import ActiveDelegate, Globals
from p2pchain.chain.types import ZERO_HASH, Hash, Height, PublicKey
from tests.fakes.chain import make_genesis, signer


def member(number: int, stake: int = 0) -> ActiveDelegate:
    return ActiveDelegate(signer(2000 + number).public_key, signer(1000 + number).public_key, stake)


def seated(*numbers: int) -> Globals:
    return Globals(0, 1, ZERO_HASH, ZERO_HASH, tuple(map(member, numbers)), 0, 0, 0)


def test_the_set_of_a_genesis_is_number_0_and_a_row_of_its_state() -> None:
    genesis = make_genesis()
    first = genesis.schedule().active_set
    assert (first.number, first.since, first.before) == (0, 0, ZERO_HASH)
    assert load_set(genesis.changes(), 0) == first
    assert load_set(genesis.changes(), 1) is None


def test_other_stakes_and_another_order_are_the_same_set() -> None:
    before = seated(1, 2, 3)
    after = seat(before, (member(3, 9), member(1), member(2)), 7)
    assert set_of_globals(after) == set_of_globals(before)


def test_a_set_that_comes_back_is_another_set() -> None:
    """Two headers that name one id have no change between them, not even one there and back."""
    first = seated(1, 2, 3)
    there = seat(first, (member(1), member(2)), 7)
    back = seat(there, first.active, 9)
    assert set_of_globals(back).keys == set_of_globals(first).keys
    assert [set_of_globals(totals).number for totals in (first, there, back)] == [0, 1, 2]
    assert set_of_globals(back).id != set_of_globals(first).id
    assert set_of_globals(back).before == set_of_globals(there).id


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.binary(min_size=32, max_size=32), st.sets(st.integers(0, 30), min_size=1))
def test_a_set_is_read_as_it_was_written(number: int, since: int, before: bytes, members: set[int]) -> None:
    keys = tuple(sorted(signer(1000 + each).public_key for each in members))
    made = ActiveSet(number, Height(since), Hash(before), keys)
    assert decode_set(encode_set(made)) == made


KEYS = sorted(signer(1000 + number).public_key for number in range(3))


@pytest.mark.parametrize(
    "keys",
    [b"", KEYS[0][:31], KEYS[1] + KEYS[0], KEYS[0] + KEYS[0], b"".join(bytes((0, i)) + bytes(30) for i in range(102))],
    ids=["none", "half a key", "not ascending", "one twice", "more than there can be"],
)
def test_keys_that_are_no_set_are_refused(keys: bytes) -> None:
    with pytest.raises(Invalid):
        decode_set(encode((1, 7, ZERO_HASH, keys)))
    assert decode_set(encode((1, 7, ZERO_HASH, KEYS[0] + KEYS[2]))).keys == (PublicKey(KEYS[0]), PublicKey(KEYS[2]))
