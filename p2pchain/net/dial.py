"""Keeps the configured addresses connected: dials, waits for the end, waits a growing pause, dials again.

Persistent peers are dialled for ever; seeds while there are fewer outbound connections than wanted, a name at all the
addresses that it stands for, asked anew.  An address is left alone while the node behind it is connected in any way, and for
good once it turned out to be this node itself.  An address may name the node key that must be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from random import Random
from typing import Protocol, TypeAlias

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.net.backoff import AFTER_HANDSHAKE_MS, Backoff
from p2pchain.net.connect import SEED_HOSTS_MAX, connect, is_address, resolve
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
_Listing: TypeAlias = tuple[str, str]
"""How an address was given, and the address."""


class Enter(Protocol):
    def __call__(self, stream: trio.SocketStream, address: PeerAddress, came_from: str, /) -> Session: ...


class Dialler:
    def __init__(
        self,
        settings: NetworkSettings,
        *,
        enter: Enter,
        find: Callable[[bytes], Session | None],
        is_connected: Callable[[], bool],
        is_banned: Callable[[bytes], bool],
        random: Random,
        logger: FilteringBoundLogger,
    ) -> None:
        """`enter` starts the session of a fresh stream; `find` gives the living session with a node key; `is_connected` is with anybody;
        who `is_banned` is not dialled.
        """
        self._settings = settings
        self._enter = enter
        self._find = find
        self._is_connected = is_connected
        self.is_banned = is_banned
        self._random = random
        self._logger = logger
        self._resolving = trio.CapacityLimiter(_RESOLVERS_MAX)
        self._outbound = 0
        self._complaints: dict[str, str] = {}
        """By address; those of the book are not complained about."""
        self._unconditional = frozenset(settings.unconditional_peers)
        self._listed: frozenset[_Listing] = frozenset()
        self._followed: set[_Listing] = set()
        """What has a task; one that is not listed any more ends with its connection, or its pause."""
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._follow_lists()
            await trio.sleep_forever()

    def adopt(self, settings: NetworkSettings) -> None:
        """From now on these hold: new addresses are dialled, those that are gone are not dialled again."""
        self._settings = settings
        self._unconditional = frozenset(settings.unconditional_peers)
        self._follow_lists()

    def _follow_lists(self) -> None:
        if self._nursery is None:
            return  # they are read when it starts
        known, self._listed = self._listed, frozenset(_listings(self._settings))
        for listing in sorted(self._listed - known - self._followed):
            self._followed.add(listing)
            self._nursery.start_soon(self._follow, listing)

    async def _follow(self, listing: _Listing) -> None:
        came_from, address = listing
        try:
            if came_from == "persistent":
                await self._keep_connected(address, came_from, _always, lambda: listing in self._listed)
            elif is_address(parse_peer(address).endpoint.host):
                await self._keep_connected(address, came_from, self.has_room, lambda: listing in self._listed)
            else:
                await self._follow_name(address, lambda: listing in self._listed)
        finally:
            self._followed.discard(listing)
            self._complaints.pop(address, None)

    def has_room(self) -> bool:
        """Whether another outbound connection is wanted."""
        return self._outbound < self._settings.peers_out_max

    def take_place(self) -> None:
        """Whoever takes an outbound place gives it back."""
        self._outbound += 1

    def give_back_place(self) -> None:
        self._outbound -= 1

    @contextmanager
    def _place(self) -> Iterator[None]:
        self.take_place()
        try:
            yield
        finally:
            self.give_back_place()

    async def reach(self, peer: PeerAddress, came_from: str) -> Session:
        """One connection until its end; `Unreachable` where none came about.  The caller holds a place for it."""
        stream = await connect(peer.endpoint, self._resolving)
        session = self._enter(stream, peer, came_from)
        await session.ended.wait()
        return session

    async def _keep_connected(self, address: str, came_from: str, is_wanted: Callable[[], bool], is_listed: Callable[[], bool]) -> None:
        backoff = Backoff(self._settings.backoff_max_ms, self._random)
        node_key = parse_peer(address).node_key
        rests_until_s = banned_until_s = float("-inf")
        while is_listed():
            present = None if node_key is None else self._find(node_key)
            if present is not None:
                await present.ended.wait()
                backoff.restart()
            elif node_key is not None and self.is_banned(node_key):
                backoff.raise_to_cap()
            elif self._must_rest(rests_until_s) or trio.current_time() < banned_until_s:
                pass
            elif is_wanted() and (session := await self._dial(address, came_from)) is not None:
                reason = session.ending.reason if session.ending is not None else None
                if reason == Reason.SELF:
                    self._logger.info("address is this node itself", address=address)
                    return
                node_key = parse_peer(address).node_key or session.node_key or node_key
                _adjust(backoff, session)
                if reason == Reason.SEED_ONLY:
                    rests_until_s = trio.current_time() + self._settings.tempo.seed_ms / 1000
                elif reason == Reason.BANNED:
                    banned_until_s = trio.current_time() + _BANNED_S * self._random.uniform(0.5, 1.0)
            await trio.sleep(backoff.next_ms() / 1000)

    async def _follow_name(self, seed: str, is_listed: Callable[[], bool]) -> None:
        """A name stands for as many seeds as it has addresses now: each is dialled for itself while the name has it."""
        node_key, endpoint = parse_peer(seed)
        backoff = Backoff(self._settings.backoff_max_ms, self._random)
        listed: set[str] = set()
        dialled: set[str] = set()
        rests_until_s = float("-inf")

        async def dial(host: str) -> None:
            address = str(PeerAddress(node_key, endpoint._replace(host=host)))
            try:
                await self._keep_connected(address, "seed", self.has_room, lambda: host in listed and is_listed())
            finally:
                self._complaints.pop(address, None)
                dialled.discard(host)

        async with trio.open_nursery() as nursery:
            while is_listed() or dialled:
                if is_listed() and self.has_room() and not self._must_rest(rests_until_s) and (found := await self._resolve(seed)):
                    listed.clear()
                    listed.update(self._random.sample(found, min(len(found), SEED_HOSTS_MAX)))
                    for host in sorted(listed - dialled)[: SEED_HOSTS_MAX - len(dialled)]:
                        dialled.add(host)
                        nursery.start_soon(dial, host)
                    rests_until_s = trio.current_time() + self._settings.tempo.seed_ms / 1000
                await trio.sleep(backoff.next_ms() / 1000)

    async def _resolve(self, seed: str) -> list[str]:
        try:
            found = await resolve(parse_peer(seed).endpoint, self._resolving)
        except Unreachable as error:
            self._complain(seed, str(error))
            return []
        self._complaints.pop(seed, None)
        return found

    def _must_rest(self, until_s: float) -> bool:
        """A seed has given what it can, its addresses or those of its name: leave it alone for a while, unless there is nobody else."""
        return trio.current_time() < until_s and (self._settings.seed_only or self._is_connected())

    async def _dial(self, address: str, came_from: str) -> Session | None:
        """One connection until its end; None where none came about."""
        peer = parse_peer(address)
        try:
            with nullcontext() if peer.node_key in self._unconditional else self._place():
                session = await self.reach(peer, came_from)
        except Unreachable as error:
            self._complain(address, str(error))
            return None
        self._complaints.pop(address, None)
        return session

    def _complain(self, address: str, text: str) -> None:
        log = self._logger.debug if self._complaints.get(address) == text else self._logger.info
        self._complaints[address] = text
        log("peer unreachable", address=address, error=text)


def _always() -> bool:
    return True


def _listings(settings: NetworkSettings) -> Iterator[_Listing]:
    """An address that is on both lists is a persistent one."""
    yield from (("persistent", address) for address in settings.persistent_peers)
    yield from (("seed", address) for address in settings.seeds if address not in settings.persistent_peers)


def _adjust(backoff: Backoff, session: Session) -> None:
    reason = session.ending.reason if session.ending is not None else None
    if reason not in _FORGIVABLE:
        backoff.raise_to_cap()
    elif session.joined_s is not None:
        lasted_s = trio.current_time() - session.joined_s
        backoff.restart(AFTER_HANDSHAKE_MS) if lasted_s <= _LASTING_S else backoff.restart()
