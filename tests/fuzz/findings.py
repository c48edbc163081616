"""A finding, the file that keeps it, and the command that repeats it."""

from __future__ import annotations

import hashlib
from pathlib import Path

CRASHES = Path(".fuzz-crashes")


class Finding(Exception):  # noqa: N818  (the field's word)
    """An input for which a target's claim does not hold."""

    def __init__(self, target: str, data: bytes, error: BaseException) -> None:
        super().__init__(f"{target}: {type(error).__name__}: {str(error)[:500]}")
        self.target = target
        self.data = data


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def keep(finding: Finding, folder: Path = CRASHES) -> str:
    """Write the input; the command that repeats the finding."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{finding.target}-{name_of(finding.data)}"
    path.write_bytes(finding.data)
    return f"python -m tests.fuzz {finding.target} --replay {path}"
