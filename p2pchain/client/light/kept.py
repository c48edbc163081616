"""What a light client keeps between two runs: the point that it trusts, and the newest that it has proven from there.

A small JSON file, replaced as a whole.  Whoever can write it decides what the client believes: it needs no secrecy, but an owner.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from p2pchain.chain.active_set import decode_set, encode_set
from p2pchain.chain.errors import Invalid
from p2pchain.chain.following import Point
from p2pchain.chain.types import HASH_BYTES, BlockId, ChainId, Hash, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.client.answers import Json
from p2pchain.client.light.errors import TrustError
from p2pchain.client.light.reading import ShapeError, bytes_of, object_of, whole_of

FORMAT = 1


class Kept(NamedTuple):
    trusted: Point
    newest: Point
    gap_ms: int
    """The longest time between a point and the moment in which the chain was followed from it."""


def load_kept(path: Path, chain_id: ChainId) -> Kept | None:
    """None where there is no file; `TrustError` where it is another network's or cannot be read."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from None
    try:
        fields = object_of(json.loads(text), "the file")
        found, chain = whole_of(fields.get("format"), "format"), bytes_of(fields.get("chain_id"), "chain_id")
        if found != FORMAT:
            raise _unusable(path, f"it has format {found}, this program reads {FORMAT}")
        if chain != chain_id:
            raise _unusable(path, f"it is of chain {chain.hex()}, {chain_id.hex()} wanted")
        return Kept(_point_of(fields.get("trusted")), _point_of(fields.get("newest")), whole_of(fields.get("gap_ms"), "gap_ms"))
    except (ShapeError, ValueError, RecursionError, Invalid) as error:
        raise _unusable(path, str(error)) from None


def save_kept(path: Path, chain_id: ChainId, kept: Kept) -> None:
    """Durable when it returns, and never half a file."""
    points = {"trusted": _point_json(kept.trusted), "newest": _point_json(kept.newest)}
    fields = {"format": FORMAT, "chain_id": chain_id.hex(), "gap_ms": kept.gap_ms} | points
    beside = path.with_name(path.name + ".new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(json.dumps(fields, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise TrustError(f"{path} cannot be written ({error.strerror}): what was proven is not kept") from None


def _point_json(point: Point) -> Json:
    subject = point.subject
    return {"height": subject.height, "slot": subject.slot, "hash": subject.block.hex(), "set": encode_set(point.above).hex()}


def _point_of(value: object) -> Point:
    fields = object_of(value, "a point")
    block = bytes_of(fields.get("hash"), "hash")
    if len(block) != HASH_BYTES:
        raise ShapeError(f"hash has {len(block)} bytes, {HASH_BYTES} wanted")
    height, slot = Height(whole_of(fields.get("height"), "height")), Slot(whole_of(fields.get("slot"), "slot"))
    return Point(Subject(slot, height, BlockId(Hash(block))), decode_set(bytes_of(fields.get("set"), "set")))


def _unusable(path: Path, why: str) -> TrustError:
    return TrustError(f"{path} cannot be used: {why}; move it away, and the client begins anew from the genesis or a trusted block")
