"""What became of connections, as metrics; every reason is there from the start, at zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from p2pchain.node.ports import PeerCounts

if TYPE_CHECKING:
    from prometheus_client import Metric


def peer_metrics(counts: PeerCounts, prefix: str) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 - see `metrics`

    refusals = CounterMetricFamily(
        f"{prefix}peer_refusals", "Connections that were ended for a reason, by whom and why", labels=("by", "reason")
    )
    for by, reasons in (("us", counts.refused_by_us), ("peer", counts.refused_by_peers)):
        for reason, count in sorted(reasons.items()):
            refusals.add_metric((by, reason), count)
    yield refusals
    yield CounterMetricFamily(f"{prefix}peer_bans", "Bans for a lie since the node began", counts.bans)
    yield GaugeMetricFamily(f"{prefix}peers_banned", "Node keys and addresses that are banned now", counts.banned)
    yield GaugeMetricFamily(
        f"{prefix}addresses_cooling", "Addresses that wait now because several banned keys came from them", counts.cooling
    )
