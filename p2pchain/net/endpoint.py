"""`host:port` as text, IPv6 hosts in brackets, and which network a host is in.  The configuration has checked what arrives here."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple


class Endpoint(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    host, _, port = text.rpartition(":")
    return Endpoint(host.removeprefix("[").removesuffix("]"), int(port))


class PeerAddress(NamedTuple):
    """Where to dial, and who must be there, if anybody in particular."""

    node_key: bytes | None
    endpoint: Endpoint

    def __str__(self) -> str:
        return str(self.endpoint) if self.node_key is None else f"{self.node_key.hex()}@{self.endpoint}"


def parse_peer(text: str) -> PeerAddress:
    """`host:port` or `node key in hex@host:port`."""
    key, _, endpoint = text.rpartition("@")
    return PeerAddress(bytes.fromhex(key) or None, parse_endpoint(endpoint))


def group_of(host: str) -> bytes | None:
    """The network of an address: IPv4 /24, IPv6 /48.  None for this machine, whose processes are not each other's strangers."""
    address = ip_address(host)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return None
    return address.packed[: 6 if isinstance(address, IPv6Address) else 3]


def plain_host(host: str) -> str:
    """An address in its usual text: no zone, and IPv4 as such."""
    address = ip_address(host.partition("%")[0])
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)


def socket_endpoint(name: Any) -> Endpoint:  # noqa: ANN401  (two numbers more for IPv6; the socket module types it so)
    """What `getsockname` and `getpeername` return."""
    return Endpoint(str(name[0]), int(name[1]))
