"""What the book keeps, and whom it names.

Invariants: an entry has one place and no place has two entries; who is among the tried was met, with its key proven, at
an endpoint that its newest record still names; no entry pushes out one that is worth something, except among the tried
one that was tested and not found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from random import Random
from typing import NamedTuple

from p2pchain.net.book.entry import Entry
from p2pchain.net.book.table import NEW_BUCKETS, POSITIONS, TRIED_BUCKETS, Place, Places
from p2pchain.net.groups import Group, group_of_host, may_hear_of
from p2pchain.wire.peer_record import PeerRecord, RecordEndpoint

ENTRIES_MAX = (NEW_BUCKETS + TRIED_BUCKETS) * POSITIONS
ANCHORS_MAX = 4
"""More than Bitcoin Core's two: they are dialled side by side and cost nothing, and all of them must be gone or lying."""
COLLISIONS_MAX = 16
REPLACE_MS = 4 * 3_600_000
"""Who was met so lately is not tested for its place."""


class Sizes(NamedTuple):
    new: int
    tried: int


class AddressBook:
    def __init__(self, salt: bytes, entries: Iterable[Entry] = (), anchors: Iterable[bytes] = ()) -> None:
        """`entries` as they were in an earlier life: their places are computed anew, and who finds none is dropped."""
        self.salt = salt
        self._places = Places(salt)
        self._entries: dict[bytes, Entry] = {}
        self._buckets: dict[tuple[bool, int], dict[int, bytes]] = {}
        """By table and bucket: the keys by position.  Empty buckets are not kept."""
        self._contested: dict[bytes, None] = {}
        """Nodes that were met and whose place among the tried another one has, the oldest first."""
        self._met_ms = 0
        """When anybody was last met."""
        self.revision = 0
        """Counts changes."""
        for entry in entries:
            self._put_back(entry)
        for entry in self._entries.values():
            entry.failed_ms = self._met_ms + 1  # until somebody is met it may be this machine that has no network
        self.anchors = tuple(key for key in anchors if key in self._entries)[:ANCHORS_MAX]
        """Keys of the last good outbound peers, dialled first after a restart."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, node_key: bytes) -> Entry | None:
        return self._entries.get(node_key)

    def entries(self) -> list[Entry]:
        return list(self._entries.values())

    def sizes(self) -> Sizes:
        tried = sum(entry.is_tried for entry in self._entries.values())
        return Sizes(len(self._entries) - tried, tried)

    # what is learned

    def add(self, record: PeerRecord, source: str, now_ms: int) -> bool:
        """Take a genuine record that a node at `source` told; whether anything was learned.  `source` has a hand in where it goes."""
        if not record.is_current(now_ms):
            return False
        present = self._entries.get(record.node_key)
        if present is not None:
            return self._renew(present, record)
        return self._settle(Entry(record, source), now_ms)

    def dialled(self, node_key: bytes, now_ms: int) -> None:
        """Somebody goes there now."""
        entry = self._entries.get(node_key)
        if entry is not None:
            entry.tried_ms = now_ms

    def met(self, node_key: bytes, endpoint: RecordEndpoint, now_ms: int) -> None:
        """This node has proven its key at this endpoint, to which we went."""
        entry = self._entries.get(node_key)
        if entry is None or endpoint not in entry.record.endpoints:
            return
        self.revision += 1
        self._met_ms = now_ms
        entry.met_ms, entry.tried_ms, entry.failures = now_ms, now_ms, 0
        if not entry.is_tried or entry.met_at is None:
            entry.met_at = endpoint
        self._promote(entry, now_ms)
        self._end_contest_over(entry)

    def failed(self, node_key: bytes, now_ms: int) -> None:
        """It was not there.  Counted only where anybody was met since the last time: a machine without a network learns nothing."""
        entry = self._entries.get(node_key)
        if entry is None:
            return
        if entry.failed_ms <= self._met_ms:
            entry.failures += 1
            entry.failed_ms = max(now_ms, self._met_ms + 1)
            self.revision += 1
        self._give_way(entry, now_ms)

    def keep_anchors(self, keys: Iterable[bytes]) -> None:
        """The first `ANCHORS_MAX` of them that are in the book."""
        anchors = tuple(key for key in dict.fromkeys(keys) if key in self._entries)[:ANCHORS_MAX]
        if anchors != self.anchors:
            self.anchors = anchors
            self.revision += 1

    def forget(self, node_key: bytes) -> None:
        entry = self._entries.get(node_key)
        if entry is not None:
            self._remove(entry)

    # what is asked

    def choose(
        self, random: Random, is_wanted: Callable[[Entry], bool], *, avoid: Collection[Group] = (), new_only: bool = False
    ) -> Entry | None:
        """Somebody to dial: from either table with the same chance, a bucket at random before a place in it, so that a crowd in few
        buckets gains nothing by its numbers.  Nobody in the groups `avoid`.
        """
        tables = [False] if new_only else random.sample([False, True], 2)
        for table in tables:
            buckets = [keys for (is_tried, _), keys in self._buckets.items() if is_tried is table]
            for keys in random.sample(buckets, len(buckets)):
                for key in random.sample(list(keys.values()), len(keys)):
                    entry = self._entries[key]
                    if is_wanted(entry) and (not avoid or group_of_host(entry.endpoints[0].host) not in avoid):
                        return entry
        return None

    def to_test(self) -> Entry | None:
        """A tried entry whose place another one, met since, would like to have."""
        for key in list(self._contested):
            entry = self._entries.get(key)
            rival = None if entry is None or entry.met_at is None or entry.is_tried else self._at(self._places.tried(key, entry.met_at))
            if rival is not None:
                return rival
            del self._contested[key]
        return None

    def sample(self, random: Random, limit: int, teller_to: str, but: Collection[bytes], now_ms: int) -> list[PeerRecord]:
        """Current records to tell a node at `teller_to`, the tried ones first; half of the answer is kept for new ones."""
        fit = [
            entry
            for key, entry in self._entries.items()
            if key not in but and entry.record.is_current(now_ms) and not entry.is_worthless(now_ms) and _may_tell(entry, teller_to)
        ]
        random.shuffle(fit)
        tried = [entry.record for entry in fit if entry.is_tried]
        new = [entry.record for entry in fit if not entry.is_tried]
        share = max(limit - len(new), limit // 2)
        return (tried[:share] + new)[:limit]

    # places

    def _place_new(self, record: PeerRecord, source: str) -> Place | None:
        """By the first endpoint that its teller can know of; None where there is none."""
        for endpoint in record.endpoints:
            if may_hear_of(endpoint.host, source):
                return self._places.new(record.node_key, endpoint, group_of_host(source))
        return None

    def _renew(self, entry: Entry, record: PeerRecord) -> bool:
        """The newer record counts.  A node that is not where it was met any more has to be met again: its place among the tried was
        given for that address.
        """
        if record.issued_ms <= entry.record.issued_ms:
            return False
        self.revision += 1
        if entry.met_at not in record.endpoints:
            entry.met_at = None
        if (entry.is_tried and entry.met_at is not None) or entry.place == self._place_new(record, entry.source):
            entry.record = record
            return True
        self._remove(entry)
        return self._settle(Entry(record, entry.source), record.issued_ms)

    def _settle(self, entry: Entry, now_ms: int) -> bool:
        """Give it its place among the new, unless that belongs to somebody of worth."""
        place = self._place_new(entry.record, entry.source)
        if place is None:
            return False
        holder = self._at(place)
        if holder is not None:
            if not holder.is_worthless(now_ms):
                return False
            self._remove(holder)
        self._put(entry, place)
        return True

    def _promote(self, entry: Entry, now_ms: int) -> None:
        """To the tried, where its place is free; otherwise who has it will be tested."""
        assert entry.met_at is not None
        place = self._places.tried(entry.node_key, entry.met_at)
        if entry.place == place:
            return
        holder = self._at(place)
        if holder is None:
            self._take_out(entry)
            self._put(entry, place)
        elif now_ms - holder.met_ms > REPLACE_MS and len(self._contested) < COLLISIONS_MAX:
            self._contested[entry.node_key] = None

    def _give_way(self, holder: Entry, now_ms: int) -> None:
        """A tried entry that was tested and not found leaves its place to who asked for it, and must be met again."""
        for key in list(self._contested):
            rival = self._entries.get(key)
            if rival is None or rival.met_at is None or self._places.tried(key, rival.met_at) != holder.place:
                continue
            del self._contested[key]
            if now_ms - holder.met_ms <= REPLACE_MS:
                return
            self._remove(holder)
            self._take_out(rival)
            self._put(rival, self._places.tried(key, rival.met_at))
            self._settle(holder, now_ms)
            return

    def _end_contest_over(self, holder: Entry) -> None:
        """It was found at its place and keeps it."""
        for key in list(self._contested):
            rival = self._entries.get(key)
            if rival is None or rival.met_at is None or (rival is not holder and self._places.tried(key, rival.met_at) == holder.place):
                del self._contested[key]

    def _put_back(self, entry: Entry) -> None:
        if entry.place[0] and entry.met_at is not None:
            place: Place | None = self._places.tried(entry.node_key, entry.met_at)
        else:
            place = self._place_new(entry.record, entry.source)
        if place is not None and entry.node_key not in self._entries and self._at(place) is None:
            self._met_ms = max(self._met_ms, entry.met_ms)
            self._put(entry, place)

    def _at(self, place: Place) -> Entry | None:
        is_tried, bucket, position = place
        key = self._buckets.get((is_tried, bucket), {}).get(position)
        return None if key is None else self._entries[key]

    def _put(self, entry: Entry, place: Place) -> None:
        is_tried, bucket, position = place
        entry.place = place
        self._entries[entry.node_key] = entry
        self._buckets.setdefault((is_tried, bucket), {})[position] = entry.node_key
        self.revision += 1

    def _take_out(self, entry: Entry) -> None:
        is_tried, bucket, position = entry.place
        positions = self._buckets[is_tried, bucket]
        del positions[position]
        if not positions:
            del self._buckets[is_tried, bucket]

    def _remove(self, entry: Entry) -> None:
        self._take_out(entry)
        del self._entries[entry.node_key]
        self._contested.pop(entry.node_key, None)
        self.revision += 1


def _may_tell(entry: Entry, to: str) -> bool:
    return any(may_hear_of(each.host, to) for each in entry.endpoints)
