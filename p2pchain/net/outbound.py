"""Whom this node dials by itself: anchors first, then the address book, now and then a feeler.

Runs beside `Dialler`, which has what the operator configured, and shares its outbound places.  An anchor keeps its place
while it does not answer, so that a crowd in the book cannot be quicker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.net.book.book import AddressBook
from p2pchain.net.book.entry import Entry
from p2pchain.net.choosing import choose_outbound
from p2pchain.net.dial import Dialler
from p2pchain.net.endpoint import Endpoint, PeerAddress
from p2pchain.net.errors import Unreachable
from p2pchain.net.exchange import Exchange
from p2pchain.net.feeler import is_there
from p2pchain.net.groups import Group, group_of_host
from p2pchain.net.room import Room
from p2pchain.net.roster import Roster
from p2pchain.net.session import Session
from p2pchain.net.settings import NetworkSettings
from p2pchain.wire.errors import Reason

_FEELERS_MAX = 2
_UNWILLING = frozenset({Reason.NOT_ALLOWED, Reason.TOO_MANY_PEERS, Reason.SEED_ONLY, Reason.SELF, Reason.WRONG_NODE, Reason.BANNED})
"""The node is there and will say the same again soon."""


class Outbound:
    def __init__(
        self,
        settings: NetworkSettings,
        book: AddressBook,
        dialler: Dialler,
        roster: Roster,
        exchange: Exchange,
        room: Room,
        *,
        clock: Callable[[], int],
        random: Random,
        logger: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._tempo = settings.tempo
        self._book = book
        self._dialler = dialler
        self._roster = roster
        self._exchange = exchange
        self._room = room
        self._clock = clock
        self._random = random
        self._logger = logger
        self._resolving = trio.CapacityLimiter(_FEELERS_MAX)
        self._dialling: dict[bytes, Group] = {}
        """Nodes of the book that are being dialled or are connected by it: at most the outbound places."""
        self._not_before: dict[bytes, int] = {}
        """Nodes that would not have us, at most as many as the book has entries."""
        self._feeling: set[bytes] = set()

    def adopt(self, settings: NetworkSettings) -> None:
        """From now on these hold; the tempo stays."""
        self._settings = settings

    async def run(self) -> None:
        feeler_s = trio.current_time() + self._pause_s(self._tempo.feeler_ms)
        async with trio.open_nursery() as nursery:
            for key in self._book.anchors:
                self._begin(key)
                nursery.start_soon(self._hold_anchor, key)
            while True:
                self._fill(nursery)
                self._ask_around()
                self._note_anchors()
                if trio.current_time() >= feeler_s:
                    feeler_s = trio.current_time() + self._pause_s(self._tempo.feeler_ms)
                    self._feel(nursery)
                await trio.sleep(self._pause_s(self._tempo.look_ms))

    def _pause_s(self, pause_ms: int) -> float:
        return pause_ms * self._random.uniform(0.5, 1.5) / 1000

    # outbound connections

    def _begin(self, key: bytes) -> None:
        """Take a place for a node of the book; the task that gives it back starts at once."""
        entry = self._book.get(key)
        assert entry is not None, "whom to dial the book has said"
        self._dialling[key] = group_of_host(entry.endpoints[0].host)
        self._dialler.take_place()

    def _end(self, key: bytes) -> None:
        del self._dialling[key]
        self._dialler.give_back_place()

    def _fill(self, nursery: trio.Nursery) -> None:
        while self._dialler.has_room() and (entry := self._choose()) is not None:
            self._begin(entry.node_key)
            nursery.start_soon(self._connect, entry)

    def _choose(self) -> Entry | None:
        held = list(self._groups_held())
        return choose_outbound(self._book, self._random, self._is_wanted, held, self._settings.peers_out_per_group_max)

    def _groups_held(self) -> Iterator[Group]:
        yield from self._dialling.values()
        for session in self._roster.sessions():
            if session.outbound and session.node_key not in self._dialling:
                yield session.group

    def _is_wanted(self, entry: Entry) -> bool:
        key, now_ms = entry.node_key, self._clock()
        if key in self._dialling or key in self._feeling or self._roster.find(key) is not None:
            return False
        if not self._room.is_allowed(key) or self._dialler.is_banned(key):
            return False
        return entry.is_due(now_ms, self._tempo.retry_ms) and self._not_before.get(key, 0) <= now_ms

    async def _connect(self, entry: Entry) -> None:
        try:
            await self._try_each(entry, "book")
        finally:
            self._end(entry.node_key)

    async def _try_each(self, entry: Entry, came_from: str) -> None:
        key = entry.node_key
        self._book.dialled(key, self._clock())
        for endpoint in entry.endpoints:
            try:
                session = await self._dialler.reach(PeerAddress(key, Endpoint(*endpoint)), came_from)
            except Unreachable as error:
                self._logger.debug("peer of the book unreachable", address=str(Endpoint(*endpoint)), error=str(error))
                continue
            if session.node_key == key:
                self._note_ending(session, key)
                return
        self._book.failed(key, self._clock())

    def _note_ending(self, session: Session, key: bytes) -> None:
        now_ms = self._clock()
        if session.ending is not None and session.ending.reason in _UNWILLING:
            self._not_before = {other: until_ms for other, until_ms in self._not_before.items() if until_ms > now_ms}
            self._not_before[key] = now_ms + self._tempo.refused_ms

    # anchors

    async def _hold_anchor(self, key: bytes) -> None:
        """Dial it until it is connected in any way, or for so long in vain; the place is held all the while."""
        until_s = trio.current_time() + self._tempo.anchor_ms / 1000
        try:
            while self._roster.find(key) is None and (entry := self._book.get(key)) is not None and not self._dialler.is_banned(key):
                await self._try_each(entry, "anchor")
                if trio.current_time() >= until_s:
                    return
                await trio.sleep(self._pause_s(min(self._settings.backoff_max_ms, self._tempo.anchor_ms)))
        finally:
            self._end(key)

    def _note_anchors(self) -> None:
        """The outbound peers that are connected longest, then those of earlier."""
        living = [
            (session.joined_s, session.node_key)
            for session in self._roster.sessions()
            if session.outbound and session.joined_s is not None and session.ending is None and session.node_key is not None
        ]
        keys = [key for _, key in sorted(living) if self._book.get(key) is not None]
        self._book.keep_anchors((*keys, *self._book.anchors))

    # questions and feelers

    def _ask_around(self) -> None:
        """While places are free, one more peer is asked for others."""
        if not self._dialler.has_room():
            return
        willing = [
            session
            for session in self._roster.sessions()
            if session.outbound and session.ending is None and session.joined_s is not None and session.talk.may_ask(trio.current_time())
        ]
        if willing:
            self._exchange.ask(self._random.choice(willing))

    def _feel(self, nursery: trio.Nursery) -> None:
        entry = self._book.to_test() or self._book.choose(self._random, self._is_wanted, new_only=True)
        if entry is not None and entry.node_key not in self._dialling and len(self._feeling) < _FEELERS_MAX:
            self._feeling.add(entry.node_key)
            nursery.start_soon(self._test, entry)

    async def _test(self, entry: Entry) -> None:
        key = entry.node_key
        try:
            self._book.dialled(key, self._clock())
            for endpoint in entry.endpoints:
                if await is_there(self._settings.credentials, PeerAddress(key, Endpoint(*endpoint)), self._resolving):
                    self._book.met(key, endpoint, self._clock())
                    return
            self._book.failed(key, self._clock())
        finally:
            self._feeling.discard(key)
