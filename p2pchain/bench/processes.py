"""What a process has used, as the system counts it (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

from p2pchain.bench.errors import NotMeasured


def resident_mb(pid: int) -> float:
    for line in _read(pid, "status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise NotMeasured(f"process {pid} has no memory any more: it has ended")


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far, all its threads."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")
    except OSError as error:
        raise NotMeasured(f"process {pid} cannot be looked at ({error.strerror}): it has ended, or this system has no /proc") from None
