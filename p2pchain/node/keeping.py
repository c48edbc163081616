"""Which final blocks a node keeps, and from which height on it promises to have them.

Two wishes of the operator, each of which keeps blocks: so many, and those of so many days.  Neither: all are kept.
Below that stands a floor (`KEPT_BLOCKS_MIN`).  What is promised to peers and clients begins a little above what is there, so
that a question on the strength of an older promise finds its answer.

Only bodies go.  Headers and confirms stay: they are what a joining node follows and what proves any block that somebody
still has.  Evidence needs no body: it consists of two signed messages and is judged by the state (decision 0022).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from p2pchain.chain.block import decode_header
from p2pchain.chain.params import ChainSpec
from p2pchain.node.ports import FinalHeader

KEPT_BLOCKS_MIN = 1_000
"""Twice the longest branch that may be unfinal (512): whoever was here in this time goes on from any peer, a recovery finds its
base, and a start its tail."""
PROMISE_BLOCKS = 100
"""What is there and no longer promised: at most one block a slot goes meanwhile, so a promise holds for so many slots."""
DAY_MS = 24 * 3_600 * 1_000


class Keep(NamedTuple):
    """What the operator wants kept; whatever one of the two keeps stays."""

    blocks: int = 0
    """Final blocks, counted from the last one; 0: no wish."""
    days: int = 0
    """By the time of their slots; 0: no wish."""

    @property
    def is_all(self) -> bool:
        return not (self.blocks or self.days)


ARCHIVE = Keep()


class KeepingView(NamedTuple):
    """What a node keeps, for its operator."""

    keep: Keep
    blocks_from: int
    is_pruning: bool
    """Whether there is more to take out."""
    disk_bytes: int
    """What the ledger takes of the disk."""
    given_back_bytes: int
    """To the disk, since the node started."""


class BlockPrunedError(Exception):
    """A final block that was asked for is no longer here; its header and its confirms are."""

    def __init__(self, height: int, blocks_from: int) -> None:
        super().__init__(f"block {height} was pruned: this node has blocks from height {blocks_from} on, ask one that keeps all")
        self.height = height
        self.blocks_from = blocks_from


def first_kept(keep: Keep, final_height: int, first_since: Callable[[int], int], now_ms: int) -> int:
    """The first height whose block is kept; `first_since(time_ms)` is that of the first block at or after a time."""
    if keep.is_all:
        return 1
    wanted = [final_height - KEPT_BLOCKS_MIN + 1]
    if keep.blocks:
        wanted.append(final_height - keep.blocks + 1)
    if keep.days:
        wanted.append(first_since(now_ms - keep.days * DAY_MS))
    return max(1, min(wanted))


def first_promised(kept_from: int, final_height: int) -> int:
    """From which height on peers and clients may count on blocks, where those from `kept_from` on are kept."""
    return kept_from if kept_from <= 1 else min(kept_from + PROMISE_BLOCKS, final_height + 1)


class Headers(Protocol):
    """What is asked of a store here."""

    def final_headers(self, from_height: int, limit: int, bytes_max: int) -> list[FinalHeader]: ...


def slot_of_final(headers: Headers, height: int) -> int:
    (found,) = headers.final_headers(height, 1, 1)
    return decode_header(found.raw).slot


def first_at(final_height: int, slot: int, slot_of: Callable[[int], int]) -> int:
    """The first height whose block has this slot or a later one; one above the last final block where there is none.

    Slots grow with heights, so about 20 headers tell it of a million.
    """
    low, high = 1, final_height + 1
    while low < high:
        middle = (low + high) // 2
        if slot_of(middle) < slot:
            low = middle + 1
        else:
            high = middle
    return low


def wanted_from(keep: Keep, headers: Headers, spec: ChainSpec, final_height: int, final_slot: int) -> int:
    """The first height that `keep` keeps.  Its days are counted back from the last final block: a clock that is wrong prunes nothing."""

    def first_since(time_ms: int) -> int:
        return first_at(final_height, spec.slot_at(time_ms), lambda height: slot_of_final(headers, height))

    return first_kept(keep, final_height, first_since, spec.slot_start_ms(final_slot))
