"""`node.ports.Gate`: bans by the operator's hand, in the operator's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p2pchain.net.ban_list import BanList
from p2pchain.net.bans import BY_HAND_MAX, parse_who
from p2pchain.node.ports import BadPeerError, BanView


class OperatorGate:
    """`end_banned` says goodbye to whoever is connected and no longer welcome."""

    def __init__(self, bans: BanList, end_banned: Callable[[], None]) -> None:
        self._bans = bans
        self._end_banned = end_banned

    def banned(self) -> Sequence[BanView]:
        return [BanView(*ban) for ban in self._bans.listed()]

    async def ban(self, who: str, duration_ms: int, why: str) -> BanView:
        ban = await self._bans.ban(_parse(who), duration_ms, why)
        if ban is None:
            raise BadPeerError(f"{BY_HAND_MAX} bans by hand are in force, the most allowed: lift one first")
        self._end_banned()
        return BanView(*ban)

    async def unban(self, who: str) -> bool:
        return await self._bans.lift(_parse(who))


def _parse(who: str) -> bytes | str:
    found = parse_who(who)
    if found is None:
        raise BadPeerError(f"found {who[:80]!r}, wanted a node key of 64 hex digits, an address beyond this machine, or an IPv6 /64")
    return found
