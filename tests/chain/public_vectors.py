"""The public vectors that lie beside the repository in a developer's workspace; a plain clone has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"


def load_vectors(name: str) -> Any:
    """The content of a file, or a skipped test with the reason."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{name} is not here: public vectors are read from ../shared/vectors beside the repository")
    return json.loads(path.read_text(encoding="utf-8"))
