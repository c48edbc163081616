"""What the node tells the service manager: ready, a line of status, still alive, about to stop.

The protocol of sd_notify(3): one datagram of `KEY=value` lines to `$NOTIFY_SOCKET`, a path or, with a leading `@`, an
abstract name. Without a socket every call does nothing. A message that cannot be delivered is dropped: a node does not
stop signing blocks because nobody listens, and the watchdog of a real service manager notices the silence.
"""

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceManager:
    address: str | None
    """Where messages go: a path or `@name`; None: nowhere."""

    watchdog_interval_s: float | None
    """How often `watchdog` is to be called: half of what the service manager tolerates. None: it does not watch."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "ServiceManager":
        address = environ.get("NOTIFY_SOCKET", "")
        # vsock: and relative paths are of no use here
        is_usable = address.startswith(("/", "@")) and len(address) > 1
        return cls(address if is_usable else None, _watchdog_interval_s(environ) if is_usable else None)

    def ready(self, status: str) -> None:
        self._send("READY=1", f"STATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        self._send(f"STATUS={_one_line(text)}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        flags = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        # not blocking: a full buffer at the other end must not stop the loop
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, flags) as sender:
            sender.sendto("\n".join(lines).encode(), address)


def _watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None  # meant for another process, whose environment we inherited
    tolerated_us = environ.get("WATCHDOG_USEC", "")
    return int(tolerated_us) / 2_000_000 if tolerated_us.isdecimal() and int(tolerated_us) > 0 else None


def _one_line(text: str) -> str:
    # a line break would begin a new assignment
    return " ".join(text.split())
