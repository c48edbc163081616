"""Free ports on loopback for nodes that are about to start.

They lie below the range from which the system takes ports for outgoing connections: a node that dials a stopped
neighbour again and again could otherwise be given that neighbour's own port, and connect to itself.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from p2pchain.cli.failures import Failure

HOST = "127.0.0.1"
_LOWEST = 10_000
_TRIES_MAX = 2_000
_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_OUTGOING_DEFAULT = 32_768


@contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """That many free ports.  They stay bound, without listening, until the end: nobody else is given them meanwhile."""
    with ExitStack() as stack:
        yield [_reserve(stack) for _ in range(count)]


def is_free(port: int) -> bool:
    """Whether a node could listen there; what is left of its own old connections does not hinder it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _binds(probe, port)


def _reserve(stack: ExitStack) -> int:
    first_outgoing = _first_outgoing()
    for _ in range(_TRIES_MAX):
        port = random.randrange(_LOWEST, first_outgoing)  # noqa: S311 - no secret
        holder = stack.enter_context(socket.socket())
        if _binds(holder, port):
            # Only now: the node, which sets it too, may bind the same port and listen, but no second reservation gets it.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return port
        holder.close()
    raise Failure(f"no free port found between {_LOWEST} and {first_outgoing} on {HOST}")


def _binds(holder: socket.socket, port: int) -> bool:
    try:
        holder.bind((HOST, port))
    except OSError:
        return False
    return True


def _first_outgoing() -> int:
    try:
        first = int(_RANGE_FILE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _FIRST_OUTGOING_DEFAULT
    return first if first > 2 * _LOWEST else _FIRST_OUTGOING_DEFAULT
