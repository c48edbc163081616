"""Every request that a client makes, as a value: what is asked, and how the answer is read.  Sync and async clients perform the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, cast

from p2pchain.chain.codec import encode
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.params import Params
from p2pchain.client.answers import Account, Json, Status, SubmitResult, TransactionAnswer, Trial
from p2pchain.client.genesis_json import decode_genesis, decode_params

T = TypeVar("T")
At = Literal["head", "final"]
MSGPACK = "application/msgpack"


def _as_it_came(answer: Any) -> Any:  # noqa: ANN401 - JSON from elsewhere
    return answer


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and what its answer means."""

    method: Literal["GET", "POST"]
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    content: bytes | None = None
    read: Callable[[Any], T] = _as_it_came


def status() -> Call[Status]:
    return Call("GET", "/v1/status")


def account(address: str, at: At = "head") -> Call[Account]:
    return Call("GET", f"/v1/accounts/{address}", {"at": at})


def account_transactions(address: str, before: str | None, limit: int) -> Call[Json]:
    return Call("GET", f"/v1/accounts/{address}/transactions", {"limit": limit} | ({} if before is None else {"before": before}))


def delegate_rounds(delegate: str, before: int | None, limit: int) -> Call[Json]:
    return Call("GET", f"/v1/delegates/{delegate}/rounds", {"limit": limit} | ({} if before is None else {"before": before}))


def blocks_since(time_ms: int, limit: int) -> Call[Json]:
    return Call("GET", "/v1/blocks", {"since": time_ms, "limit": limit})


def block(reference: str | int) -> Call[Json]:
    return Call("GET", f"/v1/blocks/{reference}")


def blocks(from_height: int, limit: int) -> Call[Json]:
    return Call("GET", "/v1/blocks", {"from": from_height, "limit": limit})


def transaction(transaction_id: str) -> Call[TransactionAnswer]:
    return Call("GET", f"/v1/transactions/{transaction_id}")


def delegates() -> Call[Json]:
    return Call("GET", "/v1/delegates")


def evidence() -> Call[Json]:
    return Call("GET", "/v1/evidence")


def schedule() -> Call[Json]:
    return Call("GET", "/v1/schedule")


def terms(at: At = "head") -> Call[Json]:
    return Call("GET", "/v1/params", {"at": at})


def params() -> Call[Params]:
    return Call("GET", "/v1/params", {"at": "head"}, read=lambda answer: decode_params(answer["params"]))


def peers() -> Call[Json]:
    return Call("GET", "/v1/peers")


def address_book(limit: int) -> Call[Json]:
    return Call("GET", "/v1/peers/book", {"limit": limit})


def mempool() -> Call[Json]:
    return Call("GET", "/v1/mempool")


def genesis() -> Call[Genesis]:
    return Call("GET", "/v1/genesis", read=decode_genesis)


def submit(transactions: Sequence[bytes]) -> Call[list[SubmitResult]]:
    return Call("POST", "/v1/transactions", content=encode(list(transactions)), read=_results)


def simulate(transactions: Sequence[bytes]) -> Call[list[Trial]]:
    return Call("POST", "/v1/transactions/simulate", content=encode(list(transactions)), read=_trials)


def _results(answer: Json) -> list[SubmitResult]:
    return cast("list[SubmitResult]", answer["results"])


def _trials(answer: Json) -> list[Trial]:
    return cast("list[Trial]", answer["results"])
