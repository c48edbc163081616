"""The listening sockets, and what to tell the operator when there can be none."""

from __future__ import annotations

import errno

import trio

from p2pchain.net.endpoint import Endpoint, parse_endpoint, socket_endpoint
from p2pchain.net.errors import ListenError

_ADVICE = {
    errno.EADDRINUSE: "the port is in use: is this node running already? Stop the other program or change [p2p] listen",
    errno.EADDRNOTAVAIL: "this machine has no such address: change [p2p] listen",
    errno.EACCES: "not allowed: take a port above 1023 in [p2p] listen",
}


async def open_listeners(address: str) -> list[trio.SocketListener]:
    """One or more listening sockets for `host:port`; `ListenError` where that cannot be."""
    host, port = parse_endpoint(address)
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, f"{error.strerror or error}: change [p2p] listen")
        raise ListenError(f"cannot listen on {address}: {advice}") from error


def listening_endpoint(listener: trio.SocketListener) -> Endpoint:
    return socket_endpoint(listener.socket.getsockname())
