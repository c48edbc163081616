"""Keeps the configured addresses connected: dials, waits for the end, waits a growing pause, dials again.

Persistent peers are dialled for ever; seeds while there are fewer outbound connections than wanted.  An address is left
alone while the node behind it is connected in any way, and for good once it turned out to be this node itself.  An
address may name the node key that must be there.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.net.backoff import AFTER_HANDSHAKE_MS, Backoff
from p2pchain.net.connect import connect
from p2pchain.net.endpoint import PeerAddress, parse_peer
from p2pchain.net.errors import Unreachable
from p2pchain.net.session import Session
from p2pchain.net.settings import NetworkSettings
from p2pchain.wire.errors import Reason

_LASTING_S = 10.0
"""A connection that held this long was a good one."""
_FORGIVABLE = frozenset({None, Reason.SHUTTING_DOWN, Reason.ALREADY_CONNECTED, Reason.TIMEOUT})
"""After any other reason the same will happen again: the next attempt waits the longest pause."""
_BANNED_S = 60.0
"""A node that has banned us is asked again about once a minute: its operator may lift it, and it is not given up."""
_RESOLVERS_MAX = 4
"""Threads that may wait for a name to be resolved."""


class Dialler:
    def __init__(
        self,
        settings: NetworkSettings,
        *,
        enter: Callable[[trio.SocketStream, PeerAddress], Session],
        find: Callable[[bytes], Session | None],
        is_banned: Callable[[bytes], bool],
        random: Random,
        logger: FilteringBoundLogger,
    ) -> None:
        """`enter` starts the session of a fresh stream; `find` gives the living session with a node key; who `is_banned` is not dialled."""
        self._settings = settings
        self._enter = enter
        self._find = find
        self._is_banned = is_banned
        self._random = random
        self._logger = logger
        self._resolving = trio.CapacityLimiter(_RESOLVERS_MAX)
        self._outbound = 0
        self._complaints: dict[str, str] = {}

    async def run(self) -> None:
        persistent = dict.fromkeys(self._settings.persistent_peers)
        seeds = [seed for seed in dict.fromkeys(self._settings.seeds) if seed not in persistent]
        async with trio.open_nursery() as nursery:
            for address in persistent:
                nursery.start_soon(self._keep_connected, address, lambda: True)
            for address in seeds:
                nursery.start_soon(self._keep_connected, address, self._has_room)

    def _has_room(self) -> bool:
        return self._outbound < self._settings.peers_out_max

    async def _keep_connected(self, address: str, is_wanted: Callable[[], bool]) -> None:
        backoff = Backoff(self._settings.backoff_max_ms, self._random)
        node_key = parse_peer(address).node_key
        while True:
            present = None if node_key is None else self._find(node_key)
            if present is not None:
                await present.ended.wait()
                backoff.restart()
            elif node_key is not None and self._is_banned(node_key):
                backoff.raise_to_cap()
            elif is_wanted() and (session := await self._dial(address)) is not None:
                if session.ending is not None and session.ending.reason == Reason.SELF:
                    self._logger.info("address is this node itself", address=address)
                    return
                node_key = parse_peer(address).node_key or session.node_key or node_key
                _adjust(backoff, session)
                if session.ending is not None and session.ending.reason == Reason.BANNED:
                    await trio.sleep(_BANNED_S * self._random.uniform(0.5, 1.0))
            await trio.sleep(backoff.next_ms() / 1000)

    async def _dial(self, address: str) -> Session | None:
        """One connection until its end; None where none came about."""
        self._outbound += 1
        try:
            peer = parse_peer(address)
            stream = await connect(peer.endpoint, self._resolving)
            self._complaints.pop(address, None)
            session = self._enter(stream, peer)
            await session.ended.wait()
        except Unreachable as error:
            self._complain(address, str(error))
            return None
        else:
            return session
        finally:
            self._outbound -= 1

    def _complain(self, address: str, text: str) -> None:
        log = self._logger.debug if self._complaints.get(address) == text else self._logger.info
        self._complaints[address] = text
        log("peer unreachable", address=address, error=text)


def _adjust(backoff: Backoff, session: Session) -> None:
    reason = session.ending.reason if session.ending is not None else None
    if reason not in _FORGIVABLE:
        backoff.raise_to_cap()
    elif session.joined_s is not None:
        lasted_s = trio.current_time() - session.joined_s
        backoff.restart(AFTER_HANDSHAKE_MS) if lasted_s <= _LASTING_S else backoff.restart()
