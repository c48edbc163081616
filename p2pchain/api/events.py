"""The hub between the one who publishes and the many who follow.

`publish` is called by the node's loop and never waits.  All followers share one buffer of the latest events and each
has a position in it, so a slow follower costs nothing but its position; one whose position has left the buffer is
can tell by `first` and goes on from the store, where every final block is.  Nothing is skipped unseen.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import trio

from p2pchain.api.errors import ApiError
from p2pchain.api.tally import Tally
from p2pchain.api.views import failed_view
from p2pchain.chain.block import Block, Envelope
from p2pchain.chain.outcomes import Failure
from p2pchain.chain.types import TransactionId
from p2pchain.chain.votes import Subject
from p2pchain.node.effects import BlockFinal, HeadChanged, Publication

EVENTS_MAX = 256
"""Two minutes of full slots at 500 ms."""
BYTES_MAX = 8 << 20
"""Twenty full blocks of 5,000 transactions."""
FOLLOWERS_MAX = 256
"""Half of the connections that the server accepts."""


class Event(NamedTuple):
    """What followers get.  `height` is that of a final block; None for all other events, which cannot be replayed."""

    height: int | None
    text: str
    """JSON."""


class EventHub:
    """Made by the composition root; the node's loop calls `publish`."""

    def __init__(self, *, followers_max: int = FOLLOWERS_MAX) -> None:
        self.tally = Tally()
        self.is_closed = False
        self._followers_max = followers_max
        self._followers = 0
        self._events: deque[Event] = deque()
        self._bytes = 0
        self.first = 0
        """Position of the oldest event in the buffer."""
        self._waiting = trio.lowlevel.ParkingLot()

    @property
    def end(self) -> int:
        """The position of the next event to be published."""
        return self.first + len(self._events)

    def publish(self, publication: Publication) -> None:
        self.tally.add(publication)
        if not self._followers:
            return
        event = event_of(publication)
        if event is None:
            return
        self._events.append(event)
        self._bytes += len(event.text)
        while len(self._events) > EVENTS_MAX or (self._bytes > BYTES_MAX and len(self._events) > 1):
            self._bytes -= len(self._events.popleft().text)
            self.first += 1
        self._waiting.unpark_all()

    def close(self) -> None:
        """Nothing more will come: followers say goodbye and end."""
        self.is_closed = True
        self._waiting.unpark_all()

    @contextmanager
    def follower(self) -> Iterator[None]:
        """A place among the followers; 503 where all are taken."""
        if self._followers >= self._followers_max:
            message = f"{self._followers} event streams are open, at most {self._followers_max} allowed"
            raise ApiError(503, "too_many_streams", message, found=self._followers).with_headers({"Retry-After": "10"})
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._forget()

    def event_at(self, position: int) -> Event | None:
        """The event at a position that is not forgotten; None where it is yet to come."""
        index = position - self.first
        return self._events[index] if index < len(self._events) else None

    async def wait(self) -> None:
        """Until something is published, or the hub is closed."""
        await self._waiting.park()

    def _forget(self) -> None:
        self.first += len(self._events)
        self._events.clear()
        self._bytes = 0


def event_of(publication: Publication) -> Event | None:
    match publication:
        case BlockFinal(block, latency_ms, failed):
            return final_event(block, [transaction.id for transaction in block.transactions], latency_ms, failed)
        case HeadChanged(subject):
            return head_event(subject)
        case _:
            return None


def final_event(block: Block | Envelope, ids: Sequence[TransactionId], latency_ms: int | None, failed: Sequence[Failure] = ()) -> Event:
    """`latency_ms` is None in a replay: how long it took is not on record."""
    height = block.header.height
    text = _text(
        type="block_final",
        height=height,
        slot=block.header.slot,
        hash=block.id.hex(),
        transactions=[item.hex() for item in ids],
        failed=failed_view(ids, failed),
        latency_ms=latency_ms,
    )
    return Event(height, text)


def head_event(subject: Subject) -> Event:
    return Event(None, _text(type="head", height=subject.height, slot=subject.slot, hash=subject.block.hex()))


def end_event(code: str, message: str, next_height: int) -> Event:
    """The last event of a stream that the node ends: why, and from which height on to ask again."""
    return Event(None, _text(type="end", code=code, message=message, resume_from_height=next_height))


def _text(**fields: object) -> str:
    return json.dumps(fields, separators=(",", ":"))
