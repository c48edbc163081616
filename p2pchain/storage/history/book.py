"""The index on disk.  All integers in keys are big-endian.

    meta      b"state"                   -> [format, chain id, from_height, height, round, round_start_slot, seats, whole,
                                            {account: missed}]
    accounts  account (32)               -> height (5) || place (3), one value for each transaction that concerns it, in order
    rounds    account (32) || round (8)  -> [height, transactions, fees, missed]

A batch of blocks is one transaction, with the height up to which it reaches: a crash takes the index back to the batch before.
Blocks that are not written yet are read from memory, so an answer is as new as what was indexed.

Threads: `write` runs in a worker thread while the loop reads; all else belongs to the loop.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from heapq import merge
from pathlib import Path
from typing import NamedTuple

import lmdb
import msgpack

from p2pchain.chain.codec import encode
from p2pchain.node.history import IndexBrokenError, RoundView
from p2pchain.node.ports import Location
from p2pchain.storage.durable import FOLDER_MODE
from p2pchain.storage.free_pages import PageFile, UnknownFormError
from p2pchain.storage.history.facts import BlockFacts, Carried
from p2pchain.storage.reclaiming import allocated_bytes

FORMAT = 1
MAP_BYTES = 1 << 38
"""Address space, not memory or disk: 256 GiB, of which the file takes what is written."""
STEP_ACCOUNTS = 128
"""Between two pauses, at 1 us each."""
SORTED_AT_ONCE = 8_192
"""Accounts: 3 ms, in which no other thread has the interpreter."""
_STATE = b"state"
_HEIGHT_BYTES, _PLACE_BYTES = 5, 3
_LAST = Location(256**_HEIGHT_BYTES - 1, 256**_PLACE_BYTES - 1)


class State(NamedTuple):
    """Up to where the index reaches, and what the next block needs."""

    from_height: int
    height: int
    carried: Carried


class Batch:
    """Facts of blocks in a row that are not on disk."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.entries = 0
        self.accounts: dict[bytes, list[Location]] = {}
        self.rounds: dict[tuple[bytes, int], RoundView] = {}

    def add(self, facts: BlockFacts) -> Iterator[None]:
        """With pauses; the block counts, and is read, when it is there whole."""
        assert facts.height == self.state.height + 1, f"height {facts.height} is indexed above {self.state.height}"
        for number, (account, places) in enumerate(facts.accounts.items()):
            if number % STEP_ACCOUNTS == 0:
                yield
            self.accounts.setdefault(account, []).extend(Location(facts.height, place) for place in places)
            self.entries += len(places)
        for account, view in facts.rounds:
            key = account, view.round
            self.rounds[key] = add_up(self.rounds.get(key), view)
        self.state = State(self.state.from_height, facts.height, facts.carried)


class HistoryBook:
    """The open index."""

    def __init__(self, path: Path, environment: lmdb.Environment, state: State, chain_id: bytes) -> None:
        self._path = path
        self._lmdb = environment
        self._chain_id = chain_id
        self._meta, self._accounts, self._rounds = _databases(environment)
        self._stored = state
        self._disk = environment.begin()
        """What the disk has: as of before a batch that is being written, so that nothing is seen twice."""
        self._writing: Batch | None = None
        self.batch = Batch(state)

    @property
    def state(self) -> State:
        return self.batch.state

    @property
    def written_height(self) -> int:
        return self._stored.height

    @property
    def disk_bytes(self) -> int:
        return allocated_bytes(self._path / "data.mdb")

    def close(self) -> None:
        """What was not written is indexed again."""
        self._disk.abort()
        self._lmdb.close()

    # --- writing

    def begin_write(self) -> Batch:
        """Close the batch, for `write`; what comes goes into the next one."""
        assert self._writing is None, "one batch at a time"
        self._writing = self.batch
        self.batch = Batch(self._writing.state)
        return self._writing

    def write(self, batch: Batch) -> None:
        """In a worker thread: waits for the disk."""
        try:
            with self._lmdb.begin(write=True) as txn:
                with txn.cursor(db=self._accounts) as cursor:
                    for account in in_order(batch.accounts):
                        for location in batch.accounts[account]:
                            cursor.put(account, _value(location))
                for (account, number), view in sorted(batch.rounds.items()):
                    key = _round_key(account, number)
                    data = txn.get(key, db=self._rounds)
                    txn.put(key, encode(add_up(_round_view(number, data), view)[1:]), db=self._rounds)
                txn.put(_STATE, _encode_state(batch.state, self._chain_id), db=self._meta)
        except (lmdb.Error, OSError) as error:
            raise IndexBrokenError(f"{self._path} cannot be written: {error}") from error

    def end_write(self) -> None:
        """The batch is on disk."""
        assert self._writing is not None, "nothing was begun"
        self._stored, self._writing = self._writing.state, None
        self._disk.abort()
        self._disk = self._lmdb.begin()

    # --- reading

    def transactions(self, account: bytes, before: Location, limit: int) -> list[Location]:
        """Newest first: what is in memory lies above all that the disk is asked for."""
        before = min(before, _LAST)
        found: list[Location] = []
        for batch in self._unwritten():
            for location in reversed(batch.accounts.get(account, ())):
                if location < before and location.height <= batch.state.height:
                    found.append(location)
                    if len(found) >= limit:
                        return found
        return found + list(self._stored_transactions(account, before, limit - len(found)))

    def rounds(self, account: bytes, before: int, limit: int) -> list[RoundView]:
        """Newest first; a round that goes on may lie on disk and in memory."""
        found = {view.round: view for view in self._stored_rounds(account, before, limit)}
        for batch in self._unwritten():
            for (owner, number), view in batch.rounds.items():
                if owner == account and number < before:
                    found[number] = add_up(found.get(number), view)
        return [found[number] for number in sorted(found, reverse=True)[:limit]]

    def _unwritten(self) -> Iterator[Batch]:
        yield self.batch
        if self._writing is not None:
            yield self._writing

    def _stored_transactions(self, account: bytes, before: Location, limit: int) -> Iterator[Location]:
        if limit <= 0:
            return
        with self._reading(), self._disk.cursor(db=self._accounts) as cursor:
            if not cursor.set_key(account):
                return
            # the first value at or above the bound, and from there back; where there is none, from the last
            there_is = cursor.prev_dup() if cursor.set_range_dup(account, _value(before)) else cursor.set_key(account) and cursor.last_dup()
            while there_is and limit > 0:
                yield _location(cursor.value())
                limit -= 1
                there_is = cursor.prev_dup()

    def _stored_rounds(self, account: bytes, before: int, limit: int) -> Iterator[RoundView]:
        with self._reading(), self._disk.cursor(db=self._rounds) as cursor:
            there_is = cursor.prev() if cursor.set_range(_round_key(account, min(before, 2**63))) else cursor.last()
            while there_is and limit > 0 and cursor.key()[:32] == account:
                number = int.from_bytes(cursor.key()[32:], "big")
                view = _round_view(number, cursor.value())
                assert view is not None, "a row has a value"
                yield view
                limit -= 1
                there_is = cursor.prev()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            raise IndexBrokenError(f"{self._path} cannot be read: {error}") from error


def open_book(path: Path, chain_id: bytes, first: State) -> HistoryBook:
    """Open the index, or begin it anew at `first`: where there is none, it is another chain's, of another form, damaged, or what
    comes next in it is no longer there to be indexed.
    """
    try:
        environment, found = _open(path, chain_id)
    except (lmdb.Error, OSError, ValueError, TypeError, LookupError, UnknownFormError):
        shutil.rmtree(path, ignore_errors=True)
        try:
            environment, found = _open(path, chain_id)
        except (lmdb.Error, OSError, ValueError) as error:
            raise IndexBrokenError(f"{path} cannot be made: {error}") from error
    if found is not None and first.from_height - 1 <= found.height:
        return HistoryBook(path, environment, found, chain_id)
    if found is None:
        return HistoryBook(path, environment, first, chain_id)
    environment.close()
    shutil.rmtree(path)
    return HistoryBook(path, _open(path, chain_id)[0], first, chain_id)


def _open(path: Path, chain_id: bytes) -> tuple[lmdb.Environment, State | None]:
    """What is found in it; None in a new one.  `ValueError` and the like where it cannot be gone on with."""
    path.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    _lengthen(path / "data.mdb")
    # without metasync a power cut may take the last batch, and no more: it is indexed again
    environment = lmdb.open(str(path), map_size=MAP_BYTES, mode=FOLDER_MODE, readahead=False, max_dbs=4, metasync=False)
    try:
        meta, _, _ = _databases(environment)
        with environment.begin(db=meta) as txn:
            data = txn.get(_STATE)
        return environment, None if data is None else _decode_state(data, chain_id)
    except BaseException:
        environment.close()
        raise


def _lengthen(data: Path) -> None:
    """A file that was cut short is given its length back: what it lost is damage that LMDB tells of then, and not a SIGBUS."""
    if data.exists():
        with data.open("r+b") as file:
            size = PageFile(file.fileno()).size
            if data.stat().st_size < size:
                file.truncate(size)


def _databases(environment: lmdb.Environment) -> tuple[lmdb._Database, lmdb._Database, lmdb._Database]:
    return environment.open_db(b"meta"), environment.open_db(b"accounts", dupsort=True, dupfixed=True), environment.open_db(b"rounds")


def _encode_state(state: State, chain_id: bytes) -> bytes:
    carried = state.carried
    fields = FORMAT, chain_id, state.from_height, state.height, carried.round, carried.round_start_slot, carried.seats, carried.is_whole
    return bytes(msgpack.packb((*fields, dict(carried.missed))))


def _decode_state(data: bytes, chain_id: bytes) -> State:
    version, chain, from_height, height, number, start, seats, is_whole, missed = msgpack.unpackb(data)
    if (version, chain) != (FORMAT, chain_id):
        raise ValueError("it is of another form or chain")
    return State(from_height, height, Carried(number, start, seats, missed, is_whole))


def in_order(accounts: Iterable[bytes]) -> Iterator[bytes]:
    """Sorted, by merging parts: one sort of them all would hold everybody up for as long as it takes."""
    unsorted = list(accounts)
    return merge(*(sorted(unsorted[start : start + SORTED_AT_ONCE]) for start in range(0, len(unsorted), SORTED_AT_ONCE)))


def add_up(below: RoundView | None, view: RoundView) -> RoundView:
    """Two parts of one round."""
    if below is None:
        return view
    sums = (mine + theirs for mine, theirs in zip(below[2:], view[2:], strict=True))
    return RoundView(view.round, max(below.height, view.height), *sums)


def _round_key(account: bytes, number: int) -> bytes:
    return account + number.to_bytes(8, "big")


def _round_view(number: int, data: bytes | None) -> RoundView | None:
    return None if data is None else RoundView(number, *msgpack.unpackb(data))


def _value(location: Location) -> bytes:
    return location.height.to_bytes(_HEIGHT_BYTES, "big") + location.position.to_bytes(_PLACE_BYTES, "big")


def _location(value: bytes) -> Location:
    return Location(int.from_bytes(value[:_HEIGHT_BYTES], "big"), int.from_bytes(value[_HEIGHT_BYTES:], "big"))
