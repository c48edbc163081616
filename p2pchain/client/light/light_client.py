"""`LightClient`: balances and transactions of a network, proven from what is trusted, by asking nodes that are not.

    with LightClient(genesis, ["http://a:28657", "http://b:28657"], store=Path("light.json")) as client:
        print(client.sync().height, client.account("p2p1...").balance)

It moves from the trusted point to newer final blocks and never back.  Whatever a node says is checked; what does not hold is
kept in `failures` with the node's URL, and the next node is asked.  Not for several threads at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from p2pchain.chain.address import decode_address
from p2pchain.chain.finality_proof import last_subject
from p2pchain.chain.following import Point, Step, genesis_point
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.proof_files import Proof
from p2pchain.chain.transaction_proofs import has_succeeded
from p2pchain.chain.types import HASH_BYTES, ChainId
from p2pchain.chain.votes import Subject
from p2pchain.client.light.bundle import Bundle
from p2pchain.client.light.conflict import Offer, agreed
from p2pchain.client.light.contents import account_in, transaction_in
from p2pchain.client.light.errors import NodeFailedError, TrustError, UnprovenError
from p2pchain.client.light.kept import Kept, load_kept, save_kept
from p2pchain.client.light.node import LightNode
from p2pchain.client.light.values import Final, ProvenAccount, ProvenTransaction, age_ms, final_of, freshness, trust_age
from p2pchain.client.light.way import lead, lead_to

T = TypeVar("T")
NODES_MAX = 16
"""All are asked in every `sync`."""
TIMEOUT_S = 10.0


class LightClient:
    """`trusted` is `HEIGHT:HASH` of a final block that somebody vouches for; without it the genesis is where trust begins.

    `store` is a small file that remembers the trusted point and the newest one.  Errors: `UnprovenError` where no node proved it,
    `ConflictError` where two did and contradict each other, `TrustError` where the user must decide.
    """

    def __init__(
        self,
        genesis: Genesis,
        nodes: Sequence[str],
        trusted: str | None = None,
        store: Path | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not 1 <= len(nodes) <= NODES_MAX:
            raise TrustError(f"{len(nodes)} nodes are named, 1 to {NODES_MAX} wanted")
        self._genesis = genesis
        self._chain_id = ChainId(genesis.chain_id)
        self._wanted = None if trusted is None else parse_trusted(trusted)
        self._store = store
        self._clock = clock
        self._kept = self._loaded()
        self._nodes = [LightNode(url, self._chain_id, timeout_s) for url in nodes]
        self.failures: dict[str, NodeFailedError] = {}
        """The last failure of each node since it last proved something."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for node in self._nodes:
            node.close()

    @property
    def final(self) -> Final | None:
        """The newest block that was proven final, without asking anybody; None before the trusted point is known."""
        if self._kept is None:
            return None
        now_ms = self._now_ms()
        subject = self._kept.newest.subject
        warnings = freshness(subject, self._genesis, now_ms) + trust_age(self._kept.gap_ms, self._genesis)
        return final_of(subject, self._genesis, now_ms, warnings)

    def sync(self) -> Final:
        """Ask all nodes for the newest final block, follow the one that leads farthest, and hold the others against it."""
        kept = self._known()
        offers = self._each_node(lambda node: Offer(node, lead(node, kept.newest, None)))
        if not offers:
            raise UnprovenError("a final block", tuple(self.failures.values()))
        self._advance(agreed(kept.newest, offers))
        found = self.final
        assert found is not None, "the trusted point is known by now"
        return found

    def account(self, address: str) -> ProvenAccount:
        """The account as of the newest final block that a node proves, never below `final`."""
        account = decode_address(self._genesis.address_prefix, address)

        def ask(node: LightNode) -> ProvenAccount:
            proof = node.account_proof(address)
            point = self._shown(node, proof, is_newest=True)
            shown = node.check(f"account {address}", lambda: account_in(point, proof, account))
            balance, nonce = (shown.row.balance, shown.row.nonce) if shown.row is not None else (0, 0)
            return ProvenAccount(address, shown.row is not None, balance, nonce, self._final_of(shown.at), node.url)

        return self._first_node(f"account {address}", ask)

    def transaction(self, transaction_id: str) -> ProvenTransaction:
        """The transaction and the final block that it is in.  That it is in none cannot be proven: nodes then say 404."""
        wanted = _parse_id(transaction_id)

        def ask(node: LightNode) -> ProvenTransaction:
            proof = node.transaction_proof(transaction_id)
            point = self._shown(node, proof, is_newest=False)
            shown = node.check(f"transaction {transaction_id}", lambda: transaction_in(point, proof, self._genesis.spec(), wanted))
            made = shown.transaction
            return ProvenTransaction(transaction_id, shown.position, has_succeeded(made), made, self._final_of(shown.at), node.url)

        return self._first_node(f"transaction {transaction_id}", ask)

    def account_bundle(self, address: str) -> Bundle:
        """A proof of an account that anybody can check later, from the trusted point on."""
        account = decode_address(self._genesis.address_prefix, address)

        def ask(node: LightNode) -> Bundle:
            bundle, point = self._bundle(node, node.account_proof(address))
            node.check(f"account {address}", lambda: account_in(point, bundle.proof, account))
            return bundle

        return self._first_node(f"account {address}", ask)

    def transaction_bundle(self, transaction_id: str) -> Bundle:
        """A proof of a transaction that anybody can check later, from the trusted point on."""
        wanted = _parse_id(transaction_id)

        def ask(node: LightNode) -> Bundle:
            bundle, point = self._bundle(node, node.transaction_proof(transaction_id))
            node.check(f"transaction {transaction_id}", lambda: transaction_in(point, bundle.proof, self._genesis.spec(), wanted))
            return bundle

        return self._first_node(f"transaction {transaction_id}", ask)

    # --- the way

    def _shown(self, node: LightNode, proof: Proof, *, is_newest: bool) -> Point:
        """The final block where a proof ends, and who votes above it."""
        kept = self._known()
        target, newest = node.check("its proof", lambda: last_subject(proof.finality.headers)), kept.newest
        if target.height >= newest.subject.height:
            point = lead_to(node, newest, target)
            self._advance(point)
            return point
        if is_newest:
            why = f"it is as of height {target.height}, {newest.subject.height} was proven: the node is behind, or hides what is newer"
            raise NodeFailedError(node.url, "its proof", why)
        lowest = kept.trusted.subject.height
        if target.height < lowest:
            raise TrustError(f"the proof ends at height {target.height}, below the trusted block {lowest}: trust a lower one to check it")
        return lead_to(node, kept.trusted, target)

    def _bundle(self, node: LightNode, proof: Proof) -> tuple[Bundle, Point]:
        trusted = self._known().trusted
        target = node.check("its proof", lambda: last_subject(proof.finality.headers))
        steps: list[Step] = []
        point = lead_to(node, trusted, target, steps)
        base = node.point((trusted.subject.height, trusted.subject.block))[0] if trusted.subject.height else None
        return Bundle(self._chain_id, base, tuple(steps), proof), point

    # --- what is known

    def _known(self) -> Kept:
        """The trusted point and the newest; a trusted block is fetched and checked the first time."""
        if self._kept is None:
            wanted = self._wanted
            assert wanted is not None, "without a trusted block the genesis is known from the start"
            _, point = self._first_node(f"the trusted block {wanted[0]}", lambda node: node.point(wanted))
            self._keep(Kept(point, point, 0))
        assert self._kept is not None
        return self._kept

    def _loaded(self) -> Kept | None:
        kept = None if self._store is None else load_kept(self._store, self._chain_id)
        if kept is None:
            first = genesis_point(self._genesis)
            return Kept(first, first, 0) if self._wanted in (None, (0, first.subject.block)) else None
        trusted = kept.trusted.subject
        if self._wanted is not None and self._wanted != (trusted.height, trusted.block):
            raise TrustError(
                f"{self._store} begins at block {trusted.height}:{trusted.block.hex()}, another is to be trusted now:"
                " name another file, or remove this one"
            )
        return kept

    def _advance(self, point: Point) -> None:
        kept = self._known()
        if point.subject.height > kept.newest.subject.height:
            gap_ms = max(kept.gap_ms, age_ms(kept.newest.subject, self._genesis, self._now_ms()))
            self._keep(kept._replace(newest=point, gap_ms=gap_ms))

    def _keep(self, kept: Kept) -> None:
        self._kept = kept
        if self._store is not None:
            save_kept(self._store, self._chain_id, kept)

    def _final_of(self, subject: Subject) -> Final:
        now_ms, known = self._now_ms(), self.final
        return final_of(subject, self._genesis, now_ms, known.warnings if known is not None else ())

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    # --- asking

    def _each_node(self, ask: Callable[[LightNode], T]) -> list[T]:
        answers: list[T] = []
        for node in self._nodes:
            try:
                answers.append(ask(node))
            except NodeFailedError as failure:
                self.failures[node.url] = failure
            else:
                self.failures.pop(node.url, None)
        return answers

    def _first_node(self, what: str, ask: Callable[[LightNode], T]) -> T:
        failures: list[NodeFailedError] = []
        for node in self._nodes:
            try:
                answer = ask(node)
            except NodeFailedError as failure:
                self.failures[node.url] = failure
                failures.append(failure)
            else:
                self.failures.pop(node.url, None)
                return answer
        raise UnprovenError(what, failures)


def parse_trusted(text: str) -> tuple[int, bytes]:
    """`HEIGHT:HASH`; `TrustError` where it is none."""
    height, _, block = text.partition(":")
    try:
        found = bytes.fromhex(block)
    except ValueError:
        found = b""
    if not (height.isascii() and height.isdigit() and len(height) < 19) or len(found) != HASH_BYTES:
        raise TrustError(f"found {text[:100]!r} as a trusted block, wanted HEIGHT:HASH with a hash of {2 * HASH_BYTES} hex digits")
    return int(height), found


def _parse_id(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != HASH_BYTES:
        raise TrustError(f"found {text[:100]!r} as the id of a transaction, wanted {2 * HASH_BYTES} hex digits")
    return found
