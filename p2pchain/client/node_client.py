"""One node's API, call by call, for programs without an event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Literal, Self, TypeVar

from p2pchain.chain.actions import Action
from p2pchain.chain.crypto import Signer
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.params import ChainSpec, Params
from p2pchain.client import calls, flows
from p2pchain.client.answers import Account, Json, Status, SubmitResult, TransactionAnswer, Trial
from p2pchain.client.bulk import PATIENCE_S, bulks, submit_bulk
from p2pchain.client.errors import ClientError
from p2pchain.client.event_reading import PATH, EventReading
from p2pchain.client.flows import ENDED, Done, Flow, Now, Pause, Wanted
from p2pchain.client.http_door import HttpDoor
from p2pchain.client.sending import VALID_SLOTS, SenderState, Sent

__all__ = ["ENDED", "TIMEOUT_S", "NodeClient", "Sender", "Wanted"]

T = TypeVar("T")
TIMEOUT_S = 10.0


class NodeClient:
    """Calls to the node at `url`, for example `http://127.0.0.1:28657`.  Raises `NodeError` and `NodeUnreachableError`."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._door = HttpDoor(url, timeout_s)
        self._genesis: Genesis | None = None

    @property
    def url(self) -> str:
        return self._door.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._door.close()

    def is_alive(self) -> bool:
        """Whether the node answers at all; raises nothing."""
        return self._door.is_found("/livez")

    def metrics(self) -> str:
        """Numbers in the text format of Prometheus."""
        return self._door.text("/metrics")

    def status(self) -> Status:
        return self._door.perform(calls.status())

    def account(self, address: str, at: Literal["head", "final"] = "head") -> Account:
        return self._door.perform(calls.account(address, at))

    def account_transactions(self, address: str, *, before: str | None = None, limit: int = 20) -> Json:
        """A page of an account's history, newest first; takes a node with an index.  `next_before` asks for the next page."""
        return self._door.perform(calls.account_transactions(address, before, limit))

    def delegate_rounds(self, delegate: str, *, before: int | None = None, limit: int = 20) -> Json:
        """What a delegate, by account or consensus key, did round by round, newest first; takes a node with an index."""
        return self._door.perform(calls.delegate_rounds(delegate, before, limit))

    def block(self, reference: str | int) -> Json:
        """By height, hash, `head` or `final`."""
        return self._door.perform(calls.block(reference))

    def blocks(self, from_height: int, limit: int) -> Json:
        return self._door.perform(calls.blocks(from_height, limit))

    def blocks_since(self, time_ms: int, limit: int) -> Json:
        """Final blocks whose slot began at a time (Unix, milliseconds) or later."""
        return self._door.perform(calls.blocks_since(time_ms, limit))

    def transaction(self, transaction_id: str) -> TransactionAnswer:
        return self._door.perform(calls.transaction(transaction_id))

    def delegates(self) -> Json:
        return self._door.perform(calls.delegates())

    def evidence(self) -> Json:
        """Contradicting signatures that the node has seen."""
        return self._door.perform(calls.evidence())

    def schedule(self) -> Json:
        return self._door.perform(calls.schedule())

    def terms(self, at: Literal["head", "final"] = "head") -> Json:
        """Protocol version and parameters in force, and the changes that are proposed and scheduled."""
        return self._door.perform(calls.terms(at))

    def params(self) -> Params:
        """The parameters in force: what the next block takes a transaction by."""
        return self._door.perform(calls.params())

    def peers(self) -> Json:
        return self._door.perform(calls.peers())

    def address_book(self, limit: int = 1_000) -> Json:
        """Nodes that this one knows of, those met last first."""
        return self._door.perform(calls.address_book(limit))

    def mempool(self) -> Json:
        return self._door.perform(calls.mempool())

    def genesis(self) -> Genesis:
        """The network's genesis, rebuilt and checked; asked for once."""
        if self._genesis is None:
            self._genesis = self._door.perform(calls.genesis())
        return self._genesis

    def spec(self) -> ChainSpec:
        """What is needed to build and sign transactions for this network."""
        return self.genesis().spec()

    def submit(self, transactions: Sequence[bytes]) -> list[SubmitResult]:
        """Hand in signed transactions in one request; one result each, in order, also where some are rejected.

        `NodeError` with the HTTP status 429 where none got in because the pool is full: its evidence says which fee would.
        """
        return self._door.perform(calls.submit(transactions))

    def submit_many(self, transactions: Iterable[bytes], *, patience_s: float = PATIENCE_S) -> Iterator[SubmitResult]:
        """Hand in any number of signed transactions, in requests of many; one result each, in order, as they come.

        Nothing is sent before results are asked for, and no more than one request ahead of them.  A node that is too busy is
        asked again when it said; after `patience_s` for one request its `NodeError` is raised, and the results so far stand.
        """
        for bulk in bulks(transactions):
            rest: Sequence[bytes] = bulk
            while rest:
                taken = self._run(submit_bulk(rest, patience_s))
                yield from taken.results
                rest = taken.rest

    def simulate(self, transactions: Sequence[bytes]) -> list[Trial]:
        """What would become of signed transactions in the next block, in order, each after those before it; nothing is submitted."""
        return self._door.perform(calls.simulate(transactions))

    def wait_for(self, transaction_id: str, wanted: Wanted, timeout_s: float) -> TransactionAnswer:
        """The transaction once it is `wanted` (final is included too), or has ended otherwise; `NotInTimeError` after the timeout."""
        return self._run(flows.wait_for(transaction_id, wanted, timeout_s))

    def sender(self, signer: Signer, *, fee: int | None = None, valid_slots: int = VALID_SLOTS) -> Sender:
        """Sends transactions of one account and looks after its nonces; keep one for each account."""
        return Sender(self, SenderState(signer, fee, valid_slots))

    def events(self, from_height: int | None = None) -> Iterator[Json]:
        """Final blocks and changes of the head, for ever; final blocks each once and in order, also over restarts of the node."""
        reading = EventReading(from_height)
        while True:
            failure: ClientError | None = None
            try:
                for line in self._door.lines(PATH, reading.query):
                    event = reading.read(line)
                    if event is not None:
                        yield event
            except ClientError as error:
                failure = error
            time.sleep(reading.pause_after(failure))

    def _run(self, flow: Flow[T]) -> T:
        step = flows.begin(flow)
        while not isinstance(step, Done):
            step = self._step(flow, step)
        return step.value

    def _step(self, flow: Flow[T], request: flows.Request) -> flows.Request | Done[T]:
        match request:
            case Pause(seconds):
                time.sleep(seconds)
                return flows.answered(flow, None)
            case Now():
                return flows.answered(flow, time.monotonic())
            case _:
                try:
                    answer = self._door.perform(request)
                except ClientError as error:
                    return flows.failed(flow, error)
                return flows.answered(flow, answer)


class Sender:
    """Transactions of one account, for several threads at once if each has its own client: one `send` waits for the other."""

    def __init__(self, client: NodeClient, state: SenderState) -> None:
        self._client = client
        self._state = state
        self._lock = threading.Lock()

    def send(self, items: Sequence[Sequence[Action]]) -> list[Sent]:
        """Sign and submit one transaction for each list of actions; what became of each, in order."""
        with self._lock:
            return self._client._run(self._state.send(items))  # noqa: SLF001 - two halves of one client
