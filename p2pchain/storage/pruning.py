"""Bodies of old final blocks taken out of the log, a share with each commit; their headers and confirms stay.

A share is part of the commit that carries it, so a crash finds bodies and mark together, as they were before it or after.
What a start reads is never touched: the log from the flushed height on, and the unfinal blocks, which stand above it.
Entries of the index of transactions go once the blocks that they name are gone, generation by generation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import msgpack

from p2pchain.chain.codec import encode
from p2pchain.node.keeping import KEPT_BLOCKS_MIN
from p2pchain.storage.environment import Environment, Transaction
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.layout import META_PRUNED, block_key, decode_locations, generation_of, header_in_record, height_key
from p2pchain.storage.plan import Memory

SHARE_S = 0.004
"""Of a commit, at most (one block or entry more): a commit of a full block takes 3 to 20 ms."""
SHARE_BLOCKS_MAX = 1_024
"""Of a commit: what one transaction frees is one list of pages, which LMDB takes up as a whole."""
_CLOCK_EVERY = 8

Clock = Callable[[], float]


class Pruned(NamedTuple):
    """What is no longer there."""

    height: int = 0
    """Bodies of final blocks up to here are gone."""
    generation: int = 0
    """Generations of the index before this one are gone."""

    @property
    def blocks_from(self) -> int:
        """The first height whose block is whole."""
        return self.height + 1


class Pruning(NamedTuple):
    """Where pruning stands after a commit."""

    pruned: Pruned
    is_done: bool
    """Whether there is nothing to take out, until more becomes final or more is asked for."""


def load_pruned(environment: Environment, txn: Transaction) -> Pruned:
    value = txn.get(META_PRUNED, db=environment.meta)
    if value is None:
        return Pruned()
    try:
        pruned = Pruned(*msgpack.unpackb(value, use_list=False))
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise DamagedStore(f"the store's record of what was pruned cannot be read: {error}") from error
    if not all(type(number) is int and number >= 0 for number in pruned):
        raise DamagedStore("the store's record of what was pruned holds no numbers; move the data folder away and sync again")
    return pruned


def highest_prunable(memory: Memory, kept_blocks_min: int = KEPT_BLOCKS_MIN) -> int:
    """The last height whose body nothing on this node needs, whatever is asked for."""
    return max(0, min(memory.final.height - kept_blocks_min, memory.progress.flushed - 1))


def prune_share(
    environment: Environment, txn: Transaction, pruned: Pruned, target: int, newest_generation: int, clock: Clock = time.perf_counter
) -> Pruning:
    """Take out bodies up to `target`, then entries of the index, as much as a share may take."""
    until = clock() + SHARE_S
    after = _prune_blocks(environment, txn, pruned, min(target, pruned.height + SHARE_BLOCKS_MAX), until, clock)
    is_done = False
    if after.height >= target and clock() < until:
        after, is_done = _prune_index(environment, txn, after, newest_generation, until, clock)
    # also where nothing changed: a commit without a change is none to LMDB, and only the next one makes what this one frees free
    txn.put(META_PRUNED, encode(tuple(after)), db=environment.meta)
    return Pruning(after, is_done)


def _prune_blocks(environment: Environment, txn: Transaction, pruned: Pruned, target: int, until: float, clock: Clock) -> Pruned:
    height = pruned.height
    while height < target:
        height += 1
        block = txn.get(height_key(height), db=environment.final)
        key = block_key(height, block) if block is not None else b""
        record = txn.get(key, db=environment.blocks) if key else None
        if record is None:
            raise DamagedStore(f"{environment.path}: block {height} is final and is not there; sync again")
        txn.put(height_key(height), header_in_record(memoryview(record), key), append=True, db=environment.headers)
        txn.delete(key, db=environment.blocks)
        if clock() >= until:
            break
    return pruned._replace(height=height)


def _prune_index(environment: Environment, txn: Transaction, pruned: Pruned, newest: int, until: float, clock: Clock) -> Pruning:
    """Entries from the first one on, until one names a block that is there: ids are random, so a generation waits for its last block."""
    with txn.cursor(db=environment.transactions) as cursor:
        there_is = cursor.first()
        done = 0
        while there_is:
            generation = generation_of(cursor.key())
            if generation >= newest:
                return Pruning(pruned._replace(generation=newest), is_done=True)
            if any(location.height > pruned.height for location in decode_locations(cursor.value())):
                return Pruning(pruned._replace(generation=generation), is_done=True)
            there_is = cursor.delete()
            done += 1
            if done % _CLOCK_EVERY == 0 and clock() >= until:
                return Pruning(pruned._replace(generation=generation), is_done=False)
    return Pruning(pruned._replace(generation=newest), is_done=True)
