"""One node's share of the load: what is due goes out in batches, each after the answer to the one before it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from p2pchain.bench.transfers import Signed
from p2pchain.client import NodeClient, NodeError, NodeUnreachableError

BATCH_S = 0.02
"""What falls due within this time goes together."""
BATCH_MAX = 1_000


@dataclass(slots=True)
class Due:
    """A transfer and its moment, in seconds of `time.perf_counter`."""

    signed: Signed
    at: float
    refused: str = ""


@dataclass(slots=True)
class Submission:
    """What one thread has done; read by others only after it has ended."""

    url: str
    due: Sequence[Due]
    lags_s: list[float] = field(default_factory=list)
    submitted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ended_at: float = 0.0

    def run(self) -> None:
        with NodeClient(self.url, timeout_s=60) as client:
            waiting, answered = deque(self.due), 0.0
            while waiting:
                batch = self._next_batch(waiting)
                self.lags_s.append(time.perf_counter() - max(batch[-1].at, answered))
                self._submit(client, batch)
                answered = time.perf_counter()
        self.ended_at = time.perf_counter()

    def _next_batch(self, waiting: deque[Due]) -> list[Due]:
        """Sleeps until the last of it is due: the rate is what is wanted, so time itself is the event."""
        now = time.perf_counter()
        until = max(waiting[0].at + BATCH_S, now)
        batch: list[Due] = []
        while waiting and waiting[0].at <= until and len(batch) < BATCH_MAX:
            batch.append(waiting.popleft())
        time.sleep(max(0.0, batch[-1].at - now))
        return batch

    def _submit(self, client: NodeClient, batch: Sequence[Due]) -> None:
        try:
            results = client.submit([each.signed.raw for each in batch])
        except NodeError as error:  # the whole request was refused; it is not tried again, for the load does not wait
            self._refuse(batch, error.code)
            return
        except NodeUnreachableError:
            self._refuse(batch, "unreachable")
            return
        self.submitted += len(batch)
        for each, result in zip(batch, results, strict=True):
            if result["error"] is not None:
                self._refuse([each], result["error"]["code"])

    def _refuse(self, batch: Sequence[Due], code: str) -> None:
        for each in batch:
            each.refused = code
        self.refused[code] += len(batch)
