"""The index of history: the same as by looking through all blocks, whatever was killed, thrown away or pruned in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from p2pchain.chain.actions.stake import Stake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.codec import encode
from p2pchain.chain.state import DELEGATES, Delegate
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.node.history import IndexBrokenError, RoundView
from p2pchain.node.ports import Location
from p2pchain.storage import LmdbStore, open_store
from p2pchain.storage.history import BlockFacts, HistoryBook, State, carried_after, facts_of, open_book
from p2pchain.storage.history.book import in_order
from tests.fakes.chain import ChainMaker, MadeBlock, make_genesis, signer

HEIGHT, ACCOUNTS = 30, 5
EVERYTHING = Location(1 << 60, 0)


class Chain:
    def __init__(self) -> None:
        self.maker = ChainMaker(make_genesis(accounts=ACCOUNTS))
        self.blocks: list[MadeBlock] = []
        tip = self.maker.root
        for number in range(HEIGHT):
            tip = self.maker.extend(tip, transfers=number % 4)
            self.blocks.append(tip)

    def commits(self) -> Iterator[Commit]:
        for block in self.blocks:
            yield Commit(blocks=[block.stored], final=[block.made.id], confirms=[self.maker.certificate(block, Kind.CONFIRM)])

    def first(self) -> State:
        return State(1, 0, carried_after(self.maker.root.changes.rows, {}, is_whole=True))

    def places(self, account: bytes, from_height: int = 1) -> list[Location]:
        """By looking through all blocks, newest first."""
        found = [
            Location(block.subject.height, place)
            for block in self.blocks[from_height - 1 :]
            for place, transaction in enumerate(block.made.transactions)
            if account in concerned(transaction)
        ]
        return found[::-1]

    def rounds(self, account: bytes) -> list[RoundView]:
        """By the schedule that ruled above each block's parent."""
        found = []
        for below, block in zip([self.maker.root, *self.blocks], self.blocks, strict=False):
            turn = below.schedule.turn(block.subject.slot)
            if turn.delegate.account == account:
                items = block.made.transactions
                found.append(RoundView(turn.round, block.subject.height, len(items), sum(item.fee for item in items), 0))
        return found[::-1]


def concerned(transaction: Transaction) -> set[bytes]:
    named = {action.recipient for action in transaction.actions if isinstance(action, Transfer)}
    return named | {action.delegate for action in transaction.actions if isinstance(action, Stake)} | {transaction.sender}


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@pytest.fixture
def store(tmp_path: Path, chain: Chain) -> Iterator[LmdbStore]:
    with open_store(tmp_path / "data", chain.maker.genesis, flush_blocks=2, kept_blocks_min=5) as made:
        for commit in chain.commits():
            made.commit(commit)
        yield made


def opened(folder: Path, chain: Chain, first: State | None = None) -> HistoryBook:
    return open_book(folder / "index", chain.maker.genesis.chain_id, first or chain.first())


def follow(book: HistoryBook, store: LmdbStore, until: int, *, batch: int = 4) -> None:
    while (height := book.state.height + 1) <= until:
        found = store.final_with_rows(height)
        assert found is not None
        for facts in facts_of(*found, book.state.carried, store):
            if isinstance(facts, BlockFacts):
                assert not any(book.batch.add(facts))
        if height % batch == 0:
            write(book)


def write(book: HistoryBook) -> None:
    book.write(book.begin_write())
    book.end_write()


def check(book: HistoryBook, chain: Chain, *, from_height: int = 1) -> None:
    for number in range(ACCOUNTS):
        account = signer(3000 + number).public_key
        assert book.transactions(account, EVERYTHING, 1_000) == chain.places(account, from_height)
    for number in range(4):
        account = signer(2000 + number).public_key
        wanted = [view for view in chain.rounds(account) if view.height >= from_height]
        assert book.rounds(account, 1 << 60, 1_000) == wanted
    assert book.transactions(bytes(32), EVERYTHING, 10) == []
    assert book.rounds(bytes(32), 1 << 60, 10) == []


@pytest.mark.parametrize("batch", [1, 4, 1_000])
def test_it_says_what_all_blocks_say_on_disk_and_in_memory(tmp_path: Path, chain: Chain, store: LmdbStore, batch: int) -> None:
    book = opened(tmp_path, chain)
    follow(book, store, HEIGHT, batch=batch)
    check(book, chain)
    book.close()


def test_pages_meet_without_a_gap_wherever_they_are_cut(tmp_path: Path, chain: Chain, store: LmdbStore) -> None:
    book = opened(tmp_path, chain)
    follow(book, store, HEIGHT, batch=8)
    account = signer(3000).public_key
    whole = chain.places(account)
    for limit in (1, 2, 3, 7, len(whole), len(whole) + 1):
        seen: list[Location] = []
        before = EVERYTHING
        while page := book.transactions(account, before, limit):
            seen += page
            before = page[-1]
        assert seen == whole
    rounds = chain.rounds(signer(2000).public_key)
    below = book.rounds(signer(2000).public_key, rounds[0].round, 2)
    assert below == rounds[1:3]
    book.close()


def test_while_a_batch_is_being_written_nothing_is_missing_and_nothing_there_twice(tmp_path: Path, chain: Chain, store: LmdbStore) -> None:
    book = opened(tmp_path, chain)
    follow(book, store, 10, batch=1_000)
    batch = book.begin_write()
    follow(book, store, HEIGHT, batch=1_000)
    check(book, chain)
    book.write(batch)
    check(book, chain)  # on disk, and the loop does not know it yet
    book.end_write()
    check(book, chain)
    book.close()


def test_a_kill_costs_what_was_not_written_and_it_goes_on_from_there(tmp_path: Path, chain: Chain, store: LmdbStore) -> None:
    for until in range(1, HEIGHT + 1, 3):
        book = opened(tmp_path, chain)
        assert book.state.height <= until
        follow(book, store, until, batch=4)
        book.close()  # as a kill does: whatever was not written is gone
    book = opened(tmp_path, chain)
    assert book.state.height == 28
    follow(book, store, HEIGHT)
    check(book, chain)
    book.close()


@pytest.mark.parametrize("damage", ["text", "cut", "state", "other chain"])
def test_a_damaged_or_foreign_index_is_thrown_away_and_begun_anew(tmp_path: Path, chain: Chain, store: LmdbStore, damage: str) -> None:
    chain_id = b"\7" * 32 if damage == "other chain" else chain.maker.genesis.chain_id
    book = open_book(tmp_path / "index", chain_id, chain.first())
    follow(book, store, HEIGHT)
    if damage == "state":
        with book._lmdb.begin(write=True) as txn:
            txn.put(b"state", b"\x93\1\2\3", db=book._meta)
    book.close()
    data = tmp_path / "index" / "data.mdb"
    if damage == "text":
        data.write_text("no database\n" * 1_000)
    elif damage == "cut":
        data.write_bytes(data.read_bytes()[:5_000])
    book = opened(tmp_path, chain)
    assert book.state == chain.first()
    follow(book, store, HEIGHT)
    check(book, chain)
    book.close()


def test_an_index_begun_after_a_pruning_begins_above_it(tmp_path: Path, chain: Chain, store: LmdbStore) -> None:
    store.prune_to(12)
    while store.is_pruning:
        store.commit(Commit())
    found = store.final_with_rows(13)
    assert found is not None
    book = opened(tmp_path, chain, State(14, 13, carried_after(found[1], {}, is_whole=False)))
    follow(book, store, HEIGHT)
    check(book, chain, from_height=14)
    book.close()


def test_an_index_that_blocks_were_pruned_past_is_begun_anew(tmp_path: Path, chain: Chain, store: LmdbStore) -> None:
    book = opened(tmp_path, chain)
    follow(book, store, 8)
    book.close()
    found = store.final_with_rows(13)
    assert found is not None
    later = State(14, 13, carried_after(found[1], {}, is_whole=False))
    book = opened(tmp_path, chain, later)
    assert book.state == later
    follow(book, store, 16)
    book.close()
    book = opened(tmp_path, chain, State(5, 4, later.carried))
    assert book.state.height == 16, "what reaches far enough is gone on with"
    book.close()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, chain: Chain) -> None:
    (tmp_path / "index").write_text("a file")
    with pytest.raises(IndexBrokenError, match="cannot be made"):
        opened(tmp_path / "index", chain)


def test_missed_heartbeats_count_in_the_round_of_the_block_that_counted_them(chain: Chain) -> None:
    block = chain.blocks[0]
    account = signer(2003).public_key
    row = Delegate(signer(1003).public_key, 500, missed=7)
    rows = {**block.changes.rows, DELEGATES.key(account): encode(tuple(row))}
    below = chain.first().carried

    def missed(carried: object) -> list[RoundView]:
        (*_, facts) = facts_of(block.made.raw, rows, carried, block.view)  # type: ignore[arg-type]
        assert isinstance(facts, BlockFacts)
        assert facts.carried.missed[account] == 7
        return [view for owner, view in facts.rounds if owner == account and view.missed]

    number = chain.maker.root.schedule.turn(block.subject.slot).round
    assert missed(below) == [RoundView(number, 0, 0, 0, 7)]
    assert missed(below._replace(missed={account: 5})) == [RoundView(number, 0, 0, 0, 2)]
    assert missed(below._replace(missed={account: 7})) == []
    assert missed(below._replace(is_whole=False)) == [], "how many there were before is not known"


def test_a_block_that_is_half_added_is_not_read(tmp_path: Path, chain: Chain, store: LmdbStore) -> None:
    book = opened(tmp_path, chain)
    follow(book, store, 3)
    found = store.final_with_rows(4)
    assert found is not None
    (*_, facts) = facts_of(*found, book.state.carried, store)
    assert isinstance(facts, BlockFacts)
    assert len(facts.accounts) > 1
    adding = book.batch.add(facts)
    with patch("p2pchain.storage.history.book.STEP_ACCOUNTS", 1):
        next(adding)
        next(adding)
        account = next(iter(facts.accounts))
        assert book.batch.accounts[account][-1].height == 4
        assert book.transactions(account, EVERYTHING, 100) == [place for place in chain.places(account) if place.height <= 3]
        assert not any(adding)
    assert book.transactions(account, EVERYTHING, 100) == [place for place in chain.places(account) if place.height <= 4]
    book.close()


def test_accounts_are_sorted_part_by_part() -> None:
    numbers = [number * 7919 % 20_011 for number in range(20_011)]
    items = [number.to_bytes(4, "big") for number in numbers]
    assert list(in_order(items)) == sorted(items)
