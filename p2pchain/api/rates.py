"""How many requests one client may make: a bucket for each address that fills at the configured rate and holds two seconds of it.

What machines watch the node by is not counted, so that a busy client never makes a node look dead.  A client is an IPv4
address or an IPv6 /64, for whoever has one address of those has all of them.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address

from p2pchain.api.errors import ApiError

UNCOUNTED = frozenset({"/livez", "/readyz", "/metrics"})
BURST_S = 2.0
CLIENTS_MAX = 4_096
"""About 200 bytes each.  The one that asked longest ago goes; where it comes back, its bucket is full again."""
_GROUP_BITS = 64


class Rates:
    def __init__(self, per_s: Callable[[], int], clock_s: Callable[[], float]) -> None:
        """`per_s` is asked each time, for the operator may change it; 0 counts nothing."""
        self._per_s = per_s
        self._clock_s = clock_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What is left, and when that was so; who asked last stands at the end."""

    def require_turn(self, host: str, path: str) -> None:
        """One request of this client: 429 where it made too many."""
        rate = self._per_s()
        if rate == 0 or path in UNCOUNTED:
            return
        client, now_s, most = _client_of(host), self._clock_s(), rate * BURST_S
        left, since_s = self._buckets.pop(client, (most, now_s))
        left = min(most, left + (now_s - since_s) * rate)
        is_allowed = left >= 1
        self._buckets[client] = (left - 1 if is_allowed else left, now_s)
        if len(self._buckets) > CLIENTS_MAX:
            self._buckets.popitem(last=False)
        if not is_allowed:
            wait_s = max(1, math.ceil((1 - left) / rate))
            message = f"more than {rate} requests a second from {client}: try again in {wait_s} s"
            raise ApiError(429, "too_many_requests", message, wanted=rate).with_headers({"Retry-After": str(wait_s)})


def _client_of(host: str) -> str:
    try:
        address = IPv6Address(host)
    except AddressValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    group = int(address) >> _GROUP_BITS << _GROUP_BITS
    return f"{IPv6Address(group)}/{_GROUP_BITS}"
