"""Copies of ledgers that are on disk when they are made: else the first sync of whoever is measured would write the whole copy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def copy_durably(source: Path, target: Path) -> None:
    """All of a folder; `target` may exist."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    for path in target.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
