"""Final blocks as they come from a disk or a file: decoded, in order, their signatures checked ahead in other processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from p2pchain.care.problem import ProblemError, wrong
from p2pchain.care.signatures import SignatureWorkers, Signed
from p2pchain.chain.block import Block
from p2pchain.chain.crypto import Verified, attest
from p2pchain.chain.errors import Invalid
from p2pchain.chain.votes import Certificate, Subject
from p2pchain.node.replay import Replay
from p2pchain.storage.errors import DamagedStore, StorageError
from p2pchain.storage.inspection import StoredFinal
from p2pchain.storage.layout import decode_record


class Found(NamedTuple):
    """A stored block that names itself rightly."""

    stored: StoredFinal
    block: Block
    confirms: Certificate | None


class Sound(NamedTuple):
    """The same with every signature checked."""

    found: Found
    block: Verified[Block]
    confirms: Verified[Certificate] | None
    signatures: int


def read_finals(stored: Iterable[StoredFinal], replay: Replay) -> Iterator[Signed[Found]]:
    return (read_found(item, replay) for item in stored)


def read_found(stored: StoredFinal, replay: Replay) -> Signed[Found]:
    """What lies at a height, decoded; `ProblemError` where it is not there, not whole, or another block than its name says."""
    height = stored.height
    if stored.header:
        raise wrong("block", "it was pruned while this went on", "a whole block wanted", todo="run it again", height=height)
    if not stored.value:
        raise wrong("block", "nothing is stored", "a final block wanted", height=height)
    try:
        block, checks = replay.read(decode_record(stored.value, stored.key).raw)
    except DamagedStore as error:
        raise wrong("block", str(error).partition(";")[0], "a whole record wanted", height=height) from error
    except Invalid as refusal:
        raise wrong("block", str(refusal), "a block that can be read wanted", height=height) from refusal
    if block.id != stored.block:
        raise wrong("block", f"its hash is {block.id.hex()}", f"{stored.block.hex()} wanted, by its height", height=height)
    if block.header.height != height:
        raise wrong("block", f"it says height {block.header.height}", f"{height} wanted, by its place", height=height)
    if stored.named_height != height:
        found = "nothing" if stored.named_height is None else f"height {stored.named_height}"
        raise wrong("store", f"its id leads to {found}", f"{height} wanted", height=height)
    try:
        confirms, of_confirms = replay.read_confirms(Subject(block.header.slot, block.header.height, block.id), stored.confirms)
    except Invalid as refusal:
        raise wrong("certificate", str(refusal), "a certificate that can be read wanted", height=height) from refusal
    return Signed(Found(stored, block, confirms), checks + of_confirms)


def checked(items: Iterable[Signed[Found]], workers: SignatureWorkers) -> Iterator[Sound]:
    """Each with its signatures checked; `ProblemError` at the first that is not sound, whoever was read ahead."""
    for found, answers in workers.check(_until_wrong(items)):
        if isinstance(found, ProblemError | StorageError):
            raise found
        yield attested(found, answers)


def _until_wrong(items: Iterable[Signed[Found]]) -> Iterator[Signed[Found | ProblemError | StorageError]]:
    """Reading runs ahead of checking: what goes wrong in it is told when all before it was found sound."""
    try:
        for found, checks in items:
            yield Signed(found, checks)
    except (ProblemError, StorageError) as error:
        yield Signed(error, ())


def attested(found: Found, answers: list[bool]) -> Sound:
    """Those of the certificate come last."""
    ours = len(found.confirms.signatures) if found.confirms is not None else 0
    of_block, of_confirms = answers[: len(answers) - ours], answers[len(answers) - ours :]
    block = attest(found.block, of_block)
    if block is None:
        bad = of_block.index(False)
        raise wrong("signature", _whose(found.block, bad), "the signature of who is named wanted", height=found.stored.height)
    if found.confirms is None:
        return Sound(found, block, None, len(answers))
    confirms = attest(found.confirms, of_confirms)
    if confirms is None:
        voter = list(found.confirms.signatures)[of_confirms.index(False)]
        raise wrong("certificate", f"the confirm of {voter.hex()} is not its signature", "its own wanted", height=found.stored.height)
    return Sound(found, block, confirms, len(answers))


def _whose(block: Block, place: int) -> str:
    """In the order of `Intake.read_block`: header, carried certificate, transactions."""
    if place == 0:
        return f"the header is not signed by {block.header.producer.hex()}"
    carried = list(block.certificate.signatures) if block.certificate is not None else []
    if place <= len(carried):
        return f"the vote of {carried[place - 1].hex()} that it carries is not its signature"
    return "a transaction in it is not signed by its sender"
