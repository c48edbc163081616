"""Peer exchange: asking, answering, and what becomes of an answer.

A dialler asks for as many records as an answer holds, because it chose whom to ask; who was dialled asks for the
dialler's own record alone, so that nobody fills a book by coming in.  Records are checked before they are kept; a wrong
signature is a lie of whoever told it, because nobody passes on what it did not check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from random import Random

import trio

from p2pchain.chain.consequences import Consequence
from p2pchain.chain.errors import Invalid
from p2pchain.net.announcing import Announcement
from p2pchain.net.book.book import AddressBook
from p2pchain.net.room import Room
from p2pchain.net.session import Session
from p2pchain.net.settings import NetworkSettings
from p2pchain.wire.errors import ConnectionRefused, Reason, RemoteViolation
from p2pchain.wire.messages import PEERS_MAX, GetPeers, Peers
from p2pchain.wire.peer_record import PeerRecord, RecordEndpoint, decode_record, is_genuine

PARTING = "this node only hands out addresses"


class Exchange:
    def __init__(
        self,
        settings: NetworkSettings,
        book: AddressBook,
        announcement: Announcement,
        room: Room,
        *,
        clock: Callable[[], int],
        random: Random,
    ) -> None:
        self._settings = settings
        self._chain_id = settings.credentials.chain_id
        self._own_key = settings.credentials.node_key
        self._private = frozenset(settings.private_peers)
        self._book = book
        self._announcement = announcement
        self._room = room
        self._clock = clock
        self._random = random

    def adopt(self, settings: NetworkSettings) -> None:
        """From now on these hold."""
        self._settings = settings
        self._private = frozenset(settings.private_peers)

    def vet(self, session: Session) -> None:
        assert session.node_key is not None
        self._room.require_allowed(session.node_key)

    def greet(self, session: Session) -> None:
        """A connection has just been admitted."""
        self._note_meeting(session)
        if self._settings.exchange:
            self.ask(session)

    def ask(self, session: Session) -> None:
        limit = PEERS_MAX if session.outbound else 1
        session.talk.ask(limit, trio.current_time())
        session.send(GetPeers(limit, session.ends.far))

    def hear(self, session: Session, message: GetPeers | Peers) -> None:
        """`ConnectionRefused` where the peer broke the rules."""
        match message:
            case GetPeers(limit, seen):
                self._announcement.take_note(seen, by=session.ends.far, near=session.ends.near, dialled=session.outbound)
                self._answer(session, limit)
            case Peers(records):
                self._learn(session, records)
        if session.is_visit and session.talk.heard and (session.outbound or session.talk.owed):
            self.part(session)

    def part(self, session: Session) -> None:
        """A visit is over when both have answered; the answer of who was visited goes out with its goodbye, which would overtake it."""
        owed = session.talk.owed
        session.end(Reason.SEED_ONLY, PARTING, before=Peers(self._records(session, owed)) if owed else None)

    # answers

    def _answer(self, session: Session, limit: int) -> None:
        is_earned = session.talk.earn_answer(trio.current_time())
        if session.is_visit and not session.outbound:
            session.talk.owed = limit
            return
        session.send(Peers(self._records(session, limit) if is_earned else []))

    def _records(self, session: Session, limit: int) -> list[bytes]:
        if not self._settings.exchange:
            return []
        own = self._announcement.record()
        records = [] if own is None else [own]
        if limit > 1:
            but = self._private | {session.node_key or b"", self._own_key}
            records += self._book.sample(self._random, limit - len(records), session.ends.far, but, self._clock())
        return [record.raw for record in records]

    # learning

    def _learn(self, session: Session, records: Sequence[bytes]) -> None:
        asked = session.talk.take_answer(len(records))
        for raw in records:
            try:
                record = decode_record(raw)
            except Invalid as refusal:
                raise RemoteViolation(str(refusal)) from None
            if asked == 1 and record.node_key != session.node_key:
                raise RemoteViolation("asked for its own record, a peer told another one's")
            if self._is_news(record):
                self._take(session, record)

    def _is_news(self, record: PeerRecord) -> bool:
        """What is known, stale or unwanted is worth no check."""
        key = record.node_key
        known = self._book.get(key)
        if known is not None and known.record.issued_ms >= record.issued_ms:
            return False
        return key != self._own_key and key not in self._private and self._room.is_allowed(key) and record.is_current(self._clock())

    def _take(self, session: Session, record: PeerRecord) -> None:
        if not is_genuine(record, self._chain_id):
            text = f"record of node {record.node_key.hex()} is not signed by it for this chain"
            raise ConnectionRefused(Reason.INVALID_DATA, text, Consequence.LIE)
        self._book.add(record, session.ends.far, self._clock())
        if record.node_key == session.node_key:
            self._note_meeting(session)

    def _note_meeting(self, session: Session) -> None:
        """Whom we dialled is where we dialled it, if it says so itself."""
        if session.outbound and session.node_key is not None and session.ends.far:
            met_at = RecordEndpoint(str(ip_address(session.ends.far)), session.ends.far_port)
            self._book.met(session.node_key, met_at, self._clock())
