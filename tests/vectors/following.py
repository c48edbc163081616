"""Steps over the chain of the vectors, from the genesis to each of its blocks, through both changes of its set."""

from __future__ import annotations

from collections.abc import Iterator

from p2pchain.chain.active_set import ActiveSet, encode_set
from p2pchain.chain.block import encode_header
from p2pchain.chain.following import Point, Step
from p2pchain.chain.votes import Certificate, Kind, make_certificate
from tests.vectors.showing import Json
from tests.vectors.world import CHAIN_ID, Made, certify, chain


def following_file() -> Json:
    made = chain()
    steps = [(f"from height {i} to {j}", i, j) for i in range(len(made)) for j in range(i + 1, len(made))]
    return {
        "chain_id": CHAIN_ID.hex(),
        "sets": [_set_json(each.schedule.active_set) for each in _changes(made)],
        "points": [_point_json(point_at(height)) for height in range(len(made))],
        "steps": [{"name": name, "from": i, "to": j} | _step_json(step_between(i, j)) for name, i, j in steps],
        "invalid": [{"name": name, "from": start, "code": code} | _step_json(step) for name, start, step, code in refused_steps()],
    }


def point_at(height: int) -> Point:
    made = chain()[height]
    return Point(made.subject, made.schedule.active_set)


def step_between(low: int, high: int) -> Step:
    """Confirmed by a quorum of every set that governs a block on the way."""
    made = chain()
    header = _header(made[high])
    governing = [each.schedule for each in made[low:high]]
    signatures = {key: value for each in governing for key, value in certify(Kind.CONFIRM, made[high].subject, each).signatures.items()}
    certificate = make_certificate(Kind.CONFIRM, made[high].subject, signatures)
    return Step(header, certificate.raw, _sets_between(low, high))


def refused_steps() -> Iterator[tuple[str, int, Step, str]]:
    made = chain()
    changed = next(height for height in range(1, len(made)) if _sets_between(0, height))
    whole, above = step_between(0, changed), step_between(0, changed + 1)
    yield "the new set is left out", 0, whole._replace(sets=()), "bad_proof"
    yield "the new set twice", 0, whole._replace(sets=whole.sets * 2), "bad_proof"
    old, new = made[0].schedule, made[changed].schedule
    only_new = certify(Kind.CONFIRM, made[changed + 1].subject, new)
    only_old = certify(Kind.CONFIRM, made[changed + 1].subject, old)
    yield "confirmed by the new set alone", 0, above._replace(certificate=_without(only_new, old.active_set).raw), "bad_proof"
    yield "confirmed by the old set alone", 0, above._replace(certificate=_without(only_old, new.active_set).raw), "bad_proof"
    yield "votes", 0, whole._replace(certificate=certify(Kind.VOTE, made[changed].subject, old).raw), "bad_proof"
    yield "confirms of another block", 0, whole._replace(certificate=certify(Kind.CONFIRM, made[1].subject, old).raw), "bad_proof"
    yield "backwards", 2, step_between(0, 1), "bad_proof"
    block = made[changed].block
    assert block is not None
    forged = encode_header(block.header._replace(set_id=made[0].schedule.set_id))
    yield "a header that names the set before", 0, Step(forged, whole.certificate, ()), "bad_proof"
    spoiled = whole.certificate[:-1] + bytes((whole.certificate[-1] ^ 1,))
    yield "a signature that is none", 0, whole._replace(certificate=spoiled), "bad_signature"
    yield "a set in descending order", 0, whole._replace(sets=(_descending(new.active_set),)), "malformed"


def _descending(active: ActiveSet) -> bytes:
    return encode_set(active._replace(keys=active.keys[::-1]))


def _without(certificate: Certificate, active: ActiveSet) -> Certificate:
    """Less one signer that the set has, so that it lacks a quorum there."""
    keys = [key for key in certificate.signatures if key in active.keys]
    kept = {key: value for key, value in certificate.signatures.items() if key not in keys[:1]}
    return make_certificate(certificate.kind, certificate.subject, kept)


def _changes(made: tuple[Made, ...]) -> list[Made]:
    return [each for place, each in enumerate(made) if not place or each.schedule.set_id != made[place - 1].schedule.set_id]


def _sets_between(low: int, high: int) -> tuple[bytes, ...]:
    changed = [each.schedule.active_set for each in _changes(chain())]
    return tuple(encode_set(each) for each in changed if low < each.since <= high)


def _header(made: Made) -> bytes:
    assert made.block is not None, "the genesis has no header"
    return made.block.header_raw


def _step_json(step: Step) -> Json:
    return {"header": step.header.hex(), "certificate": step.certificate.hex(), "sets": [each.hex() for each in step.sets]}


def _point_json(point: Point) -> Json:
    slot, height, block = point.subject
    return {"slot": slot, "height": height, "block": block.hex(), "set": encode_set(point.above).hex()}


def _set_json(active: ActiveSet) -> Json:
    return {
        "number": active.number,
        "since": active.since,
        "before": active.before.hex(),
        "keys": [key.hex() for key in active.keys],
        "raw": encode_set(active).hex(),
        "id": active.id.hex(),
    }
