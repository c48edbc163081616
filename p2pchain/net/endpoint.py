"""`host:port` as text, IPv6 hosts in brackets.  The configuration has checked what arrives here."""

from __future__ import annotations

from typing import Any, NamedTuple


class Endpoint(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    host, _, port = text.rpartition(":")
    return Endpoint(host.removeprefix("[").removesuffix("]"), int(port))


def socket_endpoint(name: Any) -> Endpoint:  # noqa: ANN401  (two numbers more for IPv6; the socket module types it so)
    """What `getsockname` and `getpeername` return."""
    return Endpoint(str(name[0]), int(name[1]))
