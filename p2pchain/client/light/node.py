"""One node that nobody trusts: its answers, read and bounded, and not believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from p2pchain.chain.errors import Invalid
from p2pchain.chain.following import SETS_MAX, Point, Step, checkpoint, follow
from p2pchain.chain.proof_files import PROOF_BYTES_MAX, Proof, decode_proof
from p2pchain.chain.types import ChainId
from p2pchain.client.errors import NodeError, NodeUnreachableError
from p2pchain.client.http_door import HttpDoor
from p2pchain.client.light.bundle import Base
from p2pchain.client.light.errors import NodeFailedError
from p2pchain.client.light.reading import ShapeError, bytes_of, list_of, object_of, step_of, whole_of

T = TypeVar("T")
STEPS_ASKED = 16
ANSWER_BYTES_MAX = 8 << 20
"""A node ends an answer after 256 KB and the step under way; one step over 300 changes of a set of 101 has 2 MB in hex."""
PROOF_ANSWER_BYTES_MAX = 4 * PROOF_BYTES_MAX


class Page(NamedTuple):
    """Steps as a node gave them."""

    steps: list[Step]
    final_height: int
    """What the node says of itself: believed for words alone."""


class LightNode:
    """Calls that raise `NodeFailedError` for whatever is wrong with the node or its answer."""

    def __init__(self, url: str, chain_id: ChainId, timeout_s: float) -> None:
        self._door = HttpDoor(url, timeout_s)
        self._chain_id = chain_id
        self._is_known = False

    @property
    def url(self) -> str:
        return self._door.url

    def close(self) -> None:
        self._door.close()

    def page(self, from_height: int, to_height: int | None) -> Page:
        query = {"from": from_height, "limit": STEPS_ASKED} | ({} if to_height is None else {"to": to_height})
        what = f"the way from height {from_height}" + ("" if to_height is None else f" to {to_height}")
        self._require_chain()

        def read() -> Page:
            answer = object_of(self._door.get_at_most("/v1/proofs", ANSWER_BYTES_MAX, **query), "answer")
            steps = [step_of(each, SETS_MAX) for each in list_of(answer.get("steps"), "steps", STEPS_ASKED)]
            return Page(steps, whole_of(answer.get("final"), "final"))

        return self._asked(what, read)

    def point(self, trusted: tuple[int, bytes]) -> tuple[Base, Point]:
        """The point at a trusted height and hash, and the bytes that show it."""
        self._require_chain()

        def read() -> tuple[Base, Point]:
            answer = object_of(self._door.get_at_most(f"/v1/proofs/{trusted[0]}", ANSWER_BYTES_MAX), "answer")
            base = Base(bytes_of(answer.get("header"), "header"), bytes_of(answer.get("set"), "set"))
            return base, checkpoint(base.header, base.active, trusted)

        return self._asked(f"the trusted block {trusted[0]}", read)

    def follow(self, point: Point, step: Step, what: str) -> Point:
        return self._asked(what, lambda: follow(point, step, self._chain_id))

    def account_proof(self, address: str) -> Proof:
        return self._proof(f"/v1/accounts/{address}/proof", f"account {address}")

    def transaction_proof(self, transaction_id: str) -> Proof:
        return self._proof(f"/v1/transactions/{transaction_id}/proof", f"transaction {transaction_id}")

    def check(self, what: str, work: Callable[[], T]) -> T:
        """Check something of this node's, so that what does not hold is said to be its."""
        return self._asked(what, work)

    def _proof(self, path: str, what: str) -> Proof:
        self._require_chain()

        def read() -> Proof:
            answer = object_of(self._door.get_at_most(path, PROOF_ANSWER_BYTES_MAX), "answer")
            return decode_proof(bytes_of(answer.get("proof"), "proof"))

        return self._asked(what, read)

    def _require_chain(self) -> None:
        """A node of another network is told apart once, in words that say so; it could lie here, and then its proofs do not hold."""
        if self._is_known:
            return
        answer = self._asked("its chain", lambda: object_of(self._door.get_at_most("/v1/status", ANSWER_BYTES_MAX), "answer"))
        if answer.get("chain_id") != self._chain_id.hex():
            raise NodeFailedError(self.url, "its chain", f"it serves chain {answer.get('chain_id')!s:.64}, {self._chain_id.hex()} wanted")
        self._is_known = True

    def _asked(self, what: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except NodeUnreachableError as error:
            raise NodeFailedError(self.url, what, f"no answer ({error.reason})") from None
        except (NodeError, Invalid, ShapeError) as error:
            raise NodeFailedError(self.url, what, str(error)) from None
