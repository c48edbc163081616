"""Voting, confirming, finalising: the rules of `chain.voting` and `chain.tree`, applied to what has arrived.

Our own ballots come back through `count`, by the same door as a stranger's, after the signer has put them on disk.
"""

from __future__ import annotations

from p2pchain.chain.outcomes import failures_in
from p2pchain.chain.schedule import quorum
from p2pchain.chain.tree import Node
from p2pchain.chain.types import PublicKey, Signature
from p2pchain.chain.votes import VOTERS_MAX, Ballot, Certificate, Kind, make_certificate
from p2pchain.chain.voting import Hold, Proposal, SignState, after_confirm, after_vote, hold_vote, may_confirm
from p2pchain.node.clocks import Clocks
from p2pchain.node.core import Core
from p2pchain.node.effects import BlockFinal, SignBallot
from p2pchain.node.events import Peer
from p2pchain.node.witness import Witness
from p2pchain.wire.messages import BallotMessage, CertificateMessage

SILENT_MARGIN_SLOTS = 4
"""A key without a record is used again once a block this many slots after the start is final: no ballot of
an earlier life can then be for a later slot, because a delegate votes for no block from the future."""


class Consensus:
    """What this node says about blocks, and when it believes one final."""

    def __init__(self, core: Core, started_slot: int) -> None:
        self._core = core
        self._started_slot = started_slot
        self.witness = Witness(core, self.known_voters)
        self.last_seen: dict[PublicKey, int] = {}
        """Slot of the newest ballot of each active delegate: what status and metrics show."""
        self.last_final_ms: int | None = None
        self.clocks = Clocks(core.spec)

    def consider(self, node: Node) -> None:
        """A block entered the tree: vote, then count what was said about it before it came.

        The vote comes first: V2 asks for a certificate below the block.  Its own would move the lock (C1), and a vote
        that rests on it would look like amnesia to whoever collects ballots (S2b).
        """
        self._vote(node)
        self._try_certify(node)
        self._try_finalise(node)

    def count(self, ballot: Ballot, peer: Peer | None) -> None:
        """Take a verified ballot."""
        core = self._core
        subject = ballot.subject
        self.witness.see_ballots([ballot])
        if peer is not None and ballot.voter in self.known_voters():
            self.clocks.hear(ballot, core.now_ms)
        if subject.slot <= core.tree.root.slot or subject.slot > core.slot + 1 or ballot.voter not in self.known_voters():
            return
        if core.ballots.add(ballot) is not True:
            return
        self.last_seen[ballot.voter] = max(subject.slot, self.last_seen.get(ballot.voter, 0))
        core.broadcast(BallotMessage(ballot), but=peer)
        node = core.tree.get(subject.block)
        if node is not None and ballot.kind is Kind.VOTE:
            self._try_certify(node)
        elif node is not None:
            self._try_finalise(node)

    def accept_certificate(self, certificate: Certificate) -> bool:
        """Take a verified certificate of either kind; false where it says nothing new or its block is not known."""
        self.witness.see_certificate(certificate)
        node = self._core.tree.get(certificate.subject.block)
        if node is None or node.subject != certificate.subject or node is self._core.tree.root:
            return False
        if certificate.kind is Kind.CONFIRM:
            if not self._core.tree.has_quorum(node, certificate.signatures.keys()):
                return False
            self._finalise(node, certificate)
            return True
        return self._certify(node, certificate)

    def resend(self, peer: Peer) -> None:
        """What a peer that just joined must hear from this delegate: its last ballots and the newest certificate."""
        core = self._core
        for kind in Kind:
            ballot = core.ballots.of_voter(kind, core.key) if core.key is not None else None
            if ballot is not None:
                core.send(peer, BallotMessage(ballot))
        newest = core.tree.newest_certified()
        if newest.certificate is not None and newest is not core.tree.root:
            core.send(peer, CertificateMessage(newest.certificate.raw))

    def recover_voice(self) -> None:
        """A key whose record was lost speaks again once what it may have said is all decided."""
        core = self._core
        root = core.tree.root
        if core.key is not None and core.sign is None and root.slot > self._started_slot + SILENT_MARGIN_SLOTS:
            core.sign = SignState(root.subject, root.subject, root.subject, root.subject)
            core.note("warning", "signing_resumed", slot=root.slot)

    def certify_carried(self, certificate: Certificate) -> None:
        """Believe the certificate that a block carries for its ancestor, if its votes are a quorum."""
        self.witness.see_certificate(certificate)
        ancestor = self._core.tree.get(certificate.subject.block)
        if ancestor is not None and ancestor.subject == certificate.subject:
            self._certify(ancestor, certificate)

    def is_current(self, slot: int) -> bool:
        """From half a slot before its slot to the end of the next: room for clocks and for a slow hop."""
        spec, now = self._core.spec, self._core.now_ms
        return spec.slot_start_ms(slot) - spec.slot_ms // 2 <= now < spec.slot_start_ms(slot + 2)

    def _vote(self, node: Node) -> None:
        core = self._core
        if core.key is None or core.sign is None or core.awaits_base or core.key not in core.tree.voters(node):
            return
        proposal = self._proposal(node, core.sign)
        hold = hold_vote(core.sign, proposal, in_window=self.is_current(node.slot))
        if hold is not None:
            if hold is Hold.AGAINST_LOCK:
                core.note("info", "vote_held", slot=node.slot, reason=str(hold))
                self._answer_lock()
            return
        core.sign = after_vote(core.sign, proposal)
        core.effects.sign.append(SignBallot(Kind.VOTE, node.subject, core.sign))

    def _proposal(self, node: Node, sign: SignState) -> Proposal:
        tree = self._core.tree
        # A lock at or below the final block binds nobody who extends that block: final is stronger than locked.
        extends_lock = sign.lock.slot <= tree.root.slot or tree.extends(node, sign.lock.block)
        assert node.block is not None, "the root is never voted for"
        certificate = node.block.certificate
        carried = None
        if certificate is not None:
            ancestor = tree.get(certificate.subject.block)
            is_ancestor = ancestor is not None and ancestor.subject == certificate.subject and tree.extends(node, ancestor.id)
            if ancestor is not None and is_ancestor and tree.has_quorum(ancestor, certificate.signatures.keys()):
                carried = certificate.subject
        return Proposal(node.subject, extends_lock, carried)

    def _answer_lock(self) -> None:
        """Refusing under V2 means that somebody does not know our certificate: show it."""
        newest = self._core.tree.newest_certified()
        if newest.certificate is not None:
            self._core.broadcast(CertificateMessage(newest.certificate.raw))

    def _try_certify(self, node: Node) -> None:
        if node.certificate is not None or node is self._core.tree.root:
            return
        votes = self._decisive(Kind.VOTE, node)
        if votes is not None:
            self._certify(node, make_certificate(Kind.VOTE, node.subject, votes))

    def _certify(self, node: Node, certificate: Certificate) -> bool:
        if not self._core.tree.certify(node, certificate):
            return False
        self._core.effects.commit.certificates.append(certificate)
        self._confirm(node, certificate)
        return True

    def _confirm(self, node: Node, certificate: Certificate) -> None:
        """C1: confirm, lock, and send the certificate along."""
        core = self._core
        if core.key is None or core.sign is None or core.awaits_base or core.key not in core.tree.voters(node):
            return
        if may_confirm(core.sign, node.subject):
            core.sign = after_confirm(core.sign, node.subject)
            core.effects.sign.append(SignBallot(Kind.CONFIRM, node.subject, core.sign))
            core.broadcast(CertificateMessage(certificate.raw))

    def _try_finalise(self, node: Node) -> None:
        if node is self._core.tree.root or node.id not in self._core.tree:
            return
        confirms = self._decisive(Kind.CONFIRM, node)
        if confirms is not None:
            self._finalise(node, make_certificate(Kind.CONFIRM, node.subject, confirms))

    def _decisive(self, kind: Kind, node: Node) -> dict[PublicKey, Signature] | None:
        """The ballots on a block by those who have a vote on it; None where they are no quorum, or too many for a certificate."""
        tree, signatures = self._core.tree, self._core.ballots.signatures(kind, node.subject)
        if len(signatures) < quorum(len(node.governors)) or not tree.has_quorum(node, signatures.keys()):
            return None
        voters = tree.voters(node)
        countable = {key: value for key, value in signatures.items() if key in voters}
        return countable if len(countable) <= VOTERS_MAX else None

    def recover(self) -> None:
        """Make the base of an installed recovery final where it is known, and begin anew above it."""
        core, tree = self._core, self._core.tree
        if not core.recoveries:
            return
        pending = core.recoveries.next_above(tree.root.height)
        base = tree.get(pending.base.block) if pending is not None else None
        if base is not None:
            self._finalise(base, None)
        recovery = core.recoveries.at(tree.root.id)
        if recovery is None or tree.root.recovery is not None:
            return
        core.effects.commit.dropped += [node.id for node in tree.recover(recovery)]
        core.head = tree.head()
        core.note("warning", "recovered", height=tree.root.height, from_slot=recovery.from_slot, recovery=recovery.id)

    def _finalise(self, node: Node, certificate: Certificate | None) -> None:
        """F: the block and its ancestors are final.  The base of a recovery has no certificate."""
        core = self._core
        pending = core.recoveries.next_above(core.tree.root.height)
        if pending is not None and certificate is not None and node.height >= pending.base.height:
            return  # beside the base, or it would be known here: whoever confirmed that is removed
        path, dropped = core.tree.finalise(node)
        commit = core.effects.commit
        commit.final += [member.id for member in path]
        commit.dropped += [member.id for member in dropped]
        if certificate is not None:
            commit.confirms.append(certificate)
        for member in path:
            assert member.block is not None, "only the root has no block"
            core.pool.settle(member.block.transactions)
            latency = max(0, core.now_ms - core.spec.slot_start_ms(member.slot))
            failed = failures_in(member.changes.rows) if member.changes is not None else ()
            core.effects.publish.append(BlockFinal(member.block, latency, failed))
        core.ballots.forget_until(node.slot)
        if core.sign is not None and node.slot > core.sign.lock.slot:
            core.sign = core.sign._replace(lock=node.subject)
        self.last_final_ms = core.now_ms
        self._forget_strangers()

    def known_voters(self) -> frozenset[PublicKey]:
        """Everybody whose signature can mean something now: the sets at the final block, at the head and between."""
        head, root = self._core.head, self._core.tree.root
        if head is root:
            return root.schedule.keys
        sets = {head.schedule.keys, root.schedule.keys, self._core.tree.voters(head)}  # one set but while it changes
        return sets.pop() if len(sets) == 1 else frozenset().union(*sets)

    def _forget_strangers(self) -> None:
        known = self.known_voters() if self._core.head.id in self._core.tree else self._core.tree.root.schedule.keys
        self.last_seen = {key: slot for key, slot in self.last_seen.items() if key in known}
        self.clocks.forget_strangers(known)
