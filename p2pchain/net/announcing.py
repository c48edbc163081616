"""At which addresses this node says it can be reached: those set by the operator, or those found out.

Found out without asking anybody where it listens at one address.  Where it listens at all of them, what peers see counts:
an address that is one of this machine's own (the near end of that very connection has it) at once, because nobody can
make us announce what we do not have; any other (a router translates) when peers of two groups that we dialled see the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from p2pchain.chain.crypto import Signer
from p2pchain.chain.types import ChainId
from p2pchain.net.endpoint import Endpoint
from p2pchain.net.groups import group_of_host
from p2pchain.wire.peer_record import AHEAD_MS, ENDPOINTS_MAX, LIFE_MS, PeerRecord, sign_record

GROUPS_WANTED = 2
_RUMOURS_MAX = 8
"""Addresses that somebody claims to see; one more pushes out the oldest."""
_SEEN_LAST_MS = 24 * 3_600_000
"""An address that nobody sees any more is not announced any more."""


class Announcement:
    """This node's record, signed anew when what it says has changed or half of its life is over."""

    def __init__(self, signer: Signer | None, chain_id: ChainId, clock: Callable[[], int]) -> None:
        """Without a signer nothing is ever announced."""
        self._signer = signer
        self._chain_id = chain_id
        self._clock = clock
        self._port = 0
        self._fixed: tuple[tuple[str, int], ...] = ()
        self._found: dict[str, int] = {}
        """Addresses of this node and when they were last seen, the oldest first."""
        self._rumours: dict[str, set[bytes]] = {}
        """Addresses that may be ours, with the groups of those who see them."""
        self._record: PeerRecord | None = None

    def listen(self, endpoint: Endpoint) -> None:
        """What the socket says."""
        self._port = endpoint.port
        if not ip_address(endpoint.host).is_unspecified:
            self.set_fixed([(endpoint.host, endpoint.port)])

    def set_fixed(self, endpoints: Sequence[tuple[str, int]]) -> None:
        """Nothing else is announced from now on."""
        self._fixed = tuple(dict.fromkeys((str(ip_address(host)), port) for host, port in endpoints))[:ENDPOINTS_MAX]

    def take_note(self, seen: str, *, by: str, near: str, dialled: bool) -> None:
        """A peer at the address `by` sees this node at `seen`; `near` is our own end of that connection."""
        if seen == near:
            self._find(seen)
        elif dialled and seen:
            groups = self._rumours.pop(seen, set())
            groups.add(group_of_host(by).prefix)
            self._rumours[seen] = groups
            if len(groups) >= GROUPS_WANTED:
                self._find(seen)
                groups.clear()
            if len(self._rumours) > _RUMOURS_MAX:
                del self._rumours[next(iter(self._rumours))]

    def endpoints(self) -> tuple[tuple[str, int], ...]:
        if self._fixed:
            return self._fixed
        now_ms = self._clock()
        lasting = [host for host, seen_ms in reversed(self._found.items()) if now_ms - seen_ms < _SEEN_LAST_MS]
        return tuple((host, self._port) for host in lasting[:ENDPOINTS_MAX]) if self._port else ()

    def record(self) -> PeerRecord | None:
        """What to tell now; None where there is nothing to announce."""
        endpoints = self.endpoints()
        if self._signer is None or not endpoints:
            return None
        now_ms, last = self._clock(), self._record
        if last is None or set(last.endpoints) != set(endpoints) or not -AHEAD_MS <= now_ms - last.issued_ms < LIFE_MS // 2:
            # of two records the later counts; one that our clock issued far ahead of its time nobody has taken
            follows = last is not None and last.issued_ms <= now_ms + AHEAD_MS
            issued_ms = max(now_ms, last.issued_ms + 1) if last is not None and follows else now_ms
            self._record = last = sign_record(self._signer, self._chain_id, endpoints, issued_ms)
        return last

    def _find(self, host: str) -> None:
        if ip_address(host).is_unspecified or ip_address(host).is_multicast:
            return
        self._found.pop(host, None)
        self._found[host] = self._clock()
        if len(self._found) > ENDPOINTS_MAX:
            del self._found[next(iter(self._found))]
