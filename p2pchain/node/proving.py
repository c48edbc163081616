"""What a node shows to somebody who follows the chain by certificates alone: steps between final blocks, and points to begin at.

Everything is read from the store: headers and confirms of final blocks, and the rows of the active sets.  A step goes as
far as one certificate reaches; where the set changed so much that the newest does not suffice, it ends soon above the change.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count, islice
from typing import NamedTuple

from p2pchain.chain.active_set import ActiveSet, encode_set, load_set
from p2pchain.chain.following import SETS_MAX, Step
from p2pchain.chain.schedule import quorum
from p2pchain.chain.state import GLOBALS
from p2pchain.chain.votes import decode_certificate
from p2pchain.node.ports import Store

JUMPED_SETS_MAX = 16
"""Changes that one step leads over where it could end sooner: most certificates of today do not reach over more."""
SEARCH_BLOCKS = 512
"""How far apart final blocks with confirms of their own may lie: a branch that waited for a quorum, or a catch-up by proofs."""
SEARCH_BYTES = 1 << 20
STEPS_BYTES_MAX = 256 << 10
"""Of one answer: 250 steps with sets of 4, 15 with sets of 101."""


class Confirmed(NamedTuple):
    """A final block that has confirms of its own."""

    height: int
    header: bytes
    certificate: bytes


class Steps(NamedTuple):
    """An answer: steps from a height on, and how far they lead."""

    steps: tuple[Step, ...]
    next_height: int
    """Where the last step ends: what to ask from next."""
    final_height: int


class Shown(NamedTuple):
    """A final header and the set above it."""

    header: bytes
    active: bytes


def show_point(store: Store, height: int, final_height: int) -> Shown | None:
    """Whatever somebody needs who trusts a block by its id; None where it is not final or not here."""
    if not 1 <= height <= final_height:
        return None
    found = store.final_headers(height, 1, SEARCH_BYTES)
    return Shown(found[0].raw, encode_set(_set_above(store, height))) if found else None


def show_steps(store: Store, from_height: int, to_height: int | None, limit: int, final_height: int) -> Steps | None:
    """Steps from a final height to a later one with confirms of its own, or to the newest; None where there is no such block here."""
    if from_height > final_height or (to_height is not None and not from_height <= to_height <= final_height):
        return None
    if from_height in (to_height, final_height):
        return Steps((), from_height, final_height)
    target = next(_confirmed(store, to_height, to_height), None) if to_height else _newest_confirmed(store, from_height, final_height)
    if target is None:
        return Steps((), from_height, final_height) if to_height is None else None
    steps: list[Step] = []
    above, size, at = _set_above(store, from_height), 0, from_height
    while at < target.height and len(steps) < limit and size < STEPS_BYTES_MAX:
        step = _step(store, above, target)
        if step is None:
            break
        (sets, confirmed), above = step, step.sets[-1] if step.sets else above
        steps.append(Step(confirmed.header, confirmed.certificate, tuple(map(encode_set, sets))))
        size += len(confirmed.header) + len(confirmed.certificate) + sum(len(each) for each in steps[-1].sets)
        at = confirmed.height
    return Steps(tuple(steps), at, final_height)


class _Reach(NamedTuple):
    sets: list[ActiveSet]
    confirmed: Confirmed


def _step(store: Store, above: ActiveSet, target: Confirmed) -> _Reach | None:
    """To the target, where its certificate holds a quorum of all sets on the way; else to the first confirms above the next change."""
    later = list(islice(_sets_after(store, above, target.height), JUMPED_SETS_MAX + 1))
    if len(later) <= JUMPED_SETS_MAX and _convinces(target, [above, *later]):
        return _Reach(later, target)
    if not later:
        return None  # the base of a recovery lies between: its document proves it, no certificate does
    near = next(_confirmed(store, later[0].since, target.height), None)
    if near is None:
        return None
    return _Reach(list(islice(_sets_after(store, above, near.height), SETS_MAX)), near)


def _convinces(confirmed: Confirmed, sets: list[ActiveSet]) -> bool:
    voters = decode_certificate(confirmed.certificate).signatures.keys()
    governing = [sets[0], *(each for each in sets[1:] if each.since < confirmed.height)]
    return all(len(voters & set(each.keys)) >= quorum(len(each.keys)) for each in governing)


def _sets_after(store: Store, above: ActiveSet, to_height: int) -> Iterator[ActiveSet]:
    """The successors of a set, up to those that begin above a height."""
    for number in count(above.number + 1):
        found = load_set(store, number)
        if found is None or found.since > to_height:
            return
        yield found


def _set_above(store: Store, height: int) -> ActiveSet:
    """The set that governs the block above a final height: the last one that began there or below."""
    totals = GLOBALS.load(store)
    assert totals is not None, "the globals row is written by the genesis"
    low, high = 0, totals.set_number
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _set_at(store, middle).since <= height else (low, middle - 1)
    return _set_at(store, low)


def _set_at(store: Store, number: int) -> ActiveSet:
    found = load_set(store, number)
    assert found is not None, f"set {number} is a row of the state for ever"
    return found


def _confirmed(store: Store, from_height: int, to_height: int) -> Iterator[Confirmed]:
    """Final blocks with confirms of their own, oldest first."""
    most = min(SEARCH_BLOCKS, to_height - from_height + 1)
    for place, found in enumerate(store.final_headers(from_height, most, SEARCH_BYTES)):
        if found.certificate:
            yield Confirmed(from_height + place, found.raw, found.certificate)


def _newest_confirmed(store: Store, from_height: int, final_height: int) -> Confirmed | None:
    """The one nearest to the last final block, which as a rule it is itself."""
    for blocks in (1, 8, SEARCH_BLOCKS):
        found = deque(_confirmed(store, max(from_height + 1, final_height - blocks + 1), final_height), maxlen=1)
        if found:
            return found[0]
    return None
