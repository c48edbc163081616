"""Every message order, without chance: can the voting rules make two conflicting blocks final within K slots?

    python -m tests.chain.explorer --members 4 --slots 4
    python -m tests.chain.explorer --members 4 --slots 3 --mutant later_vote --json

The largest tolerated number of delegates is Byzantine: it leads every slot with as many blocks as it likes, on any
parent, carrying any certificate that exists or none, signs everything, and decides who hears of which block,
certificate or final block, when, in which order, late or never.  The honest ones apply `p2pchain.chain.voting`.

Four observations, none of which leaves out a run, make it small enough to visit everything:

- **Only certified blocks need a place in the tree.**  A block that never gets a certificate is nobody's lock, carried
  certificate or final block; take it out of the chains above it, and all of these keep their order.  What remains of
  it is a vote: it moves a delegate's slot and lock.  So each slot has at most `rivals` blocks that may be certified, and
  any number of others, which are moves of a single delegate.
- **Two delegates meet only in certificates and final blocks.**  Between two of these their moves have no common
  effect, so they are not interleaved: a node of the search keeps, for each honest delegate, the set of all the states
  that it may be in.  A step is one certificate or one final block, with the delegates that signed it: those
  keep the states in which they did, and everyone's set is closed under what may be heard from now on.
- **Having said less leaves more to say.**  With the same lock and root, a delegate that voted and confirmed in earlier
  slots, and whose ballots that still matter include another's, can do whatever the other can: V1 and C1 only
  compare slots.  Of two such states the set keeps the freer one.
- **Honest delegates and the blocks of one slot are interchangeable**: each node is visited in sorted order only.

`plain` is the same search with the first alone: one message at a time.  The tests compare both.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement, permutations, product
from typing import NamedTuple, TypeAlias

from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.chain.voting import NOTHING, Proposal, SignState
from tests.chain.adversary import MUTANTS, Rules

LEAF = 1 << 16
"""Block numbers from here on stand for blocks that never get a certificate, one number a slot."""
States: TypeAlias = int
"""A set of delegate states: bit i stands for the i-th that was met."""


class Place(NamedTuple):
    """A block that may be certified."""

    slot: int
    parent: int
    """0 is the genesis."""
    carried: int | None


Shape: TypeAlias = tuple[Place, ...]
"""The blocks from number 1 on, by slot."""


class Local(NamedTuple):
    """What one honest delegate remembers, and which of its ballots may still matter."""

    sign: SignState = SignState()
    root: int = 0
    votes: int = 0
    """Blocks without a certificate that it voted for, as bits."""
    confirms: int = 0
    """Blocks not final that it confirmed, as bits."""


class Known(NamedTuple):
    """What anybody may have heard: certified and final blocks, as bits."""

    certified: int = 0
    final: int = 0


class Node(NamedTuple):
    known: Known
    states: tuple[States, ...]


class Verdict(NamedTuple):
    """What exploring came to."""

    shapes: int = 0
    nodes: int = 0
    delegate_states: int = 0
    violations: int = 0
    """Shapes in which two conflicting blocks became final."""
    trace: tuple[str, ...] = ()

    def plus(self, other: Verdict) -> Verdict:
        shapes, nodes, states, violations = (mine + its for mine, its in zip(self[:4], other[:4], strict=True))
        return Verdict(shapes, nodes, states, violations, self.trace or other.trace)


def subject(slot: int, block: int) -> Subject:
    return Subject(Slot(slot), Height(slot), BlockId(block.to_bytes(32, "big")))


def bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


# --- all trees of certified blocks


def shapes(slots: int, rivals: int) -> list[Shape]:
    """Every tree with `rivals` blocks in each slot; those with fewer are in there, as blocks that nobody hears of."""
    found: list[Shape] = [()]
    for slot in range(1, slots + 1):
        found = [shape + more for shape in found for more in combinations_with_replacement(_places(shape, slot), rivals)]
        found = sorted({_canonical(shape, rivals) for shape in found}, key=repr)
    return found


def _places(shape: Shape, slot: int) -> list[Place]:
    places = []
    for parent in range(len(shape) + 1):
        carried: list[int | None] = [None, *(block for block in bits(_branch(shape, parent)) if block)]
        places += [Place(slot, parent, one) for one in carried]
    return places


def _branch(shape: Shape, block: int) -> int:
    branch = 1
    while block:
        branch |= 1 << block
        block = shape[block - 1].parent
    return branch


def _canonical(shape: Shape, rivals: int) -> Shape:
    """The least of the shapes that differ only by the order of the blocks of one slot."""
    if rivals == 1:
        return shape
    starts = range(0, len(shape), rivals)
    orders = product(*(permutations(range(start, start + rivals)) for start in starts))
    return min((_renumbered(shape, [place for group in order for place in group]) for order in orders), key=repr)


def _renumbered(shape: Shape, order: list[int]) -> Shape:
    number = {old + 1: new + 1 for new, old in enumerate(order)} | {0: 0}
    moved = (shape[old] for old in order)
    return tuple(Place(slot, number[parent], None if carried is None else number[carried]) for slot, parent, carried in moved)


# --- one delegate


class Delegates:
    """The states that an honest delegate can be in above one shape, and the moves between them."""

    def __init__(self, rules: Rules, shape: Shape) -> None:
        self.rules = rules
        self.shape = shape
        self.subjects = [NOTHING, *(subject(place.slot, number) for number, place in enumerate(shape, 1))]
        self.branches = [_branch(shape, block) for block in range(len(shape) + 1)]
        leaves = [subject(slot, LEAF + slot) for slot in range(1, shape[-1].slot + 1)]
        branches = dict(zip(self.branches, self.subjects, strict=True)).items()
        self._leaves = [(leaf, branch) for leaf in leaves for branch, parent in branches if parent.slot < leaf.slot]
        self.locals = [Local()]
        self._numbers = {Local(): 0}
        self.voted = [0 for _ in self.subjects]
        """For each block the states in which a vote for it may still matter."""
        self.confirmed = [0 for _ in self.subjects]
        self._moves: dict[tuple[int, Known], list[int]] = {}
        self._covers: dict[tuple[States, States], bool] = {}
        self._closed: dict[tuple[States, Known], States] = {}

    def number(self, local: Local) -> int:
        number = self._numbers.get(local)
        if number is None:
            number = self._numbers[local] = len(self.locals)
            self.locals.append(local)
            for block in bits(local.votes):
                self.voted[block] |= 1 << number
            for block in bits(local.confirms):
                self.confirmed[block] |= 1 << number
        return number

    def closure(self, states: States, known: Known) -> States:
        """The freest states that can be reached by hearing of any of `known`, of blocks, or of nothing."""
        key = states, known
        if key not in self._closed:
            groups: dict[tuple[Subject, int], list[int]] = {}
            waiting = [number for number in bits(states) if self._enters(groups, number)]
            while waiting:
                number = waiting.pop()
                if number in groups[self._group(number)]:
                    waiting += [after for after in self.moves(number, known) if self._enters(groups, after)]
            self._closed[key] = sum(1 << number for group in groups.values() for number in group)
        return self._closed[key]

    def _group(self, number: int) -> tuple[Subject, int]:
        return self.locals[number].sign.lock, self.locals[number].root

    def _enters(self, groups: dict[tuple[Subject, int], list[int]], number: int) -> bool:
        """Put a state among the others, unless one of them is freer; those that it makes needless go."""
        group = groups.setdefault(self._group(number), [])
        local = self.locals[number]
        if any(self._is_freer(self.locals[other], local) for other in group):
            return False
        group[:] = [other for other in group if not self._is_freer(local, self.locals[other])]
        group.append(number)
        return True

    def covers(self, states: States, others: States) -> bool:
        """Whether each of `others` has a freer one in `states`."""
        if not others & ~states:
            return True
        key = states, others
        if key not in self._covers:
            self._covers[key] = all(any(self._dominates(one, other) for one in bits(states)) for other in bits(others & ~states))
        return self._covers[key]

    def _dominates(self, one: int, other: int) -> bool:
        mine, its = self.locals[one], self.locals[other]
        return mine.sign.lock == its.sign.lock and mine.root == its.root and self._is_freer(mine, its)

    @staticmethod
    def _is_freer(one: Local, other: Local) -> bool:
        return (
            one.sign.voted.slot <= other.sign.voted.slot
            and one.sign.confirmed.slot <= other.sign.confirmed.slot
            and not other.votes & ~one.votes
            and not other.confirms & ~one.confirms
        )

    def moves(self, number: int, known: Known) -> list[int]:
        key = number, known
        if key not in self._moves:
            found = {self.number(after) for after in self._after(self.locals[number], known)}
            self._moves[key] = sorted(found - {number})
        return self._moves[key]

    def _after(self, local: Local, known: Known) -> Iterator[Local]:
        yield from self._votes(local, known)
        yield from self._leaf_votes(local, known)
        yield from self._confirms(local, known)
        yield from self._roots(local, known)

    def _votes(self, local: Local, known: Known) -> Iterator[Local]:
        """V1 to V3, for the blocks of the shape."""
        for block, place in enumerate(self.shape, 1):
            if place.carried is None or known.certified >> place.carried & 1:
                sign = self._voted(local, self.subjects[block], self.branches[block], place.carried)
                if sign is not None:
                    yield local._replace(sign=sign, votes=local.votes | 1 << block & ~known.certified)

    def _leaf_votes(self, local: Local, known: Known) -> Iterator[Local]:
        """V1 to V3, for any block that never gets a certificate."""
        for leaf, branch in self._leaves:
            for carried in (None, *bits(branch & known.certified)):
                sign = self._voted(local, leaf, branch, carried)
                if sign is not None:
                    yield local._replace(sign=sign)

    def _voted(self, local: Local, block: Subject, branch: int, carried: int | None) -> SignState | None:
        sign, root = local.sign, local.root
        if not branch >> root & 1:
            return None
        lock = int.from_bytes(sign.lock.block, "big")
        extends_lock = sign.lock.slot <= self.subjects[root].slot or bool(branch >> lock & 1)
        proposal = Proposal(block, extends_lock, None if carried is None else self.subjects[carried])
        if self.rules.hold_vote(sign, proposal, in_window=True) is not None:
            return None
        return self.rules.after_vote(sign, proposal)

    def _confirms(self, local: Local, known: Known) -> Iterator[Local]:
        """C1, for what is certified."""
        for block in bits(known.certified):
            if self.branches[block] >> local.root & 1 and self.rules.may_confirm(local.sign, self.subjects[block]):
                sign = self.rules.after_confirm(local.sign, self.subjects[block])
                yield local._replace(sign=sign, confirms=local.confirms | 1 << block & ~known.final)

    def _roots(self, local: Local, known: Known) -> Iterator[Local]:
        """A new last final block, which is stronger than an older lock."""
        for block in bits(known.final):
            if self.branches[block] >> local.root & 1 and block != local.root:
                newer = self.subjects[block]
                sign = local.sign._replace(lock=newer) if newer.slot > local.sign.lock.slot else local.sign
                yield local._replace(sign=sign, root=block)

    def decided(self, states: States, known: Known) -> States:
        """The same states without the ballots that made `known`."""
        after = 0
        for number in bits(states):
            local = self.locals[number]
            after |= 1 << self.number(local._replace(votes=local.votes & ~known.certified, confirms=local.confirms & ~known.final))
        return after


# --- all of them


class Search:
    """All runs above one shape."""

    def __init__(self, rules: Rules, members: int, shape: Shape) -> None:
        tolerated = (members - 1) // 3
        self.honest = members - tolerated
        self.needed = rules.quorum(members) - tolerated
        self.delegates = Delegates(rules, shape)

    def run(self) -> Verdict:
        """Stops at the first violation."""
        came: dict[Node, tuple[Node, str] | None] = {}
        for after in self._visit(came):
            if self.is_violated(after.known):
                return Verdict(1, len(came), len(self.delegates.locals), 1, self._told(came, after))
        return Verdict(1, len(came), len(self.delegates.locals))

    def reached(self) -> set[Known]:
        """All that can be certified and final together; it does not stop at a violation."""
        return {Known(), *(node.known for node in self._visit({}))}

    def _visit(self, came: dict[Node, tuple[Node, str] | None]) -> Iterator[Node]:
        """All nodes, those with less known first; `came` tells whence."""
        start = Node(Known(), (self.delegates.closure(1, Known()),) * self.honest)
        came[start] = None
        level = {start.known: [start]}
        while level:
            above: dict[Known, list[Node]] = {}
            for nodes in level.values():
                for node in self._freest(nodes):
                    for event, after in self.steps(node):
                        if after not in came:
                            came[after] = node, event
                            above.setdefault(after.known, []).append(after)
                            yield after
            level = above

    def _freest(self, nodes: list[Node]) -> list[Node]:
        """Without those whose delegates can do nothing that another's cannot."""
        kept: list[Node] = []
        for node in sorted(nodes, key=lambda node: -sum(states.bit_count() for states in node.states)):
            if not any(self._is_freer(other, node) for other in kept):
                kept.append(node)
        return kept

    def _is_freer(self, one: Node, other: Node) -> bool:
        covers = self.delegates.covers
        return any(all(map(covers, order, other.states)) for order in set(permutations(one.states)))

    def steps(self, node: Node) -> Iterator[tuple[str, Node]]:
        known, delegates = node.known, self.delegates
        for block in range(1, len(delegates.branches)):
            if not known.certified >> block & 1:
                signed = [states & delegates.voted[block] for states in node.states]
                after = known._replace(certified=known.certified | 1 << block)
                yield from ((f"{block} is certified by {who}", it) for who, it in self._signed(node, signed, after))
            elif not known.final >> block & 1:
                signed = [states & delegates.confirmed[block] for states in node.states]
                after = known._replace(final=known.final | 1 << block)
                yield from ((f"{block} is final by {who}", it) for who, it in self._signed(node, signed, after))

    def _signed(self, node: Node, signed: list[States], known: Known) -> Iterator[tuple[str, Node]]:
        """One step for each choice of honest signers; that more than enough signed is part of these."""
        able = [who for who, states in enumerate(signed) if states]
        for signers in combinations(able, self.needed):
            states = [signed[who] if who in signers else node.states[who] for who in range(self.honest)]
            closed = (self.delegates.closure(self.delegates.decided(each, known), known) for each in states)
            yield str(signers), Node(known, tuple(sorted(closed)))

    def is_violated(self, known: Known) -> bool:
        branches = self.delegates.branches
        return any(not (branches[a] >> b & 1 or branches[b] >> a & 1) for a, b in combinations(bits(known.final), 2))

    def _told(self, seen: dict[Node, tuple[Node, str] | None], node: Node) -> tuple[str, ...]:
        told: list[str] = []
        at = seen[node]
        while at is not None:
            told.append(at[1])
            at = seen[at[0]]
        blocks = [f"block {number}: slot {p.slot}, on {p.parent}, carries {p.carried}" for number, p in enumerate(self.delegates.shape, 1)]
        return (*blocks, *reversed(told))


def plain(rules: Rules, members: int, shape: Shape) -> set[Known]:
    """All that can be certified and final together, found one message at a time."""
    search = Search(rules, members, shape)
    delegates = search.delegates
    start = (Known(), (0,) * search.honest)
    seen, waiting = {start}, [start]
    while waiting:
        known, numbers = waiting.pop()
        more = [(known, (*numbers[:i], after, *numbers[i + 1 :])) for i, n in enumerate(numbers) for after in delegates.moves(n, known)]
        held = [delegates.locals[number] for number in numbers]
        for block in range(1, len(delegates.branches)):
            if sum(local.votes >> block & 1 for local in held) >= search.needed:
                more.append((known._replace(certified=known.certified | 1 << block), numbers))
            if sum(local.confirms >> block & 1 for local in held) >= search.needed:
                more.append((known._replace(final=known.final | 1 << block), numbers))
        fresh = [state for state in more if state not in seen]
        seen.update(fresh)
        waiting += set(fresh)
    return {known for known, _ in seen}


class Task(NamedTuple):
    mutant: str | None
    members: int
    shape: Shape


def explore_shape(task: Task) -> Verdict:
    rules = MUTANTS[task.mutant] if task.mutant else Rules()
    return Search(rules, task.members, task.shape).run()


def explore(mutant: str | None, *, members: int, slots: int, rivals: int = 1, until_first: bool = False) -> Verdict:
    """All shapes in this process."""
    verdict = Verdict()
    for shape in shapes(slots, rivals):
        verdict = verdict.plus(explore_shape(Task(mutant, members, shape)))
        if verdict.violations and until_first:
            break
    return verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--slots", type=int, default=3)
    parser.add_argument("--rivals", type=int, default=1, help="blocks of one slot that may be certified; uncertified ones are unlimited")
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    started = time.monotonic()
    tasks = [Task(chosen.mutant, chosen.members, shape) for shape in shapes(chosen.slots, chosen.rivals)]
    verdict = Verdict()
    with multiprocessing.Pool(chosen.jobs) as pool:
        for one in pool.imap_unordered(explore_shape, tasks, chunksize=4):
            verdict = verdict.plus(one)
            if verdict.violations and chosen.mutant:
                break
    show(verdict, chosen, time.monotonic() - started)
    return 1 if verdict.violations else 0


def show(verdict: Verdict, chosen: argparse.Namespace, seconds: float) -> None:
    asked = {name: getattr(chosen, name) for name in ("members", "slots", "rivals", "mutant")}
    found = asked | verdict._asdict() | {"seconds": round(seconds, 1)}
    if chosen.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write(", ".join(f"{name} {value}" for name, value in found.items() if name != "trace") + "\n")
    sys.stdout.writelines(f"{line}\n" for line in verdict.trace)


if __name__ == "__main__":
    sys.exit(main())
