"""A home whose old blocks were pruned: what can still be checked of it.

Without the old blocks nobody can build the state up from the genesis, so nothing is executed.  What is left of them are headers
and the confirms on each: hashes, links, heights and signatures.  Whole blocks are checked but for their execution.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from p2pchain.care.blocks import Found, checked, read_finals
from p2pchain.care.problem import wrong
from p2pchain.care.signatures import SignatureWorkers, Signed
from p2pchain.chain.block import Header, block_id, decode_header
from p2pchain.chain.crypto import SignatureCheck
from p2pchain.chain.errors import Invalid
from p2pchain.chain.outcomes import failures_in
from p2pchain.chain.types import BlockId
from p2pchain.chain.votes import Subject
from p2pchain.node.replay import Replay
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.inspection import Inspection, StoredFinal
from p2pchain.storage.layout import decode_record, decode_rows


class Remains(NamedTuple):
    """What is left of a pruned block."""

    stored: StoredFinal
    header: Header


class Kept(NamedTuple):
    """A store that was pruned, how it is read and whether its signatures are checked."""

    inspection: Inspection
    replay: Replay
    workers: SignatureWorkers
    quick: bool

    def headers(self, heights: range) -> Iterator[tuple[Remains, int]]:
        """Each with how many signatures were checked on it; `ProblemError` at the first that is not sound."""
        items = (_read(stored, self.replay, quick=self.quick) for stored in self.inspection.finals(heights))
        for remains, answers in self.workers.check(items):
            if not all(answers):
                words = f"confirm {answers.index(False)} on it is not its signer's"
                raise wrong("certificate", words, "signatures on this block wanted", height=remains.stored.height)
            yield remains, len(answers)

    def blocks(self, heights: range) -> Iterator[tuple[Found, int]]:
        """Whole blocks, with what the log says beside them as far as that follows from the header."""
        items = read_finals(self.inspection.finals(heights), self.replay)
        if self.quick:
            found = ((item.value, 0) for item in items)
        else:
            found = ((sound.found, sound.signatures) for sound in checked(items, self.workers))
        for each in found:
            _check_log(each[0])
            yield each


def _read(stored: StoredFinal, replay: Replay, *, quick: bool) -> Signed[Remains]:
    height = stored.height
    try:
        header = decode_header(stored.header)
    except Invalid as refusal:
        raise wrong("block", str(refusal), "the header of a pruned block wanted", height=height) from refusal
    found = block_id(stored.header)
    if found != stored.block:
        raise wrong("block", f"its hash is {found.hex()}", f"{stored.block.hex()} wanted, by its height", height=height)
    if header.height != height or stored.named_height != height:
        raise wrong("store", f"it says height {header.height}, its id leads to {stored.named_height}", f"{height} wanted", height=height)
    checks = _checks(stored, header, replay)
    return Signed(Remains(stored, header), () if quick else checks)


def _checks(stored: StoredFinal, header: Header, replay: Replay) -> list[SignatureCheck]:
    try:
        return replay.read_confirms(Subject(header.slot, header.height, BlockId(stored.block)), stored.confirms)[1]
    except Invalid as refusal:
        raise wrong("certificate", str(refusal), "a certificate that can be read wanted", height=stored.height) from refusal


def _check_log(found: Found) -> None:
    stored, height = found.stored, found.stored.height
    try:
        record = decode_record(stored.value, stored.key)
        rows = decode_rows(record.rows, stored.key)
    except DamagedStore as error:
        raise wrong("state", str(error).partition(";")[0], "rows that can be read wanted", height=height) from error
    wanted = found.block.header.state_root
    if record.state_root != wanted:
        raise wrong("state", f"the log says root {record.state_root.hex()}", f"{wanted.hex()} wanted", height=height)
    if record.failed != failures_in(rows):
        raise wrong("state", "the log names other failed transactions", "those that its rows name wanted", height=height)
