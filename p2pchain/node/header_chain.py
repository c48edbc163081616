"""Headers that a certificate proves: the ids of final blocks above the last one that this node has executed.

A quorum of confirms on one header proves every header below it, because each names its parent by id.  What is counted
is the set that this node knows, the one above its own final block.  A block can change the set, and no header says how:
so the chain ends with the last header that the known set confirmed, and goes on when that block is executed
(decision 0038).  Nothing becomes final by this alone: `tree` counts the same confirms again, with every set on the way.

Bound: `LINKS_MAX` headers, 200 bytes each, and a certificate for every `STEP_BLOCKS` of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from p2pchain.chain.block import block_id, decode_header
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.schedule import quorum
from p2pchain.chain.types import BlockId, PublicKey
from p2pchain.chain.votes import Certificate, Kind, Subject, decode_certificate

LINKS_MAX = 4_096
STEP_BLOCKS = 8
"""How far one certificate reaches over others that are not looked at: the more blocks wait for one, the slower is each read of the
state, and each costs the signatures of a quorum."""


class HeaderChain:
    """The proven headers above a final block."""

    def __init__(self) -> None:
        self._ids: dict[int, BlockId] = {}
        self._proofs: dict[int, Certificate] = {}
        self.top: Subject | None = None
        """The last of them; None where there is none."""
        self.spacing = STEP_BLOCKS

    def __len__(self) -> int:
        return len(self._ids)

    def id_at(self, height: int) -> BlockId | None:
        return self._ids.get(height)

    def proof_at(self, height: int) -> Certificate | None:
        return self._proofs.get(height)

    def extend(self, links: Sequence[Subject], proofs: Iterable[Certificate]) -> None:
        """Add headers above the top, proven by the last of `proofs`, or by a document that names the last header."""
        self._ids.update((link.height, link.block) for link in links)
        self._proofs.update((proof.subject.height, proof) for proof in proofs)
        self.top = links[-1]

    def drop_until(self, height: int) -> None:
        """What is final here needs no proof any more."""
        while self._ids and (lowest := next(iter(self._ids))) <= height:  # they came in ascending order
            del self._ids[lowest]
            self._proofs.pop(lowest, None)
        if not self._ids:
            self.top = None

    def clear(self) -> None:
        self._ids, self._proofs, self.top = {}, {}, None


class Headers(NamedTuple):
    """An answer, read: headers in a row, and the bytes of the confirms on each."""

    parent: BlockId
    links: Sequence[Subject]
    confirms: Sequence[bytes]


def read_headers(items: Sequence[bytes]) -> Headers | None:
    """The headers of an answer; None where there is none that can be read.

    `Invalid` where they are no chain.  It ends before what cannot be read: another version may be in force there.
    """
    links: list[Subject] = []
    parent: BlockId | None = None
    for raw in items[::2]:
        try:
            header = decode_header(raw)
        except Invalid:
            break
        if links and (header.parent != links[-1].block or header.height != links[-1].height + 1):
            raise Invalid(Code.MALFORMED, f"header {header.height} does not stand on the header before it", found=header.height)
        parent = header.parent if parent is None else parent
        links.append(Subject(header.slot, header.height, block_id(raw)))
    return None if parent is None else Headers(parent, links, items[1::2][: len(links)])


def choose_proofs(headers: Headers, keys: Collection[PublicKey], spacing: int) -> list[Certificate]:
    """The certificates to check: the last one that the set of these keys made, and below it one every `spacing` headers.

    Counted by name alone, so that a signature is checked only where it decides.  With a spacing of 1 none is left out: all
    that there are, up to the first one that is not the set's, which leads over whatever the peer itself was led over.
    """
    if spacing == 1:
        return _all_proofs(headers, keys)
    last = next((place for place in range(len(headers.links) - 1, -1, -1) if _proof(headers, place, keys) is not None), -1)
    chosen: list[Certificate] = []
    wanted = spacing - 1
    for place in range(last + 1):
        proof = _proof(headers, place, keys) if place >= wanted or place == last else None
        if proof is not None:
            chosen.append(proof)
            wanted = place + spacing
    return chosen


def _all_proofs(headers: Headers, keys: Collection[PublicKey]) -> list[Certificate]:
    chosen: list[Certificate] = []
    for place, raw in enumerate(headers.confirms):
        proof = _proof(headers, place, keys)
        if proof is not None:
            chosen.append(proof)
        elif raw:
            break
    return chosen


def _proof(headers: Headers, place: int, keys: Collection[PublicKey]) -> Certificate | None:
    """The confirms on a header, where a quorum of the set is among them."""
    raw = headers.confirms[place]
    if not raw:
        return None
    try:
        proof = decode_certificate(raw)
    except Invalid:
        return None
    is_for_it = proof.kind is Kind.CONFIRM and proof.subject == headers.links[place]
    return proof if is_for_it and len(proof.signatures.keys() & set(keys)) >= quorum(len(keys)) else None
