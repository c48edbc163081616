"""A home's chain from a file of exported blocks: everything in it is checked as in a catch-up, by the same door.

The new store is made beside, from nothing or from a copy of the home's own, and takes its place when the last line was found sound.
So a file that is refused, for whatever line, leaves the home as it was.  What the home has already is never given up: the file must
hold the same blocks there, and more above.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

from p2pchain.care.blocks import Found, checked
from p2pchain.care.columns import BLOCKS, block_row
from p2pchain.care.exporting import Heights, blocks_head
from p2pchain.care.problem import ProblemError
from p2pchain.care.rebuilding import Rebuilding, put_in_place, rebuilding, work_folder
from p2pchain.care.signatures import SignatureWorkers, Signed
from p2pchain.care.sinks import json_row
from p2pchain.care.verification import Tick
from p2pchain.chain.block import BYTES_CEILING, Envelope, decode_envelope
from p2pchain.chain.errors import Invalid, Refusal, shown
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.votes import CERTIFICATE_BYTES_MAX, Subject
from p2pchain.storage.durable import ProcessLock, make_folder
from p2pchain.storage.environment import NAME
from p2pchain.storage.errors import mapped
from p2pchain.storage.inspection import StoredFinal, inspect

LINE_BYTES_MAX = 2 * (BYTES_CEILING + CERTIFICATE_BYTES_MAX) + 4_096
"""A block and its certificate in hex, and their other columns."""
REPLACED = "replaced"


class ImportRefusedError(Exception):
    """Why the file is not taken, in one line that names the line of the file; the home is as it was."""


class Imported(NamedTuple):
    before: int
    """Last final height of the home as it was."""
    final: int
    aside: Path | None
    """The store that the home had before; it may be removed."""


class Line(NamedTuple):
    number: int
    envelope: Envelope
    certificate: bytes


def import_blocks(path: Path, data_dir: Path, genesis: Genesis, recoveries: Recoveries, workers: SignatureWorkers, tick: Tick) -> Imported:
    """`ImportRefusedError` where anything in the file is not right; `HomeInUse` while a node runs."""
    with ExitStack() as stack:
        with mapped("opening the data folder", data_dir):
            make_folder(data_dir)
        stack.callback(ProcessLock(data_dir / "lock").release)
        file = stack.enter_context(_opened(path))
        heights = _read_head(path, file, genesis)
        before = _final_height(data_dir, genesis)
        if heights.last <= before:
            raise _refused(path, 1, f"it ends with block {heights.last}, this home has all up to {before}: it is older than what is here")
        if heights.first > before + 1:
            raise _refused(path, 1, f"it begins with block {heights.first}, this home has blocks up to {before}: {before + 1} is wanted")
        folder = stack.enter_context(work_folder(data_dir))
        if (data_dir / NAME).exists():
            _copy(data_dir, folder, genesis)
        _build(path, file, heights, folder, genesis, recoveries, workers, tick)
        return Imported(before, heights.last, put_in_place(folder, data_dir, REPLACED))


def _build(
    path: Path,
    file: IO[bytes],
    heights: Heights,
    folder: Path,
    genesis: Genesis,
    recoveries: Recoveries,
    workers: SignatureWorkers,
    tick: Tick,
) -> None:
    with rebuilding(folder, genesis, recoveries) as work:
        lines = _lines(path, file, heights, genesis)
        number = 1
        try:
            for sound in checked(_new_ones(path, lines, work), workers):
                number = sound.found.stored.height - heights.first + 2
                work.take(sound)
                tick("blocks", len(sound.found.block.raw))
        except ProblemError as error:
            height = error.problem.height
            line = number + 1 if height is None else height - heights.first + 2
            raise _refused(path, line, f"{error.problem.found}; {error.problem.wanted}") from error
        except Refusal as refusal:
            raise _refused(path, number, str(refusal)) from refusal
        if work.final != heights.last:
            line = work.final - heights.first + 3
            raise _refused(path, line, f"no certificate in the file proves the blocks from height {work.final + 1} on final")


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise ImportRefusedError(f"{path} cannot be read: {error.strerror}") from error


def _read_head(path: Path, file: IO[bytes], genesis: Genesis) -> Heights:
    """What the file says that it holds; its other words must be those of this network."""
    head = _object(path, 1, file.readline(LINE_BYTES_MAX))
    heights = Heights(*(_whole(path, head, name) for name in ("from", "to")))
    for name, wanted in blocks_head(genesis, heights).items():
        if head.get(name) != wanted:
            found = "nothing" if name not in head else shown(head[name])
            what = "it is of another chain: " if name == "chain_id" else ""
            raise _refused(path, 1, f"{what}`{name}` is {found}, {wanted} wanted")
    return heights


def _whole(path: Path, head: Mapping[str, object], name: str) -> int:
    value = head.get(name)
    if type(value) is not int or value < 1:
        raise _refused(path, 1, f"`{name}` is {shown(value)}, a height wanted: this is no file of `p2pchain export blocks`")
    return value


def _lines(path: Path, file: IO[bytes], heights: Heights, genesis: Genesis) -> Iterator[Line]:
    """Blocks in order, each of whose columns says what the block says; exactly as many as the head names."""
    spec = genesis.spec()
    for number, height in enumerate(range(heights.first, heights.last + 1), start=2):
        text = file.readline(LINE_BYTES_MAX)
        if not text:
            raise _refused(path, number, f"the file ends, and block {height} of {heights.last} is not there: it was cut short")
        found = _object(path, number, text)
        try:
            raw, certificate = (bytes.fromhex(str(found.get(name))) for name in ("raw", "certificate"))
            envelope = decode_envelope(raw)
        except (ValueError, Invalid) as error:
            raise _refused(path, number, f"`raw` or `certificate` cannot be read ({error})") from error
        wanted = json_row(block_row(envelope, certificate, spec), BLOCKS)
        for name, value in wanted.items():
            if found.get(name) != value:
                raise _refused(path, number, f"`{name}` is {shown(found.get(name))}, the block itself says {shown(value)}")
        if envelope.header.height != height:
            raise _refused(path, number, f"it holds block {envelope.header.height}, {height} wanted here")
        yield Line(number, envelope, certificate)
    if file.read(1):
        raise _refused(path, heights.last - heights.first + 3, f"there is more, block {heights.last} should be the last")


def _object(path: Path, number: int, text: bytes) -> dict[str, object]:
    if not text.endswith(b"\n"):
        raise _refused(path, number, "the line has no end: the file was cut short")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(path, number, "it is no JSON") from error
    if not isinstance(content, dict):
        raise _refused(path, number, "it is no object")
    return content


def _new_ones(path: Path, lines: Iterator[Line], work: Rebuilding) -> Iterator[Signed[Found]]:
    """Lines above what the home has; below they must name the same blocks."""
    before = work.final
    for line in lines:
        height, block = line.envelope.header.height, line.envelope.id
        if height <= before:
            if work.final_height(block) != height:
                raise _refused(path, line.number, f"another block than {block.hex()} is final at height {height} in this home")
            continue
        try:
            found, checks = work.replay.read(line.envelope.raw)
            confirms, of_confirms = work.replay.read_confirms(Subject(found.header.slot, found.header.height, found.id), line.certificate)
        except Invalid as refusal:
            raise _refused(path, line.number, str(refusal)) from refusal
        yield Signed(Found(StoredFinal(height, block, b"", line.certificate, height), found, confirms), checks + of_confirms)


def _final_height(data_dir: Path, genesis: Genesis) -> int:
    if not (data_dir / NAME).exists():
        return 0
    with inspect(data_dir, genesis) as inspection, inspection.snapshot() as snapshot:
        return snapshot.final.height


def _copy(data_dir: Path, folder: Path, genesis: Genesis) -> None:
    """The home's own store, to be built upon; unfinal blocks, on which delegates may be locked, come along."""
    with inspect(data_dir, genesis) as inspection:
        inspection.copy_to(folder / NAME)


def _refused(path: Path, line: int, why: str) -> ImportRefusedError:
    return ImportRefusedError(f"{path}, line {line}: {why}; the home is as it was")
