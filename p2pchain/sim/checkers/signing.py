"""S3: over all lives and copies of an honest key, one signature of a kind in a slot.  S2b: nobody honest is convicted."""

from __future__ import annotations

from collections.abc import Iterator

from p2pchain.chain.types import PublicKey

SLOTS_BACK = 100_000
"""How far back signatures are remembered: longer than any clock of a world is off (an hour of slots of 250 ms is 14,400)."""


class SigningChecker:
    """Every signature that an honest key ever made."""

    def __init__(self, honest: frozenset[PublicKey]) -> None:
        self._honest = honest
        self._signed: dict[tuple[PublicKey, str], dict[int, bytes]] = {}

    def signed(self, key: PublicKey, kind: str, slot: int, body: bytes) -> Iterator[tuple[str, str]]:
        if key not in self._honest:
            return
        slots = self._signed.setdefault((key, kind), {})
        before = slots.setdefault(slot, body)
        if before != body:
            yield "S3", f"a second {kind} in slot {slot}: {before.hex()[-12:]}, then {body.hex()[-12:]}"
        if len(slots) > SLOTS_BACK:
            del slots[next(iter(slots))]

    def convicted(self, voter: PublicKey, slot: int, what: str) -> Iterator[tuple[str, str]]:
        if voter in self._honest:
            yield "S2b", f"honest delegate {voter.hex()[:12]} is said to have contradicted itself: {what} in slot {slot}"
