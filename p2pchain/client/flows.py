"""What takes several requests, as generators without a network: they yield calls and pauses, and are driven by either client.

A driver sends the answer of each call back in, or throws the error that it met.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from p2pchain.client import calls
from p2pchain.client.answers import TransactionAnswer
from p2pchain.client.calls import Call
from p2pchain.client.errors import ClientError, NodeError, NotInTimeError

T = TypeVar("T")
Wanted: TypeAlias = Literal["included", "final"]
ENDED = frozenset({"final", "expired", "replaced", "rejected"})
"""The statuses that a transaction does not leave any more."""
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """Asks for seconds on a clock that never goes back."""


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The flow has ended."""

    value: T


Request: TypeAlias = Call[Any] | Pause | Now
Flow: TypeAlias = Generator[Request, Any, T]


def begin(flow: Flow[T]) -> Request | Done[T]:
    """The first thing to do."""
    return answered(flow, None)


def answered(flow: Flow[T], answer: object) -> Request | Done[T]:
    """What comes after an answer.  (No `StopIteration` may leave a coroutine, so it ends here.)"""
    try:
        return flow.send(answer)
    except StopIteration as end:
        return Done(end.value)


def failed(flow: Flow[T], error: ClientError) -> Request | Done[T]:
    """What comes after a call that failed; raises the error where the flow does not expect it."""
    try:
        return flow.throw(error)
    except StopIteration as end:
        return Done(end.value)


def wait_for(transaction_id: str, wanted: Wanted, timeout_s: float) -> Flow[TransactionAnswer]:
    """The transaction once it is `wanted` (final is included too), or has ended otherwise."""
    deadline = (yield Now()) + timeout_s
    enough = ENDED | {wanted}
    while True:
        found: TransactionAnswer | None
        try:
            found = yield calls.transaction(transaction_id)
        except NodeError as error:
            if error.http_status != 404:
                raise
            found = None
        if found is not None and found["status"] in enough:
            return found
        if (yield Now()) >= deadline:
            raise NotInTimeError(transaction_id, wanted, found["status"] if found else "unknown", timeout_s)
        # The API answers how things are, not when they change: between two questions there is nothing to do but wait.
        yield Pause(POLL_S)
