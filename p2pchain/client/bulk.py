"""Many transactions in few requests, no faster than the node takes them.

One request costs a node as much as hundreds of transactions in it.  What it answers with 429 or 503 is sent again after
the time that it names, in order: nothing of a refused request was taken.  So is what found no room in a pool that
took the rest of its request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from p2pchain.client.answers import SubmitResult
from p2pchain.client.errors import NodeError

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

Submit = Callable[[Sequence[bytes]], list[SubmitResult]]


def submit_in_bulk(submit: Submit, transactions: Iterable[bytes], patience_s: float) -> Iterator[SubmitResult]:
    """One result each, in order.  `NodeError` where the node takes nothing of a request for `patience_s`; what only some of it
    found no room for so long is refused in its result.
    """
    for bulk in bulks(transactions):
        yield from _submit_parts(submit, bulk, patience_s)


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


def _submit_parts(submit: Submit, bulk: Sequence[bytes], patience_s: float) -> Iterator[SubmitResult]:
    """In halves where a node was told to take less in a request."""
    try:
        results = _submit_bulk(submit, bulk, patience_s)
    except NodeError as error:
        if error.http_status != _TOO_LARGE or len(bulk) == 1:
            raise
        half = len(bulk) // 2
        yield from _submit_parts(submit, bulk[:half], patience_s)
        yield from _submit_parts(submit, bulk[half:], patience_s)
    else:
        yield from results


def _submit_bulk(submit: Submit, bulk: Sequence[bytes], patience_s: float) -> list[SubmitResult]:
    deadline = time.monotonic() + patience_s
    results = _send(submit, bulk, deadline)
    while (crowded_out := _crowded_out(results)) and time.monotonic() + RETRY_S <= deadline:
        time.sleep(RETRY_S)  # by then a block or two have made room
        try:
            again = _send(submit, [bulk[place] for place in crowded_out], deadline)
        except NodeError:  # what became of the others must not be lost with it
            return results
        for place, result in zip(crowded_out, again, strict=True):
            results[place] = result
    return results


def _send(submit: Submit, bulk: Sequence[bytes], deadline: float) -> list[SubmitResult]:
    """One request, or as many as it takes until the node takes one; all or nothing of it."""
    while True:
        try:
            return submit(bulk)
        except NodeError as error:
            pause_s = min(RETRY_S if error.retry_after_s is None else error.retry_after_s, _RETRY_MAX_S)
            if error.http_status not in _NOT_NOW or time.monotonic() + pause_s > deadline:
                raise
            time.sleep(pause_s)  # as the node asked


def _crowded_out(results: Sequence[SubmitResult]) -> list[int]:
    """Places of what found no room in the pool, and of what its sender signed after it."""
    codes = [None if result["error"] is None else result["error"]["code"] for result in results]
    if _FULL not in codes:
        return []
    return [place for place, code in enumerate(codes) if code in (_FULL, _GAP)]
