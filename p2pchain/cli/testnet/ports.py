"""Free ports on loopback for nodes that are about to start.

They lie below the range from which the system takes ports for outgoing connections: a node that dials a stopped
neighbour again and again could otherwise be given that neighbour's own port, and connect to itself.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path

from p2pchain.cli.failures import Failure

HOST = "127.0.0.1"
_LOWEST = 10_000
_TRIES_MAX = 2_000
_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_OUTGOING_DEFAULT = 32_768


def reserve_ports(count: int, stack: ExitStack) -> list[int]:
    """That many free ports, held until `stack` is closed: bound without listening, so that nobody else is given them meanwhile."""
    return [_reserve(stack) for _ in range(count)]


def hold_port(port: int, stack: ExitStack) -> bool:
    """Hold a port that a node had before, if it is free; what is left of the node's own old connections does not hinder it."""
    holder = stack.enter_context(socket.socket())
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _binds(holder, port)


def _reserve(stack: ExitStack) -> int:
    first_outgoing = _first_outgoing()
    for _ in range(_TRIES_MAX):
        port = random.randrange(_LOWEST, first_outgoing)  # noqa: S311 - no secret
        holder = stack.enter_context(socket.socket())
        if _binds(holder, port):
            # Only now: the node, which sets it too, may bind the same port and listen, but no second reservation gets it.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return port
    raise Failure(f"no free port found between {_LOWEST} and {first_outgoing} on {HOST}")


def _binds(holder: socket.socket, port: int) -> bool:
    try:
        holder.bind((HOST, port))
    except OSError:
        holder.close()
        return False
    return True


def _first_outgoing() -> int:
    try:
        first = int(_RANGE_FILE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _FIRST_OUTGOING_DEFAULT
    return first if first > 2 * _LOWEST else _FIRST_OUTGOING_DEFAULT
