"""The corpus in the repository: for each target a folder of small files, each of which reaches something of its own.

Which ones stay is decided by the lines of p2pchain that they reach and by what the target says of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.engine import execute
from tests.fuzz.findings import name_of
from tests.fuzz.target import Target

FOLDER = Path(__file__).parent / "corpus"
FILES_MAX = 24
FILE_BYTES_MAX = 6_000
_PRODUCT = str(Path(__file__).parents[2] / "p2pchain")


def read_folder(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()] if folder.is_dir() else []


def load(target: Target) -> list[bytes]:
    return read_folder(FOLDER / target.name)


def minimise(target: Target, inputs: Iterable[bytes]) -> list[bytes]:
    """The smallest inputs that reach what all of them reach, as far as `FILES_MAX` of them do; lines come before words."""
    seen: set[object] = set()
    for seed in target.seeds():
        seen |= reach(target, seed)
    ordered = sorted({data for data in inputs if len(data) <= FILE_BYTES_MAX}, key=lambda item: (len(item), item))
    reached = {data: reach(target, data) for data in ordered}
    kept: list[bytes] = []
    for kind in (tuple, str):
        for data in ordered:
            new = {item for item in reached[data] - seen if isinstance(item, kind)}
            if new and len(kept) < FILES_MAX:
                seen |= reached[data]
                kept.append(data)
    return kept


def replace(target: Target, inputs: Iterable[bytes]) -> None:
    folder = FOLDER / target.name
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for data in inputs:
        (folder / name_of(data)).write_bytes(data)


def reach(target: Target, data: bytes) -> set[object]:
    """The lines of p2pchain that an input reaches, and what the target says of it."""
    lines: set[object] = set()

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(_PRODUCT):
            return None
        if event == "line":
            lines.add((code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        word = execute(target._replace(cpu_s_max=60), data)
    finally:
        sys.settrace(before)
    return lines | {word}
