"""`--version`: which program this is, of which commit, and which protocol it speaks.

A built package carries its commit in `commit.txt`; a working copy asks git.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

from p2pchain import __version__

_PACKAGE = Path(__file__).parent.parent
COMMIT_FILE = "commit.txt"
"""Beside the package's own modules; written by `config/packages/hatch_build.py`."""
_GIT_S = 5.0


def commit_of(package: Path = _PACKAGE) -> str:
    """Short hash, with `+` where files differ from it; `unknown` where nobody knows."""
    try:
        return (package / COMMIT_FILE).read_text(encoding="ascii").strip() or "unknown"
    except FileNotFoundError:
        return _asked_of_git(package.parent)


def version_line() -> str:
    from p2pchain.chain.terms import PROTOCOL  # noqa: PLC0415 - the rules, which `--help` need not load
    from p2pchain.wire.messages import PROTOCOL_VERSION  # noqa: PLC0415

    return f"p2pchain {__version__} (commit {commit_of()}, protocol {PROTOCOL_VERSION} on links, {PROTOCOL} in blocks)"


def _asked_of_git(root: Path) -> str:
    # only of this very tree: an installed package may lie inside of somebody else's repository
    if not (root / ".git").exists():
        return "unknown"
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_S, check=False)  # noqa: S603 - no input of others
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"


def print_version(context: click.Context, _parameter: click.Parameter, value: object) -> None:
    """The callback of the option."""
    if value and not context.resilient_parsing:
        click.echo(version_line())
        context.exit()
