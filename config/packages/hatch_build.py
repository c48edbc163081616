"""Bakes the commit into what is built: `p2pchain/commit.txt`, which `--version` reads.

A source distribution carries the file, so a wheel that is made of it, without git, has it too.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACE = "p2pchain/commit.txt"


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]
    """Leaves the working copy as it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable" or (root / PLACE).exists():
            return  # a working copy asks git; a source distribution has the file
        baked = Path(self.directory) / "commit.txt"
        baked.parent.mkdir(parents=True, exist_ok=True)
        baked.write_text(_commit(root) + "\n", encoding="ascii")
        build_data["force_include"][str(baked)] = PLACE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - the signature is hatchling's
        (Path(self.directory) / "commit.txt").unlink(missing_ok=True)


def _commit(root: Path) -> str:
    """As `p2pchain.cli.version` asks, which needs more than a build has."""
    if not (root / ".git").exists():
        return "unknown"
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return found.stdout.strip() or "unknown"
