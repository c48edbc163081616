"""One network namespace: commands in it, processes in it, and this thread in it for the length of a `with`."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
END_S = 10.0
_libc = ctypes.CDLL(None, use_errno=True)


class Space:
    """Made by `make`; `close` ends the processes that were started here and removes it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._children: list[subprocess.Popen[bytes]] = []
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    @property
    def etc(self) -> Path:
        """What lies here is seen as /etc by processes that are started in the namespace."""
        return Path("/etc/netns") / self.name

    def ip(self, *arguments: str) -> None:
        run("ip", "-n", self.name, *arguments)

    def run(self, *command: str) -> str:
        return run("ip", "netns", "exec", self.name, *command)

    def nft(self, *lines: str) -> None:
        for line in lines:
            self.run("nft", *line.split())

    def start(self, arguments: Sequence[str], log: Path, *, speaks: bool = False) -> "subprocess.Popen[bytes]":
        """A Python module of ours; `speaks` gives its standard input and output to the caller."""
        command = ["ip", "netns", "exec", self.name, sys.executable, "-m", *arguments]
        pipe = subprocess.PIPE if speaks else subprocess.DEVNULL
        with log.open("ab") as file:
            child = subprocess.Popen(command, stdin=pipe, stdout=subprocess.PIPE if speaks else file, stderr=file, env=_environment())
        self._children.append(child)
        return child

    def end(self, child: "subprocess.Popen[bytes]") -> None:
        """SIGTERM, and SIGKILL where that does not help."""
        child.terminate()
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(END_S)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        self._children.remove(child)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread opens meanwhile belong to the namespace, and stay in it."""
        with Path("/proc/thread-self/ns/net").open("rb") as home, Path(f"/var/run/netns/{self.name}").open("rb") as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def close(self) -> None:
        for child in list(self._children):
            self.end(child)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)
        shutil.rmtree(self.etc, ignore_errors=True)


def run(*command: str) -> str:
    """What it printed; an error says what it said."""
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, f"{' '.join(command)}: {found.stderr.strip()}"
    return found.stdout


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("P2PCHAIN_")}
