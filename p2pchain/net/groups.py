"""Which addresses are likely in one hand: the groups by which an address book and connection limits spread trust.

Addresses of the internet: IPv4 /16, IPv6 /32, about what one provider hands to one customer at most, so that many groups
cost an attacker much and many addresses in one group cost nothing.

Addresses that the internet does not route (loopback, private, link-local, shared) are a network of its operators' own.
Whole networks of honest nodes live in one /16 or even /24 there, or on one address with many ports; only insiders
reach them, and an insider can take any address of its subnet.  So the group is the subnet (IPv4 /24, IPv6 /64), variety
is still preferred, but no limit of connections counts them: it would starve honest networks and stop nobody.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

_LOCAL_V4 = tuple(map(IPv4Network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10")))
_LOCAL_V6 = tuple(map(IPv6Network, ("::1/128", "fc00::/7", "fe80::/10")))


class Group(NamedTuple):
    prefix: bytes
    is_local: bool
    """Whether the internet does not route it."""


_CACHED = 4_096
"""Addresses whose group is remembered, about 1 MiB: the same ones are asked for at every look into the book."""
NOWHERE = Group(b"", is_local=True)
"""Of what has no address."""


@lru_cache(_CACHED)
def group_of_host(host: str) -> Group:
    """`host` is an address as text."""
    address = _plain(host)
    if isinstance(address, IPv4Address):
        local = any(address in network for network in _LOCAL_V4)
        return Group(address.packed[: 3 if local else 2], local)
    local = any(address in network for network in _LOCAL_V6)
    return Group(address.packed[: 8 if local else 4], local)


def may_hear_of(host: str, teller: str) -> bool:
    """Whether a node at `teller` can know what is at `host`, so that it is worth a call, and whether it is worth telling it.

    Otherwise a stranger could make us knock at doors of our own network, and private addresses would travel the world.
    """
    there, here = _plain(host), _plain(teller)
    if there.is_loopback:
        return here.is_loopback
    return not group_of_host(host).is_local or group_of_host(teller).is_local


@lru_cache(_CACHED)
def _plain(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host)
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
