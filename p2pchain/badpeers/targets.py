"""What may be attacked: this machine and private networks.  Anything else only for who says that the node is theirs.

A name is resolved once, and what was looked at is what is dialled.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

import trio


class Target(NamedTuple):
    """A resolved address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class NotAllowed(Exception):  # noqa: N818  (what it says is what it is)
    """This address is not attacked; one line says which and why."""


async def find_target(host: str, port: int, *, is_own: bool) -> Target:
    """The first address of the host; `NotAllowed` where any of them is public and `is_own` was not said, `OSError` where there is none."""
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    public = [address for address in addresses if not is_near(ip_address(address.partition("%")[0]))]
    if public and not is_own:
        found_at = public[0] if public[0] == host else f"{host} ({public[0]})"
        raise NotAllowed(f"{found_at} is neither this machine nor in a private network: attack only nodes of your own, and say so")
    return Target(addresses[0], port)


def is_near(address: IPv4Address | IPv6Address) -> bool:
    """Loopback, private or link-local.  An unspecified address is this machine."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    return not address.is_multicast and (address.is_loopback or address.is_private or address.is_link_local)
