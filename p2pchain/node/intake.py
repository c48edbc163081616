"""From a message to an event: decode it, and say which signatures must be checked before it may be believed.

Decoding and checking are apart, so that the shell can check in batches off the loop.  What the mempool or the ballots
hold was verified before and is not verified again: a transaction keeps its decoded value for its whole life.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import assert_never

from p2pchain.chain.block import Block, Envelope, Parts, decode_envelope, decode_parts, header_check
from p2pchain.chain.compact import CompactForm
from p2pchain.chain.consequences import Consequence, consequence_by_state, consequence_of
from p2pchain.chain.crypto import SignatureCheck, Verified
from p2pchain.chain.errors import Invalid, Refusal
from p2pchain.chain.transaction import Transaction, body_in, decode_body, decode_transaction, signature_checks, transaction_id
from p2pchain.chain.types import ChainId, PublicKey
from p2pchain.chain.votes import Ballot, Certificate, Kind, ballot_checks, certificate_checks, decode_certificate
from p2pchain.node import events
from p2pchain.node.certificates import Certificates
from p2pchain.node.core import Core
from p2pchain.node.events import Event, Peer
from p2pchain.node.opened import Opened, OpenedTransaction, Results, require_verified
from p2pchain.node.opening_sync import open_bodies, open_proofs, read_question
from p2pchain.wire import messages
from p2pchain.wire.messages import Message

__all__ = ["Intake", "Opened", "OpenedTransaction", "require_verified"]

_GOSSIP = messages.BlockMessage, messages.CompactBlock, messages.BallotMessage, messages.CertificateMessage, messages.Transactions
"""What comes unasked, as new as its sender is."""


class Intake:
    """Reads the engine's pool and ballots, changes nothing."""

    def __init__(
        self,
        core: Core,
        expects: Callable[[Peer, int], bool] = lambda _peer, _request: True,
        voters: Callable[[], frozenset[PublicKey]] | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        """`expects` says whether an answer of a peer was asked for: what was not is not worth a single check.

        `voters` gives all whose signature can mean something now: what strangers signed is not worth one either.  A flood
        of it would cost a node its cores, and nothing would come of it.
        """
        self._expects = expects
        self._voters = voters
        self._certificates = certificates or Certificates()
        self._core = core
        self._spec = core.spec
        self._chain_id = ChainId(core.spec.chain_id)

    def open(self, peer: Peer, message: Message) -> Opened | None:
        """The event in a message; None where there is nothing to do.  `Invalid` where it is malformed."""
        try:
            return self._open(peer, message)
        except Invalid as refusal:
            if self._core.is_outgrown or (isinstance(message, _GOSSIP) and self._may_be_right(peer, refusal)):
                return None
            raise

    def _may_be_right(self, peer: Peer, refusal: Invalid) -> bool:
        """Whether by another version of the rules: then there is nothing to do, and nothing to hold against its sender."""
        return consequence_of(refusal) is Consequence.NOBODY or self._is_ahead(peer)

    def consequence(self, peer: Peer, message: Message, refusal: Invalid) -> Consequence:
        """For the sender of a refused message: of who is ahead of this node nothing new can be proven, as above."""
        judge = consequence_by_state if isinstance(message, _GOSSIP) and self._is_ahead(peer) else consequence_of
        return judge(refusal)

    def _is_ahead(self, peer: Peer) -> bool:
        """Whether a peer claims final blocks that are missing here: between them and these a new version may lie."""
        tips = self._core.peers.get(peer)
        return tips is not None and tips.final.height > self._core.tree.root.height + 1

    def _open(self, peer: Peer, message: Message) -> Opened | None:  # noqa: C901, PLR0911, PLR0912  (the table of messages, one line each)
        match message:
            case messages.GetBlocks() | messages.GetBranch() | messages.GetProofs() | messages.GetBodies():
                return Opened([], lambda _: read_question(peer, message))
            case messages.Status():
                return _plain(events.StatusReceived(peer, message.tips))
            case messages.Transactions():
                return self._open_transactions(peer, message.items)
            case messages.BlockMessage():
                return self._open_new_block(peer, message.raw)
            case messages.BallotMessage():
                return self._open_ballot(peer, message)
            case messages.CertificateMessage():
                return self._open_certificate(peer, message.raw)
            case messages.Blocks():
                return self._open_blocks(peer, message)
            case messages.Proofs():
                return open_proofs(self._core, peer, message) if self._expects(peer, message.request) else None
            case messages.CompactBlock():
                return self._open_compact_block(peer, message)
            case messages.GetBlockTransactions():
                return _plain(events.BlockTransactionsRequested(peer, *message))
            case messages.BlockTransactions():
                return self._open_block_transactions(peer, message)
            case messages.Announcement():
                return _plain(events.TransactionsAnnounced(peer, message.names))
            case messages.GetTransactions():
                return _plain(events.TransactionsRequested(peer, message.names))
            case messages.Hello() | messages.Ping() | messages.Pong() | messages.Goodbye() | messages.Part():
                return None
            case messages.GetPeers() | messages.Peers():
                return None
            case _:
                assert_never(message)

    def open_transaction(self, raw: bytes) -> OpenedTransaction:
        """Decode one transaction, or find it in the pool; `Invalid` where it is malformed."""
        body = body_in(raw)
        if body is None:
            transaction = decode_transaction(raw, self._spec)
        else:
            item = transaction_id(body)
            known = self._core.pool.get(item) or self._core.known.aside(item)
            if known is not None and known.raw == raw:
                return OpenedTransaction(known, [])
            transaction = decode_body(raw, body, item, self._spec)
        return OpenedTransaction(transaction, signature_checks(transaction, self._chain_id))

    def open_submitted(self, items: Sequence[bytes]) -> list[OpenedTransaction | Refusal]:
        """A client's transactions: a bad one is its refusal and harms no other."""
        opened: list[OpenedTransaction | Refusal] = []
        for raw in items:
            try:
                opened.append(self.open_transaction(raw))
            except Refusal as refusal:
                opened.append(refusal)
        return opened

    def read_block(self, raw: bytes) -> tuple[Block, list[SignatureCheck]]:
        """A block and all the signatures in it that are not verified yet."""
        return self._read_contents(decode_envelope(raw, self._certificates.decode))

    def _read_contents(self, envelope: Envelope) -> tuple[Block, list[SignatureCheck]]:
        checks = [header_check(envelope.header_raw, envelope.header.producer, envelope.signature, self._chain_id)]
        if envelope.certificate is not None:
            checks += self._certificate_checks(envelope.certificate)
        transactions = []
        for item in envelope.transactions:
            opened = self.open_transaction(item)
            transactions.append(opened.value)
            checks += opened.checks
        return envelope.with_transactions(transactions), checks

    def read_certificate(self, raw: bytes) -> Certificate | None:
        """A stored certificate; None for empty bytes."""
        return decode_certificate(raw) if raw else None

    def _open_transactions(self, peer: Peer, items: Sequence[bytes]) -> Opened | None:
        """What the pool holds was checked once; it is the very object of the pool then, and has no checks."""
        unknown = [opened for opened in map(self.open_transaction, items) if opened.checks]
        if not unknown:
            return None
        checks = [check for opened in unknown for check in opened.checks]
        return Opened(checks, lambda results: events.TransactionsReceived(peer, _require_all(unknown, results)))

    def _open_new_block(self, peer: Peer, raw: bytes) -> Opened | None:
        if self._is_newest(raw):
            return None
        envelope = decode_envelope(raw, self._certificates.decode)
        header, tree = envelope.header, self._core.tree
        if envelope.id in tree or (header.parent not in tree and self._is_by_strangers([header.producer])):
            return None
        block, checks = self._read_contents(envelope)
        return Opened(checks, lambda results: events.BlockReceived(peer, require_verified(block, results, "block")))

    def _open_compact_block(self, peer: Peer, message: messages.CompactBlock) -> Opened | None:
        """The header first: nothing is looked for before its producer has been found to have signed it."""
        envelope = decode_parts(Parts(message.header, message.signature, message.certificate), [], b"", self._certificates.decode)
        header, tree = envelope.header, self._core.tree
        if envelope.id in tree or (header.parent not in tree and self._is_by_strangers([header.producer])):
            return None
        checks = [header_check(envelope.header_raw, header.producer, envelope.signature, self._chain_id)]
        if envelope.certificate is not None:
            checks += self._certificate_checks(envelope.certificate)
        opened = [self.open_transaction(raw) for raw in message.prefilled]
        prefilled = {place: each.value for place, each in zip(message.places, opened, strict=True)}
        checks += [check for each in opened for check in each.checks]
        form = CompactForm(envelope, message.certificate, message.short_ids, prefilled)
        return Opened(checks, lambda results: events.CompactBlockReceived(peer, require_verified(form, results, "compact block")))

    def _open_block_transactions(self, peer: Peer, message: messages.BlockTransactions) -> Opened | None:
        if (peer, message.block) not in self._core.lacking:
            return None
        opened = [self.open_transaction(raw) for raw in message.items]
        checks = [check for each in opened for check in each.checks]
        return Opened(checks, lambda results: events.BlockTransactionsReceived(peer, message.block, _require_all(opened, results)))

    def _is_newest(self, raw: bytes) -> bool:
        """Whether these are the bytes of the head or of the final block, as what every peer but the first sends is: not read twice."""
        core = self._core
        return any(node.block is not None and node.block.raw == raw for node in (core.head, core.tree.root))

    def _open_ballot(self, peer: Peer, message: messages.BallotMessage) -> Opened | None:
        ballot = message.ballot
        if self._core.ballots.has(ballot) or self._is_late_echo(ballot) or self._is_by_strangers([ballot.voter]):
            return None
        checks = ballot_checks(ballot, self._chain_id)
        return Opened(checks, lambda results: events.BallotReceived(peer, require_verified(ballot, results, "ballot")))

    def _is_late_echo(self, ballot: Ballot) -> bool:
        """Whether a ballot is for a slot that is decided, and its voter was heard saying just this: it is worth no check."""
        core = self._core
        return ballot.subject.slot <= core.tree.root.slot and core.watch.has_heard(ballot)

    def _is_by_strangers(self, keys: Collection[PublicKey]) -> bool:
        """Whether most of them have no vote at the final block, at the head or between.

        A node that lags behind a change of the set takes the new set for strangers: it learns of it by its blocks, which it asks for.
        """
        if self._voters is None:
            return False
        known = self._voters()
        return 2 * sum(key in known for key in keys) < len(keys)

    def _open_certificate(self, peer: Peer, raw: bytes) -> Opened | None:
        certificate = self._certificates.decode(raw)
        node = self._core.tree.get(certificate.subject.block)
        says_nothing_new = node is not None and (node is self._core.tree.root or node.certificate is not None)
        if certificate.kind is Kind.VOTE and says_nothing_new:
            return None
        if self._is_by_strangers(certificate.signatures.keys()):
            return None
        checks = self._certificate_checks(certificate)
        return Opened(checks, lambda results: events.CertificateReceived(peer, require_verified(certificate, results, "certificate")))

    def _open_blocks(self, peer: Peer, message: messages.Blocks) -> Opened | None:
        if not self._expects(peer, message.request):
            return None
        if message.request in self._core.asked_bodies:
            return open_bodies(self._core, peer, message, self.open_transaction)
        checks: list[SignatureCheck] = []
        parts: list[tuple[Block, int, Certificate | None, int]] = []
        for raw, proof in zip(message.items[::2], message.items[1::2], strict=True):
            try:
                block, wanted = self.read_block(raw)
                certificate = decode_certificate(proof) if proof else None
            except Invalid:
                # The blocks before it may say that from here on another version is in force.
                if not parts:
                    raise
                break
            proof_checks = self._certificate_checks(certificate) if certificate is not None else []
            parts.append((block, len(wanted), certificate, len(proof_checks)))
            checks += wanted + proof_checks

        def finish(results: Results) -> Event:
            blocks: list[tuple[Verified[Block], Verified[Certificate] | None]] = []
            at = 0
            for block, block_checks, certificate, proof_checks in parts:
                middle, end = at + block_checks, at + block_checks + proof_checks
                proof = require_verified(certificate, results[middle:end], "certificate") if certificate is not None else None
                blocks.append((require_verified(block, results[at:middle], "block"), proof))
                at = end
            return events.BlocksReceived(peer, message.request, tuple(blocks))

        return Opened(checks, finish)

    def _certificate_checks(self, certificate: Certificate) -> list[SignatureCheck]:
        known = self._core.ballots.signatures(certificate.kind, certificate.subject)
        if known.items() >= certificate.signatures.items():
            return []
        checks = certificate_checks(certificate, self._chain_id)
        return [check for check in checks if known.get(PublicKey(check.key)) != check.signature]


def _require_all(opened: Sequence[OpenedTransaction], results: Results) -> tuple[Verified[Transaction], ...]:
    verified = []
    at = 0
    for each in opened:
        end = at + len(each.checks)
        verified.append(require_verified(each.value, results[at:end], "transaction"))
        at = end
    return tuple(verified)


def _plain(event: Event) -> Opened:
    return Opened([], lambda _: event)
