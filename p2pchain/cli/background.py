"""Node processes: starting them, telling whether they live, ending them.  Never by name, always by a checked pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from p2pchain.cli.failures import Failure
from p2pchain.config import Home

STOP_S = 10.0
"""A node promises to end within 5 s of SIGTERM."""
_POLL_FIRST_S = 0.02
_POLL_MOST_S = 0.2
_LOG_BYTES = 4_096
_LOG_LINES = 5


def log_file(home: Home) -> Path:
    return home.data / "node.log"


def pid_file(home: Home) -> Path:
    return home.data / "node.pid"


def spawn_node(
    home: Home, arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None, *, under: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """`p2pchain run` in a session of its own, so that no terminal's Ctrl-C or hang-up reaches it; output to the log file.

    `under` are words for the interpreter that run it under a profiler.
    """
    command = [sys.executable, *under, "-m", "p2pchain", "run", "--home", str(home.path), *arguments]
    log_file(home).parent.mkdir(parents=True, exist_ok=True)
    with log_file(home).open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environ)  # noqa: S603 - ourselves


def is_node(pid: int | None, home: Home) -> bool:
    """Whether this process lives and is the node of this home: pids are used again, and a dead child keeps its own for a while."""
    arguments = _command_line(pid) if pid else ()
    return "run" in arguments and str(home.path) in arguments


def read_pid(home: Home) -> int | None:
    """The node's pid as it wrote it, if that process is really this node."""
    try:
        pid = int(pid_file(home).read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if is_node(pid, home) else None


def send_signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_for_end(pid: int, home: Home, timeout_s: float) -> bool:
    """Whether the process ended in time."""
    deadline, pause_s = time.monotonic() + timeout_s, _POLL_FIRST_S
    while is_node(pid, home):
        if time.monotonic() >= deadline:
            return False
        # A process that is not our child tells nobody that it ended: all one can do is look again.
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _POLL_MOST_S)
    return True


def last_log_lines(home: Home) -> str:
    """The end of the log, for a node that did not live."""
    try:
        content = log_file(home).read_bytes()[-_LOG_BYTES:]
    except OSError:
        return ""
    return "\n".join(content.decode("utf-8", "replace").splitlines()[-_LOG_LINES:])


def died_early(name: str, home: Home, exit_code: int | None) -> Failure:
    lines = last_log_lines(home)
    return Failure(f"{name} ended with exit status {exit_code}; its log ({log_file(home)}) ends:\n{lines}")


def _command_line(pid: int) -> Sequence[str]:
    try:
        content = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return _command_line_by_ps(pid) if not Path("/proc/self").exists() else ()
    except OSError:
        return ()
    return content.decode("utf-8", "surrogateescape").split("\0")


def _command_line_by_ps(pid: int) -> Sequence[str]:
    """For systems without /proc."""
    found = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return found.stdout.split()
