"""The tree over a block's transactions: one root a list, and paths that show nothing but what is there."""

import hashlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.crypto import Domain, digest
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.merkle import merkle_path, merkle_root, validate_merkle_path
from p2pchain.chain.types import ZERO_HASH


def rfc_6962(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash as section 2.1 defines it, by recursion on the largest power of two below the length."""
    if len(leaves) == 1:
        return digest(Domain.TRANSACTION_LEAF, leaves[0])
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return digest(Domain.TRANSACTION_NODE, rfc_6962(leaves[:split]) + rfc_6962(leaves[split:]))


def identifiers(count: int) -> list[bytes]:
    return [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(count)]


@pytest.mark.parametrize("count", [*range(1, 34), 63, 64, 65, 127, 128, 129, 1_000])
def test_the_merkle_root_has_the_shape_of_rfc_6962(count: int) -> None:
    top = rfc_6962(identifiers(count))
    assert merkle_root(identifiers(count)) == digest(Domain.TRANSACTIONS, count.to_bytes(8, "big") + top)


def test_no_transactions_have_the_zero_root() -> None:
    assert merkle_root([]) == ZERO_HASH
    assert merkle_root([ZERO_HASH]) != ZERO_HASH


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=20, unique=True), st.data())
def test_another_order_has_another_root(ids: list[bytes], data: st.DataObject) -> None:
    other = data.draw(st.permutations(ids))
    assert (merkle_root(ids) == merkle_root(other)) is (ids == other)


def test_no_list_shares_its_root_with_a_longer_one() -> None:
    """The last one repeated (CVE-2012-2459) gives another root, whatever the length, and so does every beginning."""
    roots = [merkle_root(identifiers(count)) for count in range(70)]
    assert len(set(roots)) == len(roots)
    for count in range(1, 70):
        ids = identifiers(count)
        for repeated in (1, 2, 4, count):
            assert merkle_root(ids + ids[-repeated:]) not in roots


def test_the_hashes_inside_the_tree_are_no_leaves() -> None:
    """A block of the two upper hashes is not the block of the four transactions below them."""
    ids = identifiers(4)
    leaves = [digest(Domain.TRANSACTION_LEAF, item) for item in ids]
    nodes = [digest(Domain.TRANSACTION_NODE, one + other) for one, other in list(pairwise(leaves))[::2]]
    for upper in (leaves, nodes):
        assert merkle_root(upper) != merkle_root(ids)


@pytest.mark.parametrize("change", [lambda ids: ids[:-1], lambda ids: ids[1:], lambda ids: [*ids, ids[-1]], lambda ids: ids[::-1]])
def test_the_root_commits_to_the_list(change: Callable[[list[bytes]], list[bytes]]) -> None:
    for count in range(2, 20):
        assert merkle_root(change(identifiers(count))) != merkle_root(identifiers(count))


# --- paths


@pytest.mark.parametrize("count", [*range(1, 18), 31, 32, 33, 1_000])
def test_every_transaction_has_a_path_and_no_other_place_has_it(count: int) -> None:
    ids = identifiers(count)
    root = merkle_root(ids)
    for position in sorted({*range(min(count, 20)), count - 1}):
        path = merkle_path(ids, position)
        validate_merkle_path(root, ids[position], position, count, path)
        assert len(path) <= (count - 1).bit_length()
        for place, total in ((position - 1, count), (position + 1, count), (position, count + 1), (position, count - 1)):
            assert_refused(root, ids[position], place, total, path)


def test_a_place_is_shown_only_with_the_number_of_transactions_that_the_block_has() -> None:
    """Place 4 of 5 and place 1 of 2 have paths of one shape."""
    ids = identifiers(5)
    assert len(merkle_path(ids, 4)) == len(merkle_path(ids[:2], 1)) == 1
    assert_refused(merkle_root(ids), ids[4], 1, 2, merkle_path(ids, 4))


@given(st.integers(1, 40), st.data())
def test_a_path_that_was_altered_shows_nothing(count: int, data: st.DataObject) -> None:
    ids = identifiers(count)
    position = data.draw(st.integers(0, count - 1))
    path = list(merkle_path(ids, position))
    wrong = data.draw(st.sampled_from(["item", "hash", "cut", "longer", "swapped"]))
    item = ids[position]
    if wrong == "item":
        item = bytes(32)
    elif wrong == "longer":
        path.append(ZERO_HASH)
    elif path:
        place = data.draw(st.integers(0, len(path) - 1))
        if wrong == "cut":
            del path[place]
        elif wrong == "swapped" and len(path) > 1:
            path[place], path[place - 1] = path[place - 1], path[place]
        else:
            path[place] = digest(Domain.STATE_NODE, path[place])
    else:
        item = ids[position][::-1]
    assert_refused(merkle_root(ids), item, position, count, path)


def assert_refused(root: bytes, item: bytes, position: int, total: int, path: object) -> None:
    with pytest.raises(Invalid) as caught:
        validate_merkle_path(root, item, position, total, path)  # type: ignore[arg-type]
    assert caught.value.code is Code.BAD_PROOF
