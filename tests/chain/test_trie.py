"""The trie over the state: its root and shape follow from the rows alone, and a path shows what is there and nothing else."""

import hashlib
import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.trie import nodes as nodes_module
from p2pchain.chain.trie import path as path_module
from p2pchain.chain.trie import update as update_module
from p2pchain.chain.trie.nodes import BUCKET_ROWS_MAX, DEPTH_MAX, ROOT_PLACE, is_branch, path_of, place_of, value_hash
from p2pchain.chain.trie.path import committed_value, nodes_to
from p2pchain.chain.trie.update import MissingNodeError, root_of, update
from p2pchain.chain.types import ZERO_HASH, Hash
from tests.fakes.trie import reachable

KEYS = st.integers(0, 150).map(lambda number: b"A%d" % number)
VALUES = st.binary(max_size=3)
ROWS = st.dictionaries(KEYS, VALUES, max_size=120)
STEPS = st.lists(st.dictionaries(KEYS, st.none() | VALUES, max_size=60), max_size=6)


class Kept:
    """A trie that lies in a dict."""

    def __init__(self) -> None:
        self.nodes: dict[bytes, bytes] = {}
        self.rows: dict[bytes, bytes] = {}
        self.root: Hash = ZERO_HASH
        self.read = 0

    def node(self, place: bytes) -> bytes | None:
        self.read += 1
        return self.nodes.get(place)

    def put(self, rows: Mapping[bytes, bytes | None]) -> None:
        self.read = 0
        self.root, made = update(self.node, rows, self.root)
        self.nodes.update(made)
        for key, value in rows.items():
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


def many(number: int) -> dict[bytes, bytes]:
    return {b"A%d" % place: b"%d" % (place * place) for place in range(number)}


def kept(rows: Mapping[bytes, bytes]) -> Kept:
    trie = Kept()
    trie.put(rows)
    return trie


# --- the root


def by_definition(rows: Mapping[bytes, bytes]) -> bytes:
    """Section 7 of the protocol, as it stands there."""
    return _by_definition(sorted(path_of(key) + value_hash(value) for key, value in rows.items()), 0)


def _by_definition(entries: list[bytes], depth: int) -> bytes:
    if not entries:
        return ZERO_HASH
    if len(entries) <= BUCKET_ROWS_MAX:
        return hashlib.sha256(b"p2pchain/state-node/1\x00\x00" + b"".join(entries)).digest()
    below = ([entry for entry in entries if int(entry.hex()[depth], 16) == child] for child in range(16))
    return hashlib.sha256(b"p2pchain/state-node/1\x00\x01" + b"".join(_by_definition(part, depth + 1) for part in below)).digest()


@pytest.mark.parametrize("number", [0, 1, 2, 31, 32, 33, 34, 200, 511, 512, 513, 3_000])
def test_the_root_is_that_of_the_definition(number: int) -> None:
    assert kept(many(number)).root == root_of(many(number).items()) == by_definition(many(number))


@settings(max_examples=60)
@given(ROWS, STEPS)
def test_the_root_follows_from_the_rows_whatever_came_before(rows: dict[bytes, bytes], steps: list[dict[bytes, bytes | None]]) -> None:
    trie = kept(rows)
    for step in steps:
        trie.put(step)
        assert trie.root == by_definition(trie.rows)
        assert reachable(trie.node) == reachable(kept(trie.rows).node)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_in_which_rows_come_is_nothing_to_the_root(rows: dict[bytes, bytes], chance: random.Random) -> None:
    keys = list(rows)
    chance.shuffle(keys)
    one_by_one = Kept()
    for key in keys:
        one_by_one.put({key: rows[key]})
    assert one_by_one.root == root_of((key, rows[key]) for key in keys) == root_of(rows.items())


@given(ROWS, ROWS)
def test_other_rows_have_another_root(one: dict[bytes, bytes], other: dict[bytes, bytes]) -> None:
    assert (root_of(one.items()) == root_of(other.items())) is (one == other)


def test_no_value_is_not_an_empty_value() -> None:
    assert len({root_of([]), root_of([(b"a", b"")]), root_of([(b"", b"a")]), root_of([(b"", b"")])}) == 4


def test_all_rows_gone_leave_the_root_of_none() -> None:
    trie = kept(many(100))
    trie.put(dict.fromkeys(many(100)))
    assert trie.root == ZERO_HASH == root_of([])
    trie.put(many(3))
    assert trie.root == by_definition(many(3))


def test_a_branch_with_few_rows_left_is_a_bucket_again() -> None:
    trie = kept(many(BUCKET_ROWS_MAX))
    before = trie.root
    trie.put({b"another": b"row"})
    assert is_branch(trie.nodes[ROOT_PLACE])
    trie.put({b"another": None})
    assert not is_branch(trie.nodes[ROOT_PLACE])
    assert trie.root == before


# --- what it reads and writes


def test_a_block_reads_and_makes_the_nodes_above_its_rows_and_no_others() -> None:
    trie = kept(many(20_000))
    before = dict(trie.nodes)
    trie.put({b"A7": b"new"})
    changed = {place for place, node in trie.nodes.items() if before.get(place) != node}
    assert trie.read == len(changed) == len(nodes_to(trie.node, b"A7")) <= 5


def test_a_trie_with_another_root_is_not_updated() -> None:
    trie = kept(many(5))
    with pytest.raises(MissingNodeError, match=trie.root.hex()):
        update(trie.node, many(1), ZERO_HASH)


def test_a_node_that_is_missing_is_found_out() -> None:
    trie = kept(many(1_000))
    lost = max(trie.nodes, key=lambda place: (len(place), place))
    del trie.nodes[lost]
    with pytest.raises(MissingNodeError, match=lost.hex()):
        trie.put(many(1_000))
    below = next(key for key in many(1_000) if any(place_of(depth, path_of(key)) == lost for depth in range(1, 5)))
    with pytest.raises(MissingNodeError, match=lost.hex()):
        nodes_to(trie.node, below)


@settings(max_examples=60)
@given(ROWS, st.lists(st.dictionaries(KEYS, st.none() | VALUES, min_size=1, max_size=60), min_size=1, max_size=4), st.floats(0, 1))
def test_an_update_cut_short_and_made_again_gives_the_same(
    rows: dict[bytes, bytes], steps: list[dict[bytes, bytes | None]], part: float
) -> None:
    """As after a crash: of the nodes of several blocks some are on disk, from the deepest up; the rows of all are put in again."""
    trie = kept(rows)
    on_disk = dict(trie.nodes)
    for step in steps:
        trie.put(step)
    newer = sorted(place for place, node in trie.nodes.items() if on_disk.get(place) != node)
    on_disk.update((place, trie.nodes[place]) for place in newer[: int(part * len(newer))])
    root, made = update(on_disk.get, {key: value for step in steps for key, value in step.items()})
    assert root == trie.root
    assert reachable({**on_disk, **made}.get) == reachable(trie.node)


# --- paths


@given(ROWS, KEYS)
def test_a_path_shows_the_row_or_that_there_is_none(rows: dict[bytes, bytes], key: bytes) -> None:
    trie = kept(rows)
    value = rows.get(key)
    assert committed_value(trie.root, key, nodes_to(trie.node, key)) == (None if value is None else value_hash(value))


@pytest.mark.parametrize("number", [1, 32, 33, 2_000])
@pytest.mark.parametrize("key", [b"A0", b"nobody"])
def test_any_byte_of_a_path_altered_shows_nothing(number: int, key: bytes) -> None:
    trie = kept(many(number))
    path = nodes_to(trie.node, key)
    for depth, node in enumerate(path):
        for at in sorted({0, 1, 32, 33, len(node) // 2, len(node) - 1}):
            altered = node[:at] + bytes((node[at] ^ 1,)) + node[at + 1 :]
            assert_shows_nothing(trie.root, key, (*path[:depth], altered, *path[depth + 1 :]))


def test_a_path_cut_longer_of_another_key_or_root_shows_nothing() -> None:
    trie = kept(many(2_000))
    path = nodes_to(trie.node, b"A0")
    assert len(path) > 2
    for wrong in (path[:-1], path[1:], (), (*path, path[-1]), (path[0], *path), path[::-1], (*path, b""), (b"", *path), path * 40):
        assert_shows_nothing(trie.root, b"A0", wrong)
    assert_shows_nothing(ZERO_HASH, b"A0", path)
    assert_shows_nothing(root_of(many(1_999).items()), b"A0", path)
    strangers = [key for key in many(2_000) if path_of(key)[:1] != path_of(b"A0")[:1]]
    for key in strangers[:50]:
        assert_shows_nothing(trie.root, key, path)


def test_a_bucket_does_not_pass_for_a_branch_nor_the_other_way_round() -> None:
    """A bucket of eight rows is as long as a branch."""
    bucket = nodes_to(kept(many(8)).node, b"A0")[0]
    branch = nodes_to(kept(many(100)).node, b"A0")[0]
    assert len(bucket) == len(branch)
    for node, first in ((bucket, b"\x01"), (branch, b"\x00")):
        assert nodes_module.node_hash(first + node[1:]) != nodes_module.node_hash(node)


def assert_shows_nothing(root: Hash, key: bytes, path: tuple[bytes, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        committed_value(root, key, path)
    assert caught.value.code is Code.BAD_PROOF


# --- keys that somebody chose


@pytest.fixture
def chosen_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of 32 bytes are their own paths, as if somebody had found such hashes."""

    def hashed(rows: object) -> dict[bytes, bytes | None]:
        return {key: None if value is None else value_hash(value) for key, value in rows}  # type: ignore[attr-defined]

    monkeypatch.setattr(update_module, "hashed", hashed)
    monkeypatch.setattr(path_module, "path_of", lambda key: key)


@pytest.mark.usefixtures("chosen_paths")
def test_paths_that_differ_in_their_last_half_bytes_alone_make_the_deepest_trie() -> None:
    trie = Kept()
    rows: dict[bytes, bytes | None] = {bytes(31) + bytes((last,)): b"%d" % last for last in range(256)}
    trie.put(rows)
    deepest = nodes_to(trie.node, bytes(32))
    assert len(deepest) == DEPTH_MAX == sum(map(is_branch, deepest)) + 1
    assert committed_value(trie.root, bytes(32), deepest) == value_hash(b"0")
    trie.put(dict.fromkeys(list(rows)[BUCKET_ROWS_MAX:]))
    assert len(nodes_to(trie.node, bytes(32))) == 1


@pytest.mark.usefixtures("chosen_paths")
@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.integers(0, 70), st.none() | VALUES, max_size=70), max_size=4), st.integers(0, 29))
def test_rows_below_one_long_path_come_and_go_without_a_trace(steps: list[dict[int, bytes | None]], zeros: int) -> None:
    trie = Kept()
    for step in steps:
        trie.put({bytes(zeros) + bytes((number // 8, number % 8 * 16)) + bytes(30 - zeros): value for number, value in step.items()})
        fresh = Kept()
        fresh.put(trie.rows)
        assert (trie.root, reachable(trie.node)) == (fresh.root, reachable(fresh.node))


def test_children_are_named_so_that_they_come_before_their_parent() -> None:
    path = path_of(b"a")
    places = [place_of(depth, path) for depth in range(DEPTH_MAX + 1)]
    assert places == sorted(places, reverse=True)
    assert len({*places, *(place_of(depth, path_of(b"b")) for depth in range(DEPTH_MAX + 1))}) == 2 * DEPTH_MAX + 1
