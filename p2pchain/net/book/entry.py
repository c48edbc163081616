"""One node in the book, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from p2pchain.net.groups import may_hear_of
from p2pchain.wire.peer_record import PeerRecord, RecordEndpoint

FAILURES_NEW_MAX = 3
"""Of a node never met: as often as Bitcoin Core tries."""
FAILURES_TRIED_MAX = 10
FORGET_MS = 7 * 24 * 3_600_000
"""A node that was met is not given up earlier, however often it failed."""
RETRY_MAX_MS = 3_600_000


@dataclass(slots=True)
class Entry:
    record: PeerRecord
    source: str
    """The address of whoever told it first."""
    place: tuple[bool, int, int] = (False, 0, 0)
    """Whether it is among the tried, the bucket, the position in it."""
    met_at: RecordEndpoint | None = None
    """Where it was met last; always one of the record's endpoints."""
    met_ms: int = 0
    tried_ms: int = 0
    """When it was last dialled."""
    failed_ms: int = 0
    """When a failure was last counted."""
    failures: int = 0
    """Since it was last met."""

    @property
    def node_key(self) -> bytes:
        return self.record.node_key

    @property
    def is_tried(self) -> bool:
        return self.place[0]

    @property
    def endpoints(self) -> list[RecordEndpoint]:
        """Where to dial: where it was met first, never where its teller could not know of."""
        known = [each for each in self.record.endpoints if each != self.met_at and may_hear_of(each.host, self.source)]
        return known if self.met_at is None else [self.met_at, *known]

    def is_worthless(self, now_ms: int) -> bool:
        """Whether another may have its place."""
        if self.met_ms == 0:
            return self.failures >= FAILURES_NEW_MAX or not self.record.is_current(now_ms)
        return self.failures >= FAILURES_TRIED_MAX and now_ms - self.met_ms > FORGET_MS

    def is_due(self, now_ms: int, retry_ms: int) -> bool:
        """Whether enough time has passed since it was dialled: the pauses double with its failures."""
        pause_ms = min(retry_ms << min(self.failures, 12), RETRY_MAX_MS)
        return not 0 <= now_ms - self.tried_ms < pause_ms
