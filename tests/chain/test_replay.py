"""S5 and F25: the same blocks give the same roots under every hash seed, and from rows in any order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.state import ACCOUNTS, Account, Changes, Ledger, StackedView
from p2pchain.chain.trie.update import MissingNodeError
from p2pchain.chain.types import ZERO_HASH, Hash
from tests.chain.replay import roots

BLOCKS, SEED = 1_000, 11
ROOT = Path(__file__).resolve().parents[2]
KEYS = st.binary(min_size=1, max_size=4)
ROWS = st.dictionaries(KEYS, st.binary(max_size=4), max_size=8)


@pytest.fixture(scope="module")
def wanted() -> list[str]:
    return [root.hex() for root in roots(BLOCKS, SEED)]


@pytest.mark.parametrize(("hash_seed", "options"), [("0", []), ("1", ["--reverse-rows"]), ("random", [])])
def test_another_process_comes_to_the_same_roots(wanted: list[str], hash_seed: str, options: list[str]) -> None:
    command = [sys.executable, "-m", "tests.chain.replay", "--blocks", str(BLOCKS), "--seed", str(SEED), *options]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == wanted


def test_another_seed_comes_to_other_roots(wanted: list[str]) -> None:
    """Or the comparison above would compare nothing."""
    assert len(set(wanted)) == BLOCKS
    assert not set(wanted) & {root.hex() for root in roots(20, SEED + 1)}


# --- what the roots rest on


@given(ROWS)
def test_changes_do_not_depend_on_the_order_of_writing(rows: dict[bytes, bytes]) -> None:
    ledgers = []
    for items in (list(rows), list(reversed(rows))):
        ledger = Ledger(Changes({}, ZERO_HASH))
        for item in items:
            ledger.put(ACCOUNTS, item, Account(len(rows[item]), 1))
        ledger.keep()
        ledgers.append(ledger.changes(ZERO_HASH))
    assert ledgers[0] == ledgers[1]
    assert list(ledgers[0].rows) == sorted(ledgers[0].rows) == list(ledgers[1].rows)


def test_a_ledger_on_another_state_than_its_parents_is_our_own_bug() -> None:
    ledger = Ledger(Changes({}, ZERO_HASH))
    ledger.put(ACCOUNTS, b"a", Account(1))
    ledger.keep()
    with pytest.raises(MissingNodeError):
        ledger.changes(Hash(bytes([1]) * 32))


@given(st.lists(ROWS, max_size=5), ROWS, KEYS)
def test_a_stack_of_changes_reads_like_one_dict(layers: list[dict[bytes, bytes]], base: dict[bytes, bytes], key: bytes) -> None:
    flat = dict(base)
    for layer in reversed(layers):
        flat.update(layer)
    view = StackedView([Changes(layer, ZERO_HASH) for layer in layers], Changes(base, ZERO_HASH))
    for item in {key, *flat}:
        assert view.get(item) == flat.get(item)


def test_what_a_transaction_wrote_is_kept_or_dropped_whole() -> None:
    ledger = Ledger(Changes({}, ZERO_HASH))
    ledger.put(ACCOUNTS, b"a", Account(1))
    ledger.keep()
    ledger.put(ACCOUNTS, b"a", Account(2))
    ledger.put(ACCOUNTS, b"b", Account(3))
    assert ledger.account(b"a") == Account(2)
    ledger.drop()
    assert ledger.account(b"a") == Account(1)
    assert ledger.account(b"b") == Account()
    assert list(ledger.changes(ZERO_HASH).rows) == [b"Aa"]


def test_an_undecided_transaction_is_our_own_bug() -> None:
    ledger = Ledger(Changes({}, ZERO_HASH))
    ledger.put(ACCOUNTS, b"a", Account(1))
    with pytest.raises(AssertionError):
        ledger.changes(ZERO_HASH)
