"""One node's API, call by call, on Trio or asyncio: the same calls as `NodeClient`."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Literal, Self, TypeVar

import anyio

from p2pchain.chain.actions import Action
from p2pchain.chain.crypto import Signer
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.params import ChainSpec, Params
from p2pchain.client import calls, flows
from p2pchain.client.answers import Account, Json, Status, SubmitResult, TransactionAnswer, Trial
from p2pchain.client.async_door import AsyncHttpDoor
from p2pchain.client.bulk import PATIENCE_S, bulks, submit_bulk
from p2pchain.client.errors import ClientError
from p2pchain.client.event_reading import PATH, EventReading
from p2pchain.client.flows import Done, Flow, Now, Pause, Wanted
from p2pchain.client.node_client import TIMEOUT_S
from p2pchain.client.sending import VALID_SLOTS, SenderState, Sent

T = TypeVar("T")


class AsyncNodeClient:
    """Calls to the node at `url`; any number of tasks may use one client.  Raises `NodeError` and `NodeUnreachableError`."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._door = AsyncHttpDoor(url, timeout_s)
        self._genesis: Genesis | None = None

    @property
    def url(self) -> str:
        return self._door.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._door.close()

    async def is_alive(self) -> bool:
        """Whether the node answers at all; raises nothing."""
        return await self._door.is_found("/livez")

    async def metrics(self) -> str:
        """Numbers in the text format of Prometheus."""
        return await self._door.text("/metrics")

    async def status(self) -> Status:
        return await self._door.perform(calls.status())

    async def account(self, address: str, at: Literal["head", "final"] = "head") -> Account:
        return await self._door.perform(calls.account(address, at))

    async def account_transactions(self, address: str, *, before: str | None = None, limit: int = 20) -> Json:
        """A page of an account's history, newest first; takes a node with an index.  `next_before` asks for the next page."""
        return await self._door.perform(calls.account_transactions(address, before, limit))

    async def delegate_rounds(self, delegate: str, *, before: int | None = None, limit: int = 20) -> Json:
        """What a delegate, by account or consensus key, did round by round, newest first; takes a node with an index."""
        return await self._door.perform(calls.delegate_rounds(delegate, before, limit))

    async def block(self, reference: str | int) -> Json:
        """By height, hash, `head` or `final`."""
        return await self._door.perform(calls.block(reference))

    async def blocks(self, from_height: int, limit: int) -> Json:
        return await self._door.perform(calls.blocks(from_height, limit))

    async def blocks_since(self, time_ms: int, limit: int) -> Json:
        """Final blocks whose slot began at a time (Unix, milliseconds) or later."""
        return await self._door.perform(calls.blocks_since(time_ms, limit))

    async def transaction(self, transaction_id: str) -> TransactionAnswer:
        return await self._door.perform(calls.transaction(transaction_id))

    async def delegates(self) -> Json:
        return await self._door.perform(calls.delegates())

    async def evidence(self) -> Json:
        """Contradicting signatures that the node has seen."""
        return await self._door.perform(calls.evidence())

    async def schedule(self) -> Json:
        return await self._door.perform(calls.schedule())

    async def terms(self, at: Literal["head", "final"] = "head") -> Json:
        """Protocol version and parameters in force, and the changes that are proposed and scheduled."""
        return await self._door.perform(calls.terms(at))

    async def params(self) -> Params:
        """The parameters in force: what the next block takes a transaction by."""
        return await self._door.perform(calls.params())

    async def peers(self) -> Json:
        return await self._door.perform(calls.peers())

    async def address_book(self, limit: int = 1_000) -> Json:
        """Nodes that this one knows of, those met last first."""
        return await self._door.perform(calls.address_book(limit))

    async def mempool(self) -> Json:
        return await self._door.perform(calls.mempool())

    async def genesis(self) -> Genesis:
        """The network's genesis, rebuilt and checked; asked for once."""
        if self._genesis is None:
            self._genesis = await self._door.perform(calls.genesis())
        return self._genesis

    async def spec(self) -> ChainSpec:
        """What is needed to build and sign transactions for this network."""
        return (await self.genesis()).spec()

    async def submit(self, transactions: Sequence[bytes]) -> list[SubmitResult]:
        """Hand in signed transactions in one request; one result each, in order, also where some are rejected.

        `NodeError` with the HTTP status 429 where none got in because the pool is full: its evidence says which fee would.
        """
        return await self._door.perform(calls.submit(transactions))

    async def submit_many(self, transactions: Iterable[bytes], *, patience_s: float = PATIENCE_S) -> AsyncIterator[SubmitResult]:
        """Hand in any number of signed transactions, in requests of many; one result each, in order, as they come.

        As `NodeClient.submit_many`, with `async for`.
        """
        for bulk in bulks(transactions):
            rest: Sequence[bytes] = bulk
            while rest:
                taken = await self._run(submit_bulk(rest, patience_s))
                for result in taken.results:
                    yield result
                rest = taken.rest

    async def simulate(self, transactions: Sequence[bytes]) -> list[Trial]:
        """What would become of signed transactions in the next block, in order, each after those before it; nothing is submitted."""
        return await self._door.perform(calls.simulate(transactions))

    async def wait_for(self, transaction_id: str, wanted: Wanted, timeout_s: float) -> TransactionAnswer:
        """The transaction once it is `wanted` (final is included too), or has ended otherwise; `NotInTimeError` after the timeout."""
        return await self._run(flows.wait_for(transaction_id, wanted, timeout_s))

    def sender(self, signer: Signer, *, fee: int | None = None, valid_slots: int = VALID_SLOTS) -> AsyncSender:
        """Sends transactions of one account and looks after its nonces; keep one for each account."""
        return AsyncSender(self, SenderState(signer, fee, valid_slots))

    @asynccontextmanager
    async def events(self, from_height: int | None = None) -> AsyncIterator[AsyncIterator[Json]]:
        """Final blocks and changes of the head, for ever; final blocks each once and in order, also over restarts of the node.

        `async with client.events(height) as events:` and in it `async for event in events:`; at the end the stream is closed.
        """
        async with aclosing(self._events(from_height)) as events:
            yield events

    async def _events(self, from_height: int | None) -> AsyncGenerator[Json, None]:
        reading = EventReading(from_height)
        while True:
            failure: ClientError | None = None
            try:
                async with aclosing(self._door.lines(PATH, reading.query)) as lines:
                    async for line in lines:
                        event = reading.read(line)
                        if event is not None:
                            yield event
            except ClientError as error:
                failure = error
            await anyio.sleep(reading.pause_after(failure))

    async def _run(self, flow: Flow[T]) -> T:
        step = flows.begin(flow)
        while not isinstance(step, Done):
            step = await self._step(flow, step)
        return step.value

    async def _step(self, flow: Flow[T], request: flows.Request) -> flows.Request | Done[T]:
        match request:
            case Pause(seconds):
                await anyio.sleep(seconds)
                return flows.answered(flow, None)
            case Now():
                return flows.answered(flow, time.monotonic())
            case _:
                try:
                    answer = await self._door.perform(request)
                except ClientError as error:
                    return flows.failed(flow, error)
                return flows.answered(flow, answer)


class AsyncSender:
    """Transactions of one account, for any number of tasks at once: one `send` waits for the other."""

    def __init__(self, client: AsyncNodeClient, state: SenderState) -> None:
        self._client = client
        self._state = state
        self._lock = anyio.Lock()

    async def send(self, items: Sequence[Sequence[Action]]) -> list[Sent]:
        """Sign and submit one transaction for each list of actions; what became of each, in order."""
        async with self._lock:
            return await self._client._run(self._state.send(items))  # noqa: SLF001 - two halves of one client
