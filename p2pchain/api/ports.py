"""What the API needs of the node: `Reads` is what `node.queries.Queries` offers, as a protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from p2pchain.chain.crypto import Verified
from p2pchain.chain.errors import Refusal
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.transaction_proofs import TransactionProof
from p2pchain.chain.types import AccountId, TransactionId
from p2pchain.node.effects import SlotMissed, SubmitResult
from p2pchain.node.ports import BookView, PeerCounts, PeerRefusal, PeerView
from p2pchain.node.proving import Shown, Steps
from p2pchain.node.trial import Trial
from p2pchain.node.views import (
    AccountView,
    At,
    BlockReference,
    BlockView,
    DelegateView,
    EvidenceView,
    PoolView,
    ScheduleView,
    StatusView,
    TermsView,
    TransactionView,
)
from p2pchain.wire.messages import Tips

Clock: TypeAlias = Callable[[], int]
"""Unix time in integer milliseconds."""


class Reads(Protocol):
    """Pure reads; none of them waits."""

    def status(self, now_ms: int) -> StatusView: ...

    def account(self, account: AccountId, at: At) -> AccountView: ...

    def block(self, reference: BlockReference) -> BlockView | None: ...

    def blocks(self, from_height: int, limit: int) -> list[BlockView]: ...

    def transaction(self, item: TransactionId) -> TransactionView | None: ...

    def row_proof(self, key: bytes) -> RowProof: ...

    def transaction_proof(self, item: TransactionId) -> TransactionProof | None: ...

    def simulate(self, items: Sequence[Transaction | Refusal]) -> list[Trial]: ...

    def delegates(self, at: At) -> list[DelegateView]: ...

    def evidence(self) -> list[EvidenceView]: ...

    def misses(self, limit: int) -> list[SlotMissed]: ...

    def schedule(self, now_ms: int, turns: int) -> ScheduleView: ...

    def terms(self, at: At) -> TermsView: ...

    def pool(self, limit: int) -> PoolView: ...

    def proof_steps(self, from_height: int, to_height: int | None, limit: int) -> Steps | None: ...

    def proof_point(self, height: int) -> Shown | None: ...

    def peers(self) -> list[tuple[PeerView, Tips | None]]: ...

    def book(self, limit: int) -> BookView: ...

    def refusals(self) -> list[PeerRefusal]: ...

    def peer_counts(self) -> PeerCounts: ...


class Submits(Protocol):
    """What the API asks of the loop."""

    async def submit(self, transactions: Sequence[bytes]) -> Sequence[SubmitResult]: ...

    async def examine(self, transactions: Sequence[bytes]) -> Sequence[Verified[Transaction] | Refusal]:
        """Decode transactions and verify their signatures, without taking them; one result each, in order."""
        ...


class Produces(Protocol):
    """What the operator's socket asks of `node.ports.Inlet`."""

    async def pause_production(self) -> None: ...

    async def resume_production(self) -> None: ...


class ReloadAnswer(NamedTuple):
    """What reading the configuration again came to, by key."""

    changed: Mapping[str, tuple[object, object]]
    """Taken up: the value before and the one now."""
    waiting: Mapping[str, tuple[object, object]]
    """Taken up at the next start: the value in force and the one found."""
    unchanged: Sequence[str]


class ReloadProblem(NamedTuple):
    source: str
    key: str
    found: str
    wanted: str


class BadConfigError(Exception):
    """The configuration that was found cannot be used, and nothing has changed."""

    def __init__(self, text: str, problems: Sequence[ReloadProblem]) -> None:
        super().__init__(text)
        self.problems = tuple(problems)


class Adjusts(Protocol):
    """What of a running node can be turned by hand."""

    def reload(self) -> ReloadAnswer:
        """`BadConfigError` where what is found cannot be used."""
        ...

    def set_log_level(self, level: str) -> None: ...

    def in_force(self) -> Mapping[str, object]:
        """Every key's value as the node has it now."""
        ...


class Logger(Protocol):
    """What `structlog.get_logger()` gives."""

    def debug(self, event: str, **fields: object) -> object: ...

    def info(self, event: str, **fields: object) -> object: ...

    def warning(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...

    def exception(self, event: str, **fields: object) -> object: ...
