"""The client itself: `python -m p2pchain.bench.load.client_process`, told what to do over its input."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from p2pchain.bench.children import Json, Report, serve
from p2pchain.bench.errors import NotMeasured
from p2pchain.bench.load.orders import Opening, Outcome, Rush, Rushed, Step
from p2pchain.bench.load.quantiles import quantile
from p2pchain.bench.load.rushing import rush_in_bulks, rush_in_stream
from p2pchain.bench.load.submitting import Due, Submission
from p2pchain.bench.load.watching import FinalityWatch
from p2pchain.bench.transfers import Senders, sender_keys
from p2pchain.chain.address import encode_address
from p2pchain.chain.types import AccountId
from p2pchain.client import NodeClient

_AHEAD_S = 0.1
"""From the last preparation to the first moment due."""
_POLL_S = 0.01
DRAIN_S = 60.0
"""More than a full pool takes at the slowest."""
_DRAIN_POLL_S = 0.1


class Seen(NamedTuple):
    """Moments of finality by transaction id."""

    at: dict[str, float]
    blocks: int


class LoadClient:
    """Senders with keys and nonces, for as many steps as are wanted."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._watch = FinalityWatch(opening.watched)
        with NodeClient(opening.watched) as client:
            spec = client.spec()
        keys = sender_keys(opening.seed, opening.senders, opening.first)
        accounts = [AccountId(key.public_key) for key in keys]
        half = len(accounts) // 2 or 1
        self._senders = Senders(spec, keys, accounts[half:] + accounts[:half])
        self._watch.start()

    def run(self, step: Step) -> Outcome:
        submissions, started = self._prepare(step), len(self._watch.events)
        gc.collect()
        gc.freeze()
        cpu, began = time.process_time(), time.perf_counter() + _AHEAD_S
        threads = [threading.Thread(target=each.run) for each in submissions]
        for each in submissions:
            for due in each.due:
                due.at += began
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = {due.signed.id for each in submissions for due in each.due if not due.refused}
        seen = self._wait(step.patience_s, taken, started)
        outcome = _judge(submissions, seen, began, time.process_time() - cpu)
        self._settle(submissions, seen)
        gc.unfreeze()
        return outcome

    def rush(self, rush: Rush) -> Rushed:
        """All of it to the first node."""
        signed, started = self._senders.sign(rush.transfers, self._valid_until(rush.patience_s)), len(self._watch.events)
        items, url = [item.raw for item in signed], self._opening.urls[0]
        gc.collect()
        cpu, began = time.process_time(), time.perf_counter()
        refused = rush_in_bulks(url, items, rush.batch) if rush.batch else rush_in_stream(url, items)
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        seen = self._wait(rush.patience_s, {item.id for item in signed}, started)
        return Rushed(len(items), dict(refused), seconds, len(seen.at), cpu_s)

    def _valid_until(self, seconds: float) -> int:
        with NodeClient(self._opening.watched) as client:
            return client.status()["slot"] + 10_000 + int(1_000 * seconds / self._senders.spec.slot_ms)

    def _prepare(self, step: Step) -> list[Submission]:
        """Everything signed, each transfer with its moment, counted from the beginning."""
        valid_until = self._valid_until(step.seconds + step.patience_s)
        count, urls = max(1, round(step.rate * step.seconds)), self._opening.urls
        shares: list[list[Due]] = [[] for _ in urls]
        for number, signed in enumerate(self._senders.sign(count, valid_until)):
            shares[signed.sender % len(urls)].append(Due(signed, number / step.rate))
        return [Submission(url, share) for url, share in zip(urls, shares, strict=True) if share]

    def _wait(self, patience_s: float, wanted: set[str], started: int) -> Seen:
        """Until all of these are final, or patience ends."""
        deadline, read, seen, blocks = time.perf_counter() + patience_s, started, dict[str, float](), 0
        while True:
            for at, text in self._watch.events[read:]:
                read += 1
                found = json.loads(text)["transactions"]
                blocks += bool(found)
                seen.update((item, at) for item in found if item in wanted)
            if len(seen) >= len(wanted) or time.perf_counter() >= deadline:
                return Seen(seen, blocks)
            if self._watch.failure:
                raise NotMeasured(f"the event stream of {self._opening.watched} ended: {self._watch.failure}")
            time.sleep(_POLL_S)

    def _settle(self, submissions: Sequence[Submission], seen: Seen) -> None:
        """Ask for the nonces of accounts whose transfers were not all taken: the next step goes on from there."""
        lost = {due.signed.sender for each in submissions for due in each.due if due.signed.id not in seen.at}
        if not lost:
            return
        self._drain()
        prefix = self._senders.spec.address_prefix
        for number, url in enumerate(self._opening.urls):
            with NodeClient(url) as client:
                for sender in sorted(item for item in lost if item % len(self._opening.urls) == number):
                    address = encode_address(prefix, AccountId(self._senders.signers[sender].public_key))
                    self._senders.nonces[sender] = client.account(address)["next_nonce"]

    def _drain(self) -> None:
        """Until nothing waits any more: the next step must not pay for this one."""
        deadline = time.perf_counter() + DRAIN_S
        for url in self._opening.urls:
            with NodeClient(url, timeout_s=DRAIN_S) as client:
                while waiting := client.status()["mempool"]["transactions"]:
                    if time.perf_counter() >= deadline:
                        raise NotMeasured(f"{waiting} transactions still wait at {url} {DRAIN_S:g} s after a load that was too much")
                    time.sleep(_DRAIN_POLL_S)


def _judge(submissions: Sequence[Submission], seen: Seen, began: float, cpu_s: float) -> Outcome:
    refused: Counter[str] = Counter()
    for each in submissions:
        refused.update(each.refused)
    latencies = sorted(seen.at[due.signed.id] - due.at for each in submissions for due in each.due if due.signed.id in seen.at)
    lags = sorted(lag for each in submissions for lag in each.lags_s)
    return Outcome(
        offered=sum(len(each.due) for each in submissions),
        submitted=sum(each.submitted for each in submissions),
        final=len(seen.at),
        refused=dict(refused),
        submit_s=max(each.ended_at for each in submissions) - began,
        final_s=max(seen.at.values(), default=began) - began,
        p50_s=quantile(latencies, 0.5),
        p90_s=quantile(latencies, 0.9),
        p99_s=quantile(latencies, 0.99),
        max_s=quantile(latencies, 1.0),
        lag_p99_s=quantile(lags, 0.99),
        client_cpu_s=cpu_s,
        blocks=seen.blocks,
    )


def main() -> None:
    clients: list[LoadClient] = []

    def handle(order: Json, report: Report) -> None:
        kind = order.pop("kind")
        if kind == Opening.__name__:
            clients.append(LoadClient(Opening(**order)))
            report({"ready": True})
            return
        if kind == Rush.__name__:
            report(clients[0].rush(Rush(**order))._asdict())
            return
        report(clients[0].run(Step(**order))._asdict())

    serve(handle)


if __name__ == "__main__":
    main()
