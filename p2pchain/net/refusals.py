"""Connections that were ended for a reason, so that an operator can see why a peer is missing."""

from __future__ import annotations

from collections.abc import Mapping

from p2pchain.node.ports import PeerRefusal
from p2pchain.wire.errors import Reason

REFUSALS_MAX = 64
"""More than the peers a node talks to by default; a flood of others pushes out the oldest and costs nothing more."""


OTHER = "other"
"""Counts what is of a later version: a peer may choose among 256 numbers."""


def reason_name(number: int) -> str:
    """Lower-case name of a `Reason`; a peer may use numbers of a later version."""
    try:
        return Reason(number).name.lower()
    except ValueError:
        return f"reason_{number}"


class Refusals:
    """At most `REFUSALS_MAX` of them, one for each address and reason, the newest last; and how many there were in all."""

    __slots__ = ("_by_peers", "_by_us", "_noted")

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str], PeerRefusal] = {}
        self._by_us = {reason.name.lower(): 0 for reason in Reason}
        self._by_peers = self._by_us | {OTHER: 0}

    @property
    def by_us(self) -> Mapping[str, int]:
        return dict(self._by_us)

    @property
    def by_peers(self) -> Mapping[str, int]:
        return dict(self._by_peers)

    def note(self, refusal: PeerRefusal, *, by_us: bool) -> None:
        """`times` is counted here."""
        counts = self._by_us if by_us else self._by_peers
        counts[refusal.reason if refusal.reason in counts else OTHER] += 1
        key = (refusal.address, refusal.reason)
        earlier = self._noted.pop(key, None)
        self._noted[key] = refusal._replace(times=earlier.times + 1 if earlier else 1)
        if len(self._noted) > REFUSALS_MAX:
            del self._noted[next(iter(self._noted))]

    def listed(self) -> list[PeerRefusal]:
        return list(self._noted.values())
