"""Following a chain by its certificates alone: from a block that is known to be final to a later one, through every change of the set.

What is known is a point: a final block, and the set that votes on the blocks above it.  A step is a later header with the
confirms on it, and the sets that began in between.  It holds under the rule that full nodes count by (decision 0004): a
quorum of every set that governs a block on the way.  Which sets those are is in the header: it names the id of the set above
it, an id commits to all sets before, and a header that a quorum of the known set confirmed was executed by somebody
honest.  So heights without a change are skipped, however many there are (decision 0053).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from p2pchain.chain.active_set import ActiveSet, decode_set
from p2pchain.chain.block import Header, block_id, decode_header
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.finality_proof import FinalityProof, last_subject, verify_finality
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.types import ChainId, Height, Slot
from p2pchain.chain.votes import Subject

SETS_MAX = 512
"""Changes of the set in one step: as many as blocks may wait for one certificate (decision 0013), so that there is a step over any."""


class Point(NamedTuple):
    """A final block, and who votes on the blocks above it."""

    subject: Subject
    above: ActiveSet


class Step(NamedTuple):
    """What leads from a point to a later one."""

    header: bytes
    """As its producer signed it."""
    certificate: bytes
    """Of confirms on it."""
    sets: tuple[bytes, ...]
    """The sets that began above the point and not above the header, oldest first."""


def genesis_point(genesis: Genesis) -> Point:
    """Where everybody begins who trusts the genesis."""
    return Point(Subject(Slot(0), Height(0), genesis.block_id), genesis.schedule().active_set)


def checkpoint(header: bytes, active: bytes, trusted: tuple[int, bytes]) -> Point:
    """The point at a height and block id that are trusted; `Invalid` where header or set are not that block's."""
    decoded, found = decode_header(header), block_id(header)
    height, block = trusted
    if (decoded.height, found) != (height, block):
        shown, wanted = f"{decoded.height}:{found.hex()}", f"{height}:{block.hex()}"
        raise _bad(f"the header is of block {shown}, {wanted} is trusted and wanted", decoded.height, height)
    above = decode_set(active)
    if above.id != decoded.set_id:
        raise _bad(f"the set shown is {above.id.hex()}, block {height} names {decoded.set_id.hex()}", above.id, decoded.set_id)
    return Point(Subject(decoded.slot, decoded.height, found), above)


def follow(point: Point, step: Step, chain_id: ChainId) -> Point:
    """The later point; `Invalid` where the step proves nothing to somebody who knows this one."""
    header = decode_header(step.header)
    subject = Subject(header.slot, header.height, block_id(step.header))
    _validate_place(point, header)
    sets = _read_sets(point.above, step.sets, low=point.subject.height + 1, high=header.height)
    above = sets[-1] if sets else point.above
    if header.set_id != above.id:
        shown = f"set {above.number} ({above.id.hex()})"
        raise _bad(f"the sets shown end with {shown}, block {header.height} names {header.set_id.hex()}: a change is left out or made up")
    governing = [point.above, *(each for each in sets if each.since < header.height)]
    verify_finality(FinalityProof((step.header,), step.certificate), chain_id, [each.keys for each in governing])
    return Point(subject, above)


def follow_all(point: Point, steps: Sequence[Step], chain_id: ChainId) -> Point:
    for step in steps:
        point = follow(point, step, chain_id)
    return point


def header_under(point: Point, proof: FinalityProof) -> Header:
    """The header that a proof speaks of, where the proof ends at a block that is known to be final: its certificate adds nothing."""
    last, known = last_subject(proof.headers), point.subject
    if last != known:
        raise _bad(f"the proof ends at block {last.height}:{last.block.hex()}, {known.height}:{known.block.hex()} wanted")
    return decode_header(proof.headers[0])


def _validate_place(point: Point, header: Header) -> None:
    known = point.subject
    if header.height <= known.height or header.slot <= known.slot:
        found = f"height {header.height}, slot {header.slot}"
        raise _bad(f"it leads to {found}, beyond height {known.height}, slot {known.slot} wanted", header.height, known.height + 1)
    if header.height == known.height + 1 and header.parent != known.block:
        raise _bad(f"block {header.height} stands on {header.parent.hex()}, {known.block.hex()} wanted", header.parent, known.block)


def _read_sets(known: ActiveSet, raw: Sequence[bytes], *, low: int, high: int) -> list[ActiveSet]:
    """The sets of a step, each the successor of the one before."""
    if len(raw) > SETS_MAX:
        raise _bad(f"{len(raw)} sets in one step, at most {SETS_MAX} wanted", len(raw), SETS_MAX)
    sets: list[ActiveSet] = []
    for each in map(decode_set, raw):
        before = sets[-1] if sets else known
        if each.number != before.number + 1 or each.before != before.id:
            raise _bad(f"set {each.number} does not follow set {before.number} ({before.id.hex()})", each.before, before.id)
        least = before.since + 1 if sets else low
        if not least <= each.since <= high:
            raise _bad(f"set {each.number} begins above height {each.since}, {least} to {high} wanted", each.since, least)
        sets.append(each)
    return sets


def _bad(text: str, found: int | bytes | None = None, wanted: int | bytes | None = None) -> Invalid:
    return Invalid(Code.BAD_PROOF, f"step: {text}", found=found, wanted=wanted)
