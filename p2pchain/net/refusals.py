"""Connections that were ended for a reason, so that an operator can see why a peer is missing."""

from __future__ import annotations

from p2pchain.node.ports import PeerRefusal
from p2pchain.wire.errors import Reason

REFUSALS_MAX = 64
"""More than the peers a node talks to by default; a flood of others pushes out the oldest and costs nothing more."""


def reason_name(number: int) -> str:
    """Lower-case name of a `Reason`; a peer may use numbers of a later version."""
    try:
        return Reason(number).name.lower()
    except ValueError:
        return f"reason_{number}"


class Refusals:
    """At most `REFUSALS_MAX` of them, one for each address and reason, the newest last."""

    __slots__ = ("_noted",)

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str], PeerRefusal] = {}

    def note(self, refusal: PeerRefusal) -> bool:
        """Whether this address was not in the list for this reason; `times` is counted here."""
        key = (refusal.address, refusal.reason)
        earlier = self._noted.pop(key, None)
        self._noted[key] = refusal._replace(times=earlier.times + 1 if earlier else 1)
        if len(self._noted) > REFUSALS_MAX:
            del self._noted[next(iter(self._noted))]
        return earlier is None

    def listed(self) -> list[PeerRefusal]:
        return list(self._noted.values())
