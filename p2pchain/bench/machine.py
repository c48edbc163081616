"""What a figure was measured on: machine, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from p2pchain import __version__

Described = dict[str, str | int | float]
_PACKAGES = ("pynacl", "lmdb", "msgpack", "trio", "hypercorn")


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine() -> Described:
    """The load is the machine's average of the last minute before the run: what was going on beside it."""
    versions = " ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_mb": _memory_mb(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": f"p2pchain {__version__} {versions}",
    }


def commit() -> str:
    """Of the working copy that this program runs from, `+` where it is changed; empty for an installed one."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return ""
    found = _git(folder, "rev-parse", "--short=12", "HEAD")
    return found + "+" if found and _git(folder, "status", "--porcelain", "--untracked-files=no") else found


def _git(folder: Path, *words: str) -> str:
    try:
        found = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
