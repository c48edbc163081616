"""Many transactions in few requests, no faster than the node takes them.

One request costs a node as much as hundreds of transactions in it.  What it answers with 429 or 503 is sent again after
the time that it names, in order: nothing of a refused request was taken.
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

Submit = Callable[[Sequence[bytes]], list[SubmitResult]]


def submit_in_bulk(submit: Submit, transactions: Iterable[bytes], patience_s: float) -> Iterator[SubmitResult]:
    """One result each, in order.  `NodeError` where the node is still too busy after `patience_s` for one request."""
    for bulk in bulks(transactions):
        yield from _submit_bulk(submit, bulk, patience_s)


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


def _submit_bulk(submit: Submit, bulk: Sequence[bytes], patience_s: float) -> list[SubmitResult]:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return submit(bulk)
        except NodeError as error:
            if error.http_status == _TOO_LARGE and len(bulk) > 1:  # a node that was told to take less
                half = len(bulk) // 2
                return _submit_bulk(submit, bulk[:half], patience_s) + _submit_bulk(submit, bulk[half:], patience_s)
            pause_s = min(RETRY_S if error.retry_after_s is None else error.retry_after_s, _RETRY_MAX_S)
            if error.http_status not in _NOT_NOW or time.monotonic() + pause_s > deadline:
                raise
            time.sleep(pause_s)  # as the node asked
