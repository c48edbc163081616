"""What the watched nodes report, and what follows from two reports: rates and latencies."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from p2pchain.cli.testnet.record import NodeRecord
from p2pchain.client import ClientError, NodeClient
from p2pchain.client.answers import Status

TIMEOUT_S = 1.0
_NUMBER = re.compile(r"^(p2pchain_[a-z_]+) ([0-9.eE+-]+)$", re.MULTILINE)
_KEPT = 20
"""Rates are over the last so many samples: ten seconds."""


class Sample(NamedTuple):
    at_s: float
    status: Status
    final_transactions: float
    """Since the node began, as the two below."""
    final_blocks: float
    latency_s: float


class Row(NamedTuple):
    """One node as shown; numbers are None where it does not answer."""

    name: str
    role: str
    status: Status | None
    transactions_per_s: float | None
    latency_ms: float | None
    """Mean time from the beginning of a block's slot until it was final there, over the last blocks."""


class Watched:
    """One node, asked again and again over one connection."""

    def __init__(self, node: NodeRecord) -> None:
        self.node = node
        self.client = NodeClient(node.api, timeout_s=TIMEOUT_S)
        self._samples: deque[Sample] = deque(maxlen=_KEPT)

    def look(self, now_s: float) -> Row:
        try:
            self._samples.append(self._sample(now_s))
        except ClientError:
            self._samples.clear()
            return Row(self.node.name, self.node.role, None, None, None)
        return self._row()

    def _sample(self, now_s: float) -> Sample:
        numbers = {name: float(value) for name, value in _NUMBER.findall(self.client.metrics())}
        return Sample(
            now_s,
            self.client.status(),
            numbers.get("p2pchain_final_transactions_total", 0.0),
            numbers.get("p2pchain_final_blocks_total", 0.0),
            numbers.get("p2pchain_finality_latency_seconds_sum", 0.0),
        )

    def _row(self) -> Row:
        first, last = self._samples[0], self._samples[-1]
        seconds, blocks = last.at_s - first.at_s, last.final_blocks - first.final_blocks
        rate = (last.final_transactions - first.final_transactions) / seconds if seconds > 0 else None
        latency = 1_000 * (last.latency_s - first.latency_s) / blocks if blocks > 0 else None
        return Row(self.node.name, self.node.role, last.status, rate, latency)


def leader_name(rows: Iterable[Row]) -> str:
    """Whose slot it is, by the name of its node."""
    answers = [row.status for row in rows if row.status is not None]
    leader = answers[0]["leader"] if answers else None
    named = {row.status["delegate"]: row.name for row in rows if row.status is not None}
    return named.get(leader) or (f"{leader[:12]}..." if leader else "-")
