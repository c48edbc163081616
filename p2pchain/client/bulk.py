"""Many transactions in few requests, no faster than the node takes them.

One request costs a node as much as hundreds of transactions in it.  What it answers with 429 or 503 is sent again after
the time that it names, in order: nothing of a refused request was taken.  So is what found no room in a pool that
took the rest of its request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from p2pchain.client import calls
from p2pchain.client.answers import SubmitResult
from p2pchain.client.errors import NodeError
from p2pchain.client.flows import Flow, Now, Pause

ITEMS_MAX = 1_000
"""A fifth of a full block: the node works on one while the next is on its way."""
BYTES_MAX = 1 << 20
"""A quarter of what a node takes in a request unless it is told otherwise."""
PATIENCE_S = 60.0
RETRY_S = 1.0
"""Where the node names no time."""
_RETRY_MAX_S = 30.0
_NOT_NOW = frozenset({429, 503})
_TOO_LARGE = 413
_FULL, _GAP = "pool_full", "nonce_gap"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the first of a bulk, and what is still to be sent: nothing, unless the node was told to take less in a request."""

    results: list[SubmitResult]
    rest: Sequence[bytes]


def bulks(transactions: Iterable[bytes]) -> Iterator[list[bytes]]:
    bulk: list[bytes] = []
    size = 0
    for raw in transactions:
        if bulk and (len(bulk) == ITEMS_MAX or size + len(raw) > BYTES_MAX):
            yield bulk
            bulk, size = [], 0
        bulk.append(raw)
        size += len(raw)
    if bulk:
        yield bulk


def submit_bulk(bulk: Sequence[bytes], patience_s: float) -> Flow[Taken]:
    """One result each, in order.  `NodeError` where the node takes nothing of it for `patience_s`; what only a part of it found
    no room for so long is refused in its result.
    """
    deadline = (yield Now()) + patience_s
    rest: Sequence[bytes] = ()
    while True:
        try:
            results = yield from _send(bulk, deadline)
            break
        except NodeError as error:
            if error.http_status != _TOO_LARGE or len(bulk) == 1:
                raise
            half = len(bulk) // 2
            bulk, rest = bulk[:half], [*bulk[half:], *rest]
    while (crowded_out := _crowded_out(results)) and (yield Now()) + RETRY_S <= deadline:
        yield Pause(RETRY_S)  # by then a block or two have made room
        try:
            again = yield from _send([bulk[place] for place in crowded_out], deadline)
        except NodeError:  # what became of the others must not be lost with it
            break
        for place, result in zip(crowded_out, again, strict=True):
            results[place] = result
    return Taken(results, rest)


def _send(bulk: Sequence[bytes], deadline: float) -> Flow[list[SubmitResult]]:
    """One request, or as many as it takes until the node takes one."""
    while True:
        try:
            results: list[SubmitResult] = yield calls.submit(bulk)
        except NodeError as error:
            pause_s = min(RETRY_S if error.retry_after_s is None else error.retry_after_s, _RETRY_MAX_S)
            if error.http_status not in _NOT_NOW or (yield Now()) + pause_s > deadline:
                raise
            yield Pause(pause_s)  # as the node asked
        else:
            return results


def _crowded_out(results: Sequence[SubmitResult]) -> list[int]:
    """Places of what found no room in the pool, and of what its sender signed after it."""
    codes = [None if result["error"] is None else result["error"]["code"] for result in results]
    if _FULL not in codes:
        return []
    return [place for place, code in enumerate(codes) if code in (_FULL, _GAP)]
