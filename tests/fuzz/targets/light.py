"""What a light client reads of nodes that nobody trusts, and of files: sets, steps, answers, proofs, and what it kept itself."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from p2pchain.chain.active_set import decode_set, encode_set
from p2pchain.chain.codec import decode_byte_strings, encode
from p2pchain.chain.errors import Invalid
from p2pchain.chain.finality_proof import FinalityProof
from p2pchain.chain.following import Step, follow
from p2pchain.chain.merkle import merkle_path
from p2pchain.chain.proof_files import encode_proof
from p2pchain.chain.transaction_proofs import TransactionProof
from p2pchain.chain.types import ChainId
from p2pchain.client import TrustError
from p2pchain.client.errors import NodeError
from p2pchain.client.event_reading import EventReading, LineSplitter
from p2pchain.client.light.bundle import Bundle, BundleError, loads_bundle
from p2pchain.client.light.contents import transaction_in
from p2pchain.client.light.kept import Kept, load_kept, save_kept
from tests.fuzz.claims import is_canonical, read, told
from tests.fuzz.mutation.formats import mutate_json, mutate_msgpack
from tests.fuzz.target import Target
from tests.vectors.following import point_at, refused_steps, step_between
from tests.vectors.world import CHAIN_ID, GENESIS, SPEC, chain

CHAIN = ChainId(CHAIN_ID)


def _check_set(data: bytes) -> str:
    found = read(decode_set, data, Invalid)
    if isinstance(found, str):
        return found
    is_canonical(encode_set(found), data)
    return f"accepted {min(len(found.keys), 5)} keys"


def _sets() -> list[bytes]:
    return [encode_set(made.schedule.active_set) for made in chain()]


def _check_step(data: bytes) -> str:
    """A step is three kinds of foreign bytes; here they come in one array."""
    try:
        (header, certificate), sets = decode_byte_strings(data, what="step", heads=2, bytes_max=1 << 20, items_max=512)
        point = follow(point_at(0), Step(header, certificate, tuple(sets)), CHAIN)
    except Invalid as refusal:
        return told(refusal)
    reached = chain()[point.subject.height]
    assert (point.subject, point.above) == (reached.subject, reached.schedule.active_set), "a block that is not final was proven"
    return f"accepted, leads to {point.subject.height}"


def _steps() -> list[bytes]:
    steps = [step_between(0, height) for height in range(1, len(chain()))] + [step for _, start, step, _ in refused_steps() if start == 0]
    return [encode((step.header, step.certificate, step.sets)) for step in steps]


def _check_bundle(data: bytes) -> str:
    """What is proven by a file is in the chain, whatever the file says."""
    try:
        bundle = loads_bundle(data.decode("utf-8", "replace"))
        shown = transaction_in(bundle.verify(GENESIS, ()), bundle.proof, SPEC)
    except (BundleError, TrustError, Invalid) as refusal:
        return told(refusal, letters_max=1_000, is_judged=False)
    block = chain()[shown.at.height].block
    assert block is not None
    assert block.transactions[shown.position].id == shown.transaction.id, "a transaction that is in no block was proven"
    return "accepted"


def _bundles() -> list[bytes]:
    block = chain()[1].block
    assert block is not None
    ids = [transaction.id for transaction in block.transactions]
    step = step_between(0, 1)
    finality = FinalityProof((step.header,), step.certificate)
    proof = TransactionProof(finality, block.transactions[1].raw, 1, len(ids), merkle_path(ids, 1))
    whole = Bundle(CHAIN, None, (step,), proof)
    assert encode_proof(proof), "it has an encoding"
    return [whole.dumps().encode(), b"[" * 3_000, b"{}", b"null", b'{"format": 1e999}', b'{"format": 1, "steps": [1]}']


def _check_kept(data: bytes) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "light.json"
        path.write_bytes(data)
        try:
            kept = load_kept(path, CHAIN)
        except TrustError as refusal:
            return told(str(refusal).replace(folder, ""), letters_max=1_000, is_judged=False)
        assert kept is not None
        save_kept(path, CHAIN, kept)
        assert load_kept(path, CHAIN) == kept
    return "accepted"


def _kept() -> list[bytes]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "light.json"
        save_kept(path, CHAIN, Kept(point_at(0), point_at(4), 7))
        return [path.read_bytes(), b"[" * 3_000, b"[]", b'{"format": 1}']


def _check_events(data: bytes) -> str:
    """Heights of final blocks only grow, whatever a node says."""
    lines, reading, heights = LineSplitter(), EventReading(3), [2]
    try:
        for line in lines.feed(data):
            event = reading.read(line)
            if event is not None and event["type"] == "block_final":
                heights.append(event["height"])
    except NodeError as refusal:
        return told(refusal, letters_max=1_000, is_judged=False)
    assert heights == sorted(set(heights)), "a final block came twice"
    return f"accepted {min(len(heights), 4)} blocks"


def _events() -> list[bytes]:
    blocks = b"".join(b"id: %d\ndata: %s\n\n" % (h, json.dumps({"type": "block_final", "height": h}).encode()) for h in (3, 4, 4, 6))
    end = json.dumps({"type": "end", "code": "too_slow", "message": "", "resume_from_height": 9}).encode()
    return [blocks, blocks + b"data: " + end + b"\n\n" + blocks, b"data: []\n", b"data: " + b"[" * 3_000 + b"\n", b'data: {"type": "x"}\n']


TARGETS = (
    Target("active-set", "a set with one encoding, or Invalid", _check_set, _sets, mutate_msgpack),
    Target("step", "a final block of the chain, or Invalid", _check_step, _steps, mutate_msgpack),
    Target("proof-bundle", "a transaction of the chain, or a ClientError", _check_bundle, _bundles, mutate_json, 16_384),
    Target("light-kept", "two points, or TrustError", _check_kept, _kept, mutate_json, 8_192),
    Target("event-stream", "heights that grow, or NodeError", _check_events, _events),
)
