"""The eyes of a world: what happens goes from here to the trace, the checkers, the markers and the timeline.

Looks, and never changes what it looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from p2pchain.chain.block import decode_header
from p2pchain.chain.consequences import Consequence
from p2pchain.chain.errors import Code
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.schedule import quorum
from p2pchain.chain.state import ACCOUNTS, EMPTY_ACCOUNT
from p2pchain.chain.types import PublicKey
from p2pchain.chain.votes import Subject, encode_subject
from p2pchain.node import events
from p2pchain.node.effects import Answer, BlockFinal, ContradictionSeen, Effects, Noted, Send, SignBlock, SignRequest
from p2pchain.sim.agenda import Agenda
from p2pchain.sim.checkers.bounds import check_bounds
from p2pchain.sim.checkers.chain import ChainChecker
from p2pchain.sim.checkers.culprits import CulpritsChecker
from p2pchain.sim.checkers.inclusion import InclusionChecker
from p2pchain.sim.checkers.liveness import LivenessChecker
from p2pchain.sim.checkers.proofs import ProofsChecker
from p2pchain.sim.checkers.signing import SigningChecker
from p2pchain.sim.findings import Findings, Violation
from p2pchain.sim.markers import Markers, byzantine_marker
from p2pchain.sim.pace import slot_ms
from p2pchain.sim.timeline import Kind, Moment, Timeline
from p2pchain.sim.trace import Trace
from p2pchain.wire.messages import GetBlocks, GetBranch

if TYPE_CHECKING:
    from p2pchain.sim.process import Process

ROWS_EVERY = 16
"""Slots between two comparisons of all rows."""
OWED_BEYOND = frozenset({"S2", "S2b", "S3", "S11", "L5"})
_NOTES = {"vote_held": "held_against_lock", "signing_resumed": "voice_recovered"}


class Watch:
    """Everything that looks at a world."""

    def __init__(self, genesis: Genesis, agenda: Agenda, honest_keys: frozenset[PublicKey], timeline: Timeline | None) -> None:
        self._spec = genesis.spec()
        self._agenda = agenda
        self._timeline = timeline
        self.trace = Trace()
        self.markers = Markers()
        self.findings = Findings()
        self.chain = ChainChecker(genesis)
        self.proofs = ProofsChecker()
        self.signing = SigningChecker(honest_keys)
        self.liveness = LivenessChecker(slot_ms(self._spec))
        self.culprits: CulpritsChecker | None = None
        """Of a world with more liars than a chain can bear: then only what it finds is demanded, and what no liar excuses."""
        self.inclusion: InclusionChecker | None = None
        """Of a world in which censors are the worst."""
        self.honest: Callable[[int], bool] = lambda _: True
        self.is_partitioned: Callable[[], bool] = lambda: False
        self._locks: dict[int, Subject] = {}
        self._active = self.chain.reference.schedule.keys

    @property
    def slot(self) -> int:
        """By the true time."""
        return self._spec.slot_at(self._agenda.now_ms)

    def moment(self, node: int, kind: Kind, **fields: int | str) -> None:
        if self._timeline is not None:
            ms = self._agenda.now_ms - self._spec.genesis_ms
            self._timeline.add(Moment(ms, self.slot, node, kind, fields))

    def report(self, node: int, found: Iterable[tuple[str, str]]) -> None:
        for invariant, text in found:
            if self.culprits is not None and invariant not in OWED_BEYOND:
                self._beyond(invariant)
                continue
            self.findings.add(Violation(invariant, node, self.slot, text))

    def _beyond(self, invariant: str) -> None:
        assert self.culprits is not None
        if invariant == "S1" and not self.culprits.is_split:
            self.culprits.is_split = True
            self.markers.hit("chain_split")

    # --- a process's life

    def started(self, process: Process, root: Subject) -> None:
        self.trace.happened(self._agenda.now_ms, process.number, "start")
        self.moment(process.number, "start", height=root.height)
        if process.is_honest:
            self.report(process.number, self.chain.started(process.number, root))
            if process.disk.sign is None:
                self.markers.hit("voice_lost")

    def crashed(self, process: Process) -> None:
        self.trace.happened(self._agenda.now_ms, process.number, "crash")
        self.moment(process.number, "crash")
        if process.disk.recording:
            self.markers.hit("crash_before_send")
        elif process.disk.writing:
            self.markers.hit("crash_in_commit")

    def broke(self, process: Process, text: str) -> None:
        """An error ended a process."""
        self.moment(process.number, "crash", broken=1)
        if process.is_honest:
            self.report(process.number, [("S11", text)])

    def refused(self, process: Process, other: int, text: str, consequence: Consequence) -> None:
        """A process closed its connection to another because of what it sent, and perhaps bans it."""
        self.trace.happened(self._agenda.now_ms, process.number, f"refuse {other}")
        if process.is_honest and self.honest(other):
            done = "banned" if consequence is Consequence.LIE else "disconnected"
            self.report(process.number, [("honest_links", f"node {other} is honest and was {done}: {text}")])
        elif process.is_honest:
            self.markers.hit("liar_disconnected")
            if consequence is Consequence.LIE:
                self.markers.hit("liar_banned")

    def acted(self, node: int, strategy: str) -> None:
        """A dishonest node did what its strategy is for."""
        self.moment(node, "byzantine", act=strategy)
        self.markers.hit(byzantine_marker(strategy))

    # --- an event and what follows

    def handling(self, process: Process, event: events.Event) -> None:
        if self.culprits is not None:
            self.culprits.heard(event)
        if isinstance(event, events.BallotReceived):
            return
        if not isinstance(event, events.BlockReceived):
            self.trace.happened(self._agenda.now_ms, process.number, type(event).__name__)
        else:
            tree, block = process.running.core.tree, event.block.value
            parent = tree.get(block.header.parent)
            if parent is not None and block.id not in tree:
                rivals = sum(child.slot == block.header.slot for child in parent.children)
                if rivals >= 2:
                    self.markers.hit("third_rival")

    def decided(self, process: Process, event: events.Event, effects: Effects) -> None:  # noqa: ARG002
        """Before anything of it is done."""
        self.trace.decided(process.number, effects)
        if effects.commit:
            self._look_at_commit(process, effects)
        for published in effects.publish:
            match published:
                case BlockFinal():
                    if process.is_honest:
                        self.report(process.number, self.chain.decided(process.number, published.block))
                case ContradictionSeen():
                    self._contradiction(process, published)
                case Noted() if published.event in _NOTES and process.is_honest:
                    self.markers.hit(_NOTES[published.event])
                case _:
                    pass
        if effects.sign:
            self._look_at_lock(process, effects.sign[-1].state.lock)

    def signed(self, process: Process, kind: str, request: SignRequest) -> None:
        """The record is on disk; the signature is about to exist."""
        if isinstance(request, SignBlock):
            header = decode_header(request.header)
            slot, body = header.slot, request.header
            self.moment(process.number, "block", height=header.height, of_slot=slot)
        else:
            slot, body = request.subject.slot, encode_subject(request.subject)
            shown: Kind = "vote" if kind == "vote" else "confirm"
            self.moment(process.number, shown, height=request.subject.height, block=request.subject.block.hex()[:12], of_slot=slot)
        self.report(process.number, self.signing.signed(process.signer.public_key, kind, slot, body))

    def performed(self, process: Process, effects: Effects) -> None:
        """Everything is on disk and told."""
        for outgoing in effects.send:
            if isinstance(outgoing, Send) and isinstance(outgoing.message, GetBlocks | GetBranch):
                self.markers.hit("range_asked" if isinstance(outgoing.message, GetBlocks) else "branch_asked")
        for answer in effects.answer:
            if any(result.code is Code.POOL_FULL for result in answer.results):
                self.markers.hit("pool_full")
            if self.inclusion is not None and process.is_honest:
                self._taken(self.inclusion, process, answer)
        final = [published for published in effects.publish if isinstance(published, BlockFinal)]
        if final and process.is_honest:
            self._tell_final(process, final)
            self.report(process.number, self.proofs.kept(process.number, process.disk.ledger.final, self.chain.governors))

    def slot_passed(self, process: Process) -> None:
        """Once a slot for each honest node that is up."""
        core = process.running.core
        self.report(process.number, check_bounds(process.running))
        if self.inclusion is not None:
            self.report(process.number, self.inclusion.overdue(core.pool, self._agenda.now_ms))
        if core.tree.newest_certified() is not core.tree.root:
            self.markers.hit("certified_not_final")
        if not core.tree.has_room(core.head, self.slot):
            self.markers.hit("unfinal_bound")
        if self.slot % ROWS_EVERY == 0:
            self.compare_rows(process)

    def compare_rows(self, process: Process) -> None:
        self.report(process.number, self.chain.compare_rows(process.disk.ledger.subject, process.disk.ledger.rows))

    # --- parts

    def _taken(self, inclusion: InclusionChecker, process: Process, answer: Answer) -> None:
        core = process.running.core
        for result in answer.results:
            taken = core.pool.get(result.id) if result.id is not None and result.code is None else None
            if taken is not None:
                account = ACCOUNTS.load(core.head_view(), taken.sender) or EMPTY_ACCOUNT
                inclusion.taken(taken, account.nonce, self._agenda.now_ms)

    def _tell_final(self, process: Process, final: list[BlockFinal]) -> None:
        root = process.running.core.tree.root
        for published in final:
            if self.inclusion is not None:
                self.inclusion.final(published.block.transactions, self._agenda.now_ms)
            header = published.block.header
            start = self._spec.slot_start_ms(header.slot)
            schedule = root.schedule if root.id == published.block.id else None
            self.report(process.number, self.chain.told(process.number, published.block, schedule))
            self.report(process.number, self.liveness.final(process.number, header.height, self._agenda.now_ms, start))
            self.moment(process.number, "final", height=header.height, block=published.block.id.hex()[:12], of_slot=header.slot)
            if self._agenda.now_ms < start + slot_ms(self._spec):
                self.markers.hit("final_in_own_slot")
        active = self.chain.reference.schedule.keys
        if active != self._active:
            self._active = active
            self.markers.hit("set_changed_in_partition" if self.is_partitioned() else "set_changed")

    def _look_at_commit(self, process: Process, effects: Effects) -> None:
        tree, commit = process.running.core.tree, effects.commit
        for certificate in commit.certificates:
            subject = certificate.subject
            self.moment(process.number, "certified", height=subject.height, block=subject.block.hex()[:12], of_slot=subject.slot)
            node = tree.get(subject.block)
            if node is not None and node.governors and len(certificate.signatures) == quorum(len(node.governors)):
                self.markers.hit("quorum_exact")
        if commit.dropped:
            self.markers.hit("block_fell_away")

    def _look_at_lock(self, process: Process, lock: Subject) -> None:
        old = self._locks.get(process.number, lock)
        self._locks[process.number] = lock
        tree = process.running.core.tree
        node = tree.get(lock.block)
        if node is not None and old.slot > tree.root.slot and old.block in tree and not tree.extends(node, old.block):
            self.markers.hit("lock_moved")

    def _contradiction(self, process: Process, seen: ContradictionSeen) -> None:
        if not process.is_honest:
            return
        self.markers.hit("contradiction_seen")
        key, kind, slot = seen.offence
        self.moment(process.number, "contradiction", of_slot=slot, what=str(kind))
        self.report(process.number, self.signing.convicted(key, slot, str(kind)))
