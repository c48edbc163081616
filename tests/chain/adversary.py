"""A random adversary against the voting rules: it tries to make two conflicting blocks final.

    python -m tests.chain.adversary --members 4 --runs 3000000 --seed 1
    python -m tests.chain.adversary --members 7 --runs 30000 --mutant no_lock

The honest delegates apply the functions of `p2pchain.chain.voting` and nothing else; blocks are abstract (slot, parent,
carried certificate).  The adversary owns the largest third that quorums tolerate: its delegates vote for and confirm
everything, so what needs q signatures needs q - f honest ones.  It leads every slot (several blocks in one where it
likes), carries any certificate that exists or none, and decides who hears of what, when, and in which order; there
is no clock.  A violation is two conflicting blocks with q confirms each.

The rules are a value, so that each can be broken on purpose: a search that finds nothing against the real rules is
worth as much as its finds against the broken ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from typing import NamedTuple, Protocol

from p2pchain.chain import voting
from p2pchain.chain.schedule import quorum
from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.chain.voting import NOTHING, Hold, Proposal, SignState


class HoldVote(Protocol):
    def __call__(self, state: SignState, proposal: Proposal, *, in_window: bool) -> Hold | None: ...


class Rules(NamedTuple):
    """V1 to V3, C1 and F: the real ones, unless said."""

    hold_vote: HoldVote = voting.hold_vote
    after_vote: Callable[[SignState, Proposal], SignState] = voting.after_vote
    may_confirm: Callable[[SignState, Subject], bool] = voting.may_confirm
    after_confirm: Callable[[SignState, Subject], SignState] = voting.after_confirm
    quorum: Callable[[int], int] = quorum


class Finding(NamedTuple):
    """What one run came to."""

    violation: tuple[int, int] | None
    """Two conflicting final blocks."""
    final: int
    rivals: bool
    """Two conflicting blocks were certified: without that, nothing was at stake."""
    held_by_lock: int
    locked_by_vote: int
    """How often V3 moved a lock."""
    trace: list[str]


class Report(NamedTuple):
    """Sums over runs.  The counters besides `violations` say whether the search reached what it is about."""

    runs: int = 0
    violations: int = 0
    final: int = 0
    rivals: int = 0
    held_by_lock: int = 0
    locked_by_vote: int = 0
    first: Finding | None = None


class Style(NamedTuple):
    """How a run's adversary likes to play."""

    slots: int
    rival_blocks: float
    """Chance of another block in a slot."""
    fork: float
    """Chance to build on any block at all, instead of on a certified one."""
    hear_block: float
    """Chance that an honest delegate hears of a block in its slot."""
    hear_certificate: float
    late: float
    """Chance, in each slot, that something old reaches somebody."""


class Run:
    """One network from its genesis (block 0) until the adversary gives up."""

    def __init__(self, rules: Rules, members: int, random: Random) -> None:
        tolerated = (members - 1) // 3
        self.rules = rules
        self.random = random
        self.honest = list(range(members - tolerated))
        self.needed = rules.quorum(members) - tolerated
        self.states = [SignState() for _ in self.honest]
        self.roots = [0 for _ in self.honest]
        """The last block that each honest delegate knows to be final."""
        self.subjects = [NOTHING]
        self.branches = [1]
        """For each block the set of its ancestors and itself, as bits."""
        self.carried: list[int | None] = [None]
        self.votes: list[set[int]] = [set()]
        self.confirms: list[set[int]] = [set()]
        self.certified: list[int] = []
        self.final: list[int] = []
        self.violation: tuple[int, int] | None = None
        self.held_by_lock = self.locked_by_vote = 0
        self.trace: list[str] = []

    # --- what the adversary can do

    def make_block(self, parent: int, slot: int, carried: int | None) -> int:
        number = len(self.subjects)
        height = self.subjects[parent].height + 1
        self.subjects.append(Subject(Slot(slot), Height(height), BlockId(number.to_bytes(32, "big"))))
        self.branches.append(self.branches[parent] | 1 << number)
        self.carried.append(carried)
        self.votes.append(set())
        self.confirms.append(set())
        self.trace.append(f"block {number}: slot {slot}, on {parent}, carries {carried}")
        return number

    def offer(self, who: int, block: int) -> None:
        """An honest delegate hears of a block: V1 to V3."""
        state, branch = self.states[who], self.branches[block]
        if not branch >> self.roots[who] & 1:
            return
        lock, root = int.from_bytes(state.lock.block, "big"), self.roots[who]
        binds_nobody = state.lock.slot <= self.subjects[root].slot
        carried = self.carried[block]
        proposal = Proposal(
            self.subjects[block], binds_nobody or bool(branch >> lock & 1), None if carried is None else self.subjects[carried]
        )
        hold = self.rules.hold_vote(state, proposal, in_window=True)
        self.held_by_lock += hold is Hold.AGAINST_LOCK
        if hold is not None:
            return
        after = self.states[who] = self.rules.after_vote(state, proposal)
        self.locked_by_vote += after.lock is not state.lock
        self.trace.append(f"{who} votes for {block}")
        self.votes[block].add(who)
        if len(self.votes[block]) >= self.needed and block not in self.certified:
            self.certified.append(block)

    def show_certificate(self, who: int, block: int) -> None:
        """An honest delegate hears of a certificate: C1, and F for all to count."""
        if not self.rules.may_confirm(self.states[who], self.subjects[block]) or not self.branches[block] >> self.roots[who] & 1:
            return
        self.states[who] = self.rules.after_confirm(self.states[who], self.subjects[block])
        self.trace.append(f"{who} confirms {block}")
        self.confirms[block].add(who)
        if len(self.confirms[block]) >= self.needed and block not in self.final:
            rival = next((other for other in self.final if self.conflict(other, block)), None)
            self.violation = self.violation or (None if rival is None else (rival, block))
            self.final.append(block)

    def show_final(self, who: int, block: int) -> None:
        """An honest delegate hears of a quorum of confirms: a new root, which is stronger than an older lock."""
        if self.branches[block] >> self.roots[who] & 1 and block != self.roots[who]:
            self.roots[who] = block
            subject = self.subjects[block]
            if subject.slot > self.states[who].lock.slot:
                self.states[who] = self.states[who]._replace(lock=subject)
            self.trace.append(f"{who} knows that {block} is final")

    def conflict(self, one: int, other: int) -> bool:
        return not (self.branches[one] >> other & 1 or self.branches[other] >> one & 1)

    # --- what it likes to do

    def play(self, style: Style) -> Finding:
        for slot in range(1, style.slots + 1):
            self._play_slot(slot, style)
            while self.random.random() < style.late:
                self._tell_late()
        for block in sorted(self.certified, key=lambda block: self.subjects[block].slot):
            for who in self.honest:
                self.show_certificate(who, block)
        return self._finding()

    def _play_slot(self, slot: int, style: Style) -> None:
        chance = self.random.random
        blocks = [self._lead(slot, style)]
        while chance() < style.rival_blocks and len(blocks) < 3:
            blocks.append(self._lead(slot, style))
        for who in self.random.sample(self.honest, len(self.honest)):
            if chance() < style.hear_block:
                self.offer(who, self.random.choice(blocks))
        for block in blocks:
            for who in self.honest if block in self.certified else ():
                if chance() < style.hear_certificate:
                    self.show_certificate(who, block)

    def _lead(self, slot: int, style: Style) -> int:
        """A block on a certified one as a rule, with the newest certificate below it as a rule."""
        random = self.random
        on_certified = self.certified and random.random() >= style.fork
        parent = random.choice(self.certified) if on_certified else random.randrange(len(self.subjects))
        while self.subjects[parent].slot >= slot:
            parent = random.randrange(parent)
        below = [block for block in self.certified if self.branches[parent] >> block & 1]
        carried = None
        if below and random.random() < 0.8:
            carried = max(below, key=lambda block: self.subjects[block].slot) if random.random() < 0.8 else random.choice(below)
        return self.make_block(parent, slot, carried)

    def _tell_late(self) -> None:
        who, kind = self.random.choice(self.honest), self.random.random()
        if kind < 0.45 and self.certified:
            self.show_certificate(who, self.random.choice(self.certified))
        elif kind < 0.9:
            self.offer(who, self.random.randrange(1, len(self.subjects)))
        elif self.final:
            self.show_final(who, self.random.choice(self.final))

    def _finding(self) -> Finding:
        rivals = any(self.conflict(a, b) for place, a in enumerate(self.certified) for b in self.certified[:place])
        return Finding(self.violation, len(self.final), rivals, self.held_by_lock, self.locked_by_vote, self.trace)


def draw_style(random: Random) -> Style:
    return Style(
        slots=random.randint(3, 7),
        rival_blocks=random.choice((0.0, 0.2, 0.6)),
        fork=random.choice((0.1, 0.4, 0.8)),
        hear_block=random.choice((0.5, 0.7, 0.9)),
        hear_certificate=random.choice((0.0, 0.2, 0.4, 0.8)),
        late=random.choice((0.2, 0.5, 0.8)),
    )


def findings(rules: Rules, *, members: int, seed: int) -> Iterator[Finding]:
    """Runs without end; the same for the same seed."""
    random = Random(seed)
    while True:
        yield Run(rules, members, random).play(draw_style(random))


def search(rules: Rules, *, members: int, runs: int, seed: int, until_first: bool = False) -> Report:
    """Play so many runs (or until the first violation) and add up."""
    report = Report()
    for finding in islice(findings(rules, members=members, seed=seed), runs):
        found = finding.violation is not None
        report = Report(
            report.runs + 1,
            report.violations + found,
            report.final + finding.final,
            report.rivals + finding.rivals,
            report.held_by_lock + finding.held_by_lock,
            report.locked_by_vote + finding.locked_by_vote,
            report.first or (finding if found else None),
        )
        if found and until_first:
            break
    return report


# --- the rules, each broken in one place


def hold_vote_without_lock(state: SignState, proposal: Proposal, *, in_window: bool) -> Hold | None:
    return voting.hold_vote(state, proposal._replace(extends_lock=True), in_window=in_window)


def hold_vote_by_older_certificate(state: SignState, proposal: Proposal, *, in_window: bool) -> Hold | None:
    """Any certificate opens the lock, not only one newer than it."""
    return voting.hold_vote(
        state, proposal._replace(extends_lock=proposal.extends_lock or proposal.carried is not None), in_window=in_window
    )


def hold_vote_in_any_slot(state: SignState, proposal: Proposal, *, in_window: bool) -> Hold | None:
    return voting.hold_vote(state._replace(voted=NOTHING), proposal, in_window=in_window)


def hold_vote_twice_in_a_slot(state: SignState, proposal: Proposal, *, in_window: bool) -> Hold | None:
    """Slots no longer increase strictly."""
    before = state.voted._replace(slot=Slot(state.voted.slot - 1))
    return voting.hold_vote(state._replace(voted=before), proposal, in_window=in_window)


def after_vote_without_lock(state: SignState, proposal: Proposal) -> SignState:
    return voting.after_vote(state, proposal)._replace(lock=state.lock)


def may_confirm_after_later_vote(state: SignState, subject: Subject) -> bool:
    return voting.may_confirm(state._replace(voted=NOTHING), subject)


def may_confirm_below_lock(state: SignState, subject: Subject) -> bool:
    return voting.may_confirm(state._replace(lock=NOTHING), subject)


def may_confirm_again(state: SignState, subject: Subject) -> bool:
    return voting.may_confirm(state._replace(confirmed=NOTHING), subject)


def may_confirm_lower(state: SignState, subject: Subject) -> bool:
    """Neither the lock nor an earlier confirm stands in the way."""
    return voting.may_confirm(state._replace(lock=NOTHING, confirmed=NOTHING), subject)


def after_confirm_without_lock(state: SignState, subject: Subject) -> SignState:
    return voting.after_confirm(state, subject)._replace(lock=state.lock)


def quorum_rounded_down(members: int) -> int:
    return quorum(members) - 1


MUTANTS = {
    "no_lock": Rules(hold_vote=hold_vote_without_lock),
    "older_certificate": Rules(hold_vote=hold_vote_by_older_certificate),
    "any_slot": Rules(hold_vote=hold_vote_in_any_slot),
    "twice_in_a_slot": Rules(hold_vote=hold_vote_twice_in_a_slot),
    "no_lock_by_vote": Rules(after_vote=after_vote_without_lock),
    "later_vote": Rules(may_confirm=may_confirm_after_later_vote),
    "below_lock": Rules(may_confirm=may_confirm_below_lock),
    "confirm_again": Rules(may_confirm=may_confirm_again),
    "confirm_lower": Rules(may_confirm=may_confirm_lower),
    "no_lock_by_confirm": Rules(after_confirm=after_confirm_without_lock),
    "small_quorum": Rules(quorum=quorum_rounded_down),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    chosen = parser.parse_args()
    rules = MUTANTS[chosen.mutant] if chosen.mutant else Rules()
    report = search(rules, members=chosen.members, runs=chosen.runs, seed=chosen.seed)
    sums = ", ".join(f"{name} {value:,}" for name, value in report._replace(first=None)._asdict().items() if value is not None)
    sys.stdout.write(f"{sums}\n")
    if report.first is not None:
        sys.stdout.write("\n".join([*report.first.trace, f"conflicting final blocks: {report.first.violation}", ""]))
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
