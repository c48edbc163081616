"""`/metrics`: what the publications add up to, and what the queries say at the moment of the scrape.

`Tally` counts in plain integers, so that the loop pays next to nothing and `prometheus_client` is not even imported
on a node that nobody scrapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.openapi import TEXT, Answer, Endpoint
from p2pchain.api.peer_metrics import peer_metrics
from p2pchain.api.ports import Clock, Reads
from p2pchain.api.request_tally import RequestTally
from p2pchain.api.tally import DELEGATES_COUNTED_MAX, LATENCY_BUCKETS_S, Tally
from p2pchain.api.views import Addresses
from p2pchain.node.history import IndexView
from p2pchain.node.progress import SyncView
from p2pchain.node.room import Room

if TYPE_CHECKING:
    from prometheus_client import Metric

_PREFIX = "p2pchain_"


class NodeCollector:
    """The metrics of the node; a `prometheus_client` collector."""

    def __init__(self, queries: Reads, tally: Tally, requests: RequestTally, clock: Clock, addresses: Addresses) -> None:
        self._queries = queries
        self._tally = tally
        self._requests_seen = requests
        self._clock = clock
        self._addresses = addresses

    def collect(self) -> Iterator[Metric]:
        yield from self._counters()
        yield self._latency()
        yield from self._gauges()
        yield from self._delegates()
        yield from self._requests()
        yield from peer_metrics(self._queries.peer_counts(), _PREFIX)

    def _counters(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - see above

        tally = self._tally
        counters = (
            ("final_blocks", "Blocks that became final since the node began", tally.final_blocks),
            ("final_transactions", "Transactions that became final since the node began", tally.final_transactions),
            ("head_changes", "How often the head changed since the node began", tally.head_changes),
            ("contradictions", "Pairs of contradicting signatures seen since the node began", tally.contradictions),
        )
        for name, words, value in counters:
            yield CounterMetricFamily(_PREFIX + name, words, value)
        misses = CounterMetricFamily(
            _PREFIX + "missed_slots", "Slots without the block that was due, by whose they were", labels=("delegate", "reason")
        )
        for delegate, reasons in sorted(tally.misses.items()):
            for reason, count in sorted(reasons.items()):
                misses.add_metric((self._addresses(delegate) if delegate else "other", reason), count)
        yield misses

    def _latency(self) -> Metric:
        from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415 - see above

        counts = self._tally.latency_counts
        total, buckets = 0, []
        for bound, count in zip((*map(str, LATENCY_BUCKETS_S), "+Inf"), counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        words = "From the beginning of a block's slot until it became final here"
        return HistogramMetricFamily(_PREFIX + "finality_latency_seconds", words, buckets, self._tally.latency_ms / 1_000)

    def _gauges(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see above

        status = self._queries.status(self._clock())
        gauges = (
            ("head_height", "Height of the head", status.head.height),
            ("final_height", "Height of the last final block", status.final.height),
            ("unfinal_blocks", "Blocks between the last final block and the head", status.head.height - status.final.height),
            ("slot", "The slot that it is now", status.slot),
            ("head_slot", "Slot of the head", status.head.slot),
            ("final_slot", "Slot of the last final block", status.final.slot),
            ("peers", "Connected peers", status.peers),
            ("blocks_from_height", "Final blocks below this height were pruned", status.blocks_from),
            ("lacking_blocks", "1 while the node needs blocks that no peer has", int(status.lack is not None)),
            (
                "clock_offset_seconds",
                "How far the clock is ahead of the delegates' (negative: behind)",
                (status.clock_offset_ms or 0) / 1_000,
            ),
            ("mempool_transactions", "Transactions that wait for a block", status.pool_transactions),
            ("mempool_bytes", "Bytes of the transactions that wait for a block", status.pool_bytes),
            ("syncing", "1 while the node catches up", int(status.syncing)),
            ("producing", "1 while the node produces blocks in its slots", int(status.producing)),
            ("protocol", "Version of the protocol that the next block takes", status.protocol),
            ("protocol_supported", "Newest version of the protocol that this node knows", status.protocol_supported),
            (
                "protocol_required_height",
                "Height from which on a version is scheduled that this node does not know: it ends before; 0 where there is none",
                status.requirement.height if status.requirement is not None else 0,
            ),
        )
        for name, words, value in (*gauges, *_sync_gauges(status.sync), *_room_gauges(status.room), *_index_gauges(status.indexed)):
            yield GaugeMetricFamily(_PREFIX + name, words, value)

    def _delegates(self) -> Iterator[Metric]:
        """The heaviest ones: names of candidates are free to make, and a metric for each would be theirs to grow."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 - see above

        listed = [(self._addresses(each.account), each) for each in self._queries.delegates("head")[:DELEGATES_COUNTED_MAX]]
        active = GaugeMetricFamily(_PREFIX + "delegate_active", "1 while it is one of those who produce and vote", labels=("delegate",))
        demoted = GaugeMetricFamily(_PREFIX + "delegate_demoted", "1 while it lost its seat for missed heartbeats", labels=("delegate",))
        ballot = GaugeMetricFamily(
            _PREFIX + "delegate_last_ballot_slot", "Slot of its newest ballot that was heard, 0 for none", labels=("delegate",)
        )
        produced = CounterMetricFamily(_PREFIX + "delegate_blocks", "Its blocks in the chain", labels=("delegate",))
        missed = CounterMetricFamily(_PREFIX + "delegate_missed_heartbeats", "What the chain counted as its misses", labels=("delegate",))
        for address, each in listed:
            active.add_metric((address,), each.active)
            demoted.add_metric((address,), each.demoted)
            ballot.add_metric((address,), each.last_ballot_slot or 0)
            produced.add_metric((address,), each.produced)
            missed.add_metric((address,), each.missed)
        return iter((active, demoted, ballot, produced, missed))

    def _requests(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - see above

        count = CounterMetricFamily(_PREFIX + "api_requests", "Answered requests", labels=("route", "status"))
        seconds = CounterMetricFamily(_PREFIX + "api_request_seconds", "Time until their answers were made", labels=("route",))
        for route, answered in sorted(self._requests_seen.routes.items()):
            seconds.add_metric((route,), answered.seconds)
            for status, number in sorted(answered.by_status.items()):
                count.add_metric((route, str(status)), number)
        return iter((count, seconds))


def _sync_gauges(sync: SyncView | None) -> Iterator[tuple[str, str, float]]:
    """Of a catch-up: none of them while the node is in step, and no number where it is not known."""
    if sync is None:
        return
    yield "sync_from_height", "Final height at which the catch-up began", sync.from_height
    yield "sync_target_height", "Highest final height that a peer claims and is believed in", sync.to
    yield "sync_proven_height", "Height up to which there are proofs", sync.proven
    if sync.blocks_per_s is not None:
        yield "sync_blocks_per_second", "Blocks that became final a second, in the last half minute", sync.blocks_per_s
    if sync.seconds_left is not None:
        yield "sync_seconds_left", "Time until the node is in step, at this rate", sync.seconds_left


def _room_gauges(room: Room | None) -> tuple[tuple[str, str, int], ...]:
    if room is None:
        return ()
    return (
        ("disk_free_bytes", "Room left where the node writes, in the tightest place", room.free_bytes),
        ("disk_low_bytes", "Below so much room the node makes no blocks", room.low_bytes),
        ("disk_end_bytes", "Below so much room the node ends", room.end_bytes),
    )


def _index_gauges(index: IndexView | None) -> tuple[tuple[str, str, int], ...]:
    if index is None:
        return ()
    return (
        ("index_from_height", "The index knows blocks from this height on", index.from_height),
        ("index_height", "Height up to which the index is", index.height),
        ("index_behind_blocks", "Final blocks that the index does not have yet", max(0, index.final_height - index.height)),
        ("index_failed", "1 where the index does not go on", int(bool(index.failure))),
        ("index_disk_bytes", "What the index takes of the disk", index.disk_bytes),
    )


def make_scrape(collector: NodeCollector) -> Callable[[], bytes]:
    """A registry of its own, with the process beside the node."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest  # noqa: PLC0415 - see above

    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    ProcessCollector(namespace=_PREFIX.rstrip("_"), registry=registry)
    return lambda: generate_latest(registry)


async def get_metrics(context: Context, _request: Request) -> Response:
    scrape = make_scrape(NodeCollector(context.queries, context.hub.tally, context.requests, context.clock, context.addresses))
    return Response(scrape(), media_type="text/plain; version=0.0.4; charset=utf-8")


ENDPOINTS = (
    Endpoint(
        "GET",
        "/metrics",
        get_metrics,
        "Numbers for Prometheus",
        (Answer(200, "Prometheus text format", TEXT, "text/plain"),),
    ),
)
