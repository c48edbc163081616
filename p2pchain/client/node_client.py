"""One node's API, call by call, for programs without an event loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self, TypeAlias, cast

from p2pchain.chain.codec import encode
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.params import ChainSpec, Params
from p2pchain.client.answers import Account, Json, Status, SubmitResult, TransactionAnswer, Trial
from p2pchain.client.errors import NodeError, NotInTimeError
from p2pchain.client.genesis_json import decode_genesis, decode_params
from p2pchain.client.http_door import HttpDoor

TIMEOUT_S = 10.0
ENDED = frozenset({"final", "expired", "replaced", "rejected"})
"""The statuses that a transaction does not leave any more."""
_POLL_S = 0.05

Wanted: TypeAlias = Literal["included", "final"]


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
        return cast("Status", self._door.get("/v1/status"))

    def account(self, address: str, at: Literal["head", "final"] = "head") -> Account:
        return cast("Account", self._door.get(f"/v1/accounts/{address}", at=at))

    def account_transactions(self, address: str, *, before: str | None = None, limit: int = 20) -> Json:
        """A page of an account's history, newest first; takes a node with an index.  `next_before` asks for the next page."""
        page: dict[str, str | int] = {"limit": limit} if before is None else {"limit": limit, "before": before}
        return cast("Json", self._door.get(f"/v1/accounts/{address}/transactions", **page))

    def delegate_rounds(self, delegate: str, *, before: int | None = None, limit: int = 20) -> Json:
        """What a delegate, by account or consensus key, did round by round, newest first; takes a node with an index."""
        page = {"limit": limit} if before is None else {"limit": limit, "before": before}
        return cast("Json", self._door.get(f"/v1/delegates/{delegate}/rounds", **page))

    def block(self, reference: str | int) -> Json:
        """By height, hash, `head` or `final`."""
        return cast("Json", self._door.get(f"/v1/blocks/{reference}"))

    def blocks(self, from_height: int, limit: int) -> Json:
        return cast("Json", self._door.get("/v1/blocks", **{"from": from_height, "limit": limit}))

    def blocks_since(self, time_ms: int, limit: int) -> Json:
        """Final blocks whose slot began at a time (Unix, milliseconds) or later."""
        return cast("Json", self._door.get("/v1/blocks", since=time_ms, limit=limit))

    def transaction(self, transaction_id: str) -> TransactionAnswer:
        return cast("TransactionAnswer", self._door.get(f"/v1/transactions/{transaction_id}"))

    def delegates(self) -> Json:
        return cast("Json", self._door.get("/v1/delegates"))

    def evidence(self) -> Json:
        """Contradicting signatures that the node has seen."""
        return cast("Json", self._door.get("/v1/evidence"))

    def schedule(self) -> Json:
        return cast("Json", self._door.get("/v1/schedule"))

    def terms(self, at: Literal["head", "final"] = "head") -> Json:
        """Protocol version and parameters in force, and the changes that are proposed and scheduled."""
        return cast("Json", self._door.get("/v1/params", at=at))

    def params(self) -> Params:
        """The parameters in force: what the next block takes a transaction by."""
        return decode_params(self.terms()["params"])

    def peers(self) -> Json:
        return cast("Json", self._door.get("/v1/peers"))

    def address_book(self, limit: int = 1_000) -> Json:
        """Nodes that this one knows of, those met last first."""
        return cast("Json", self._door.get("/v1/peers/book", limit=limit))

    def mempool(self) -> Json:
        return cast("Json", self._door.get("/v1/mempool"))

    def genesis(self) -> Genesis:
        """The network's genesis, rebuilt and checked; asked for once."""
        if self._genesis is None:
            self._genesis = decode_genesis(self._door.get("/v1/genesis"))
        return self._genesis

    def spec(self) -> ChainSpec:
        """What is needed to build and sign transactions for this network."""
        return self.genesis().spec()

    def submit(self, transactions: Sequence[bytes]) -> list[SubmitResult]:
        """Hand in signed transactions in one request; one result each, in order, also where some are rejected."""
        answer = self._door.post("/v1/transactions", encode(list(transactions)), "application/msgpack")
        return cast("list[SubmitResult]", answer["results"])

    def simulate(self, transactions: Sequence[bytes]) -> list[Trial]:
        """What would become of signed transactions in the next block, in order, each after those before it; nothing is submitted."""
        answer = self._door.post("/v1/transactions/simulate", encode(list(transactions)), "application/msgpack")
        return cast("list[Trial]", answer["results"])

    def wait_for(self, transaction_id: str, wanted: Wanted, timeout_s: float) -> TransactionAnswer:
        """The transaction once it is `wanted` (final is included too), or has ended otherwise; `NotInTimeError` after the timeout."""
        deadline = time.monotonic() + timeout_s
        enough = ENDED | {wanted}
        while True:
            found = self._transaction_or_none(transaction_id)
            if found is not None and found["status"] in enough:
                return found
            if time.monotonic() >= deadline:
                raise NotInTimeError(transaction_id, wanted, found["status"] if found else "unknown", timeout_s)
            # The API answers how things are, not when they change: between two questions there is nothing to do but wait.
            time.sleep(_POLL_S)

    def _transaction_or_none(self, transaction_id: str) -> TransactionAnswer | None:
        try:
            return self.transaction(transaction_id)
        except NodeError as error:
            if error.http_status == 404:
                return None
            raise
