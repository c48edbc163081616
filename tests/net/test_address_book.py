"""The address book by itself: pure, with time and chance in the test's hand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import ChainId
from p2pchain.net.announcing import Announcement
from p2pchain.net.book.book import ANCHORS_MAX, COLLISIONS_MAX, ENTRIES_MAX, REPLACE_MS, AddressBook
from p2pchain.net.book.encoding import FILE_BYTES_MAX, MAGIC, decode_book, encode_book
from p2pchain.net.book.entry import FAILURES_NEW_MAX, FAILURES_TRIED_MAX, FORGET_MS, RETRY_MAX_MS, Entry
from p2pchain.net.book.table import NEW_BUCKETS_PER_SOURCE, POSITIONS, TRIED_BUCKETS_PER_GROUP
from p2pchain.net.choosing import choose_outbound
from p2pchain.net.endpoint import Endpoint
from p2pchain.net.groups import Group, group_of_host, may_hear_of
from p2pchain.net.room import Room
from p2pchain.net.settings import NetworkSettings
from p2pchain.net.talk import ANSWERS_AT_ONCE, PAUSES_MAX, Talk
from p2pchain.storage.address_book import DAMAGED_NAME, FILE_NAME, AddressBookFile
from p2pchain.wire.errors import ConnectionRefused, Reason, RemoteViolation
from p2pchain.wire.peer_record import AHEAD_MS, LIFE_MS, PeerRecord, RecordEndpoint
from tests.net.discovering import record_of, signer_of, stranger_record
from tests.net.eclipse import Attack, Trial
from tests.net.fakes import CHAIN, NOW_MS, credentials_of, key_of

SALT = bytes(range(32))
LATER_MS = NOW_MS + REPLACE_MS + 1


def book_of(*records: PeerRecord, source: str = "203.0.113.1") -> AddressBook:
    book = AddressBook(SALT)
    for record in records:
        book.add(record, source, NOW_MS)
    return book


def unsigned(number: int, host: str, port: int = 28_656, issued_ms: int = NOW_MS) -> PeerRecord:
    """The book never looks at signatures."""
    return PeerRecord(b"", number.to_bytes(32, "big"), (RecordEndpoint(host, port),), issued_ms, issued_ms + LIFE_MS)


def meet(book: AddressBook, record: PeerRecord, now_ms: int = NOW_MS) -> None:
    book.met(record.node_key, record.endpoints[0], now_ms)


def entry_of(book: AddressBook, record: PeerRecord) -> Entry:
    entry = book.get(record.node_key)
    assert entry is not None
    return entry


# --- groups ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("198.51.100.1", "198.51.200.9", True),
        ("198.51.100.1", "198.52.100.1", False),
        ("2001:db8::1", "2001:db8:ffff::1", True),
        ("2001:db8::1", "2001:db9::1", False),
        ("::ffff:198.51.100.1", "198.51.1.1", True),
        ("10.1.2.3", "10.1.2.200", True),
        ("10.1.2.3", "10.1.3.3", False),
        ("127.1.0.1", "127.2.0.1", False),
        ("fd00::1", "fd00:0:0:1::1", False),
    ],
)
def test_groups_are_what_one_owner_is_likely_to_have(one: str, other: str, is_same: bool) -> None:  # noqa: FBT001
    assert (group_of_host(one) == group_of_host(other)) is is_same


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "::1", "fd00::1", "fe80::1"]
)
def test_what_the_internet_does_not_route_is_local_and_not_told_to_it(host: str) -> None:
    assert group_of_host(host).is_local
    assert not may_hear_of(host, "198.51.100.1")
    assert may_hear_of("198.51.100.1", host)
    assert may_hear_of(host, host)


def test_loopback_is_known_on_loopback_alone() -> None:
    assert not may_hear_of("127.0.0.1", "10.0.0.1")
    assert may_hear_of("10.0.0.1", "127.0.0.1")


# --- what the book takes --------------------------------------------------------------------------------------------


def test_what_one_source_tells_fills_a_sixteenth_of_the_new_places_and_no_more() -> None:
    book = book_of(*(unsigned(number, f"{number % 200 + 20}.{number // 200}.0.1") for number in range(4_000)))
    most = NEW_BUCKETS_PER_SOURCE * POSITIONS
    assert most // 2 < len(book) <= most


def test_what_is_met_in_one_group_fills_a_sixteenth_of_the_tried_places_and_no_more() -> None:
    book = AddressBook(SALT)
    for number in range(3_000):
        record = unsigned(number, f"198.51.{number // 250}.{number % 250 + 1}")
        book.add(record, f"{number % 150 + 20}.7.0.1", NOW_MS)
        meet(book, record)
    most = TRIED_BUCKETS_PER_GROUP * POSITIONS
    assert most // 2 < book.sizes().tried <= most


def test_a_hundred_nodes_of_one_private_subnet_find_room_among_new_and_tried() -> None:
    records = [unsigned(number, "10.1.1.1", 1_000 + number) for number in range(100)]
    book = book_of(*records, source="10.1.1.1")
    assert len(book) >= 75
    for _ in range(5):
        for record in records:
            book.add(record, "10.1.1.1", NOW_MS)
            meet(book, record)
    assert len(book) >= 95
    assert book.sizes().tried >= 85


def test_where_an_entry_goes_nobody_foresees_without_the_salt() -> None:
    record = unsigned(1, "198.51.100.1")
    places = set()
    for number in range(20):
        book = AddressBook(bytes([number]) * 32)
        book.add(record, "203.0.113.1", NOW_MS)
        places.add(entry_of(book, record).place)
    assert len(places) > 15


@pytest.mark.parametrize("issued_ms", [NOW_MS - LIFE_MS, NOW_MS + AHEAD_MS + 1], ids=["expired", "from the future"])
def test_a_record_out_of_its_time_is_not_taken(issued_ms: int) -> None:
    assert not AddressBook(SALT).add(unsigned(1, "198.51.100.1", issued_ms=issued_ms), "203.0.113.1", NOW_MS)


def test_a_stranger_cannot_make_us_knock_at_doors_of_our_own_network() -> None:
    assert len(book_of(unsigned(1, "127.0.0.1"), unsigned(2, "10.0.0.1"), unsigned(3, "fd00::1"))) == 0


def test_the_newer_record_counts_and_an_older_one_changes_nothing() -> None:
    new, old = unsigned(1, "198.51.100.1", 2, NOW_MS), unsigned(1, "198.51.100.1", 3, NOW_MS - 1)
    book = book_of(new)
    revision = book.revision
    assert not book.add(old, "203.0.113.1", NOW_MS)
    assert (entry_of(book, new).record, book.revision) == (new, revision)


def test_an_entry_of_worth_keeps_its_place_and_a_worthless_one_gives_way() -> None:
    records = [unsigned(number, f"198.51.100.{number % 250 + 1}") for number in range(2_000)]
    book = AddressBook(SALT)
    refused = next(record for record in records if not book.add(record, "203.0.113.1", NOW_MS))
    assert not book.add(refused, "203.0.113.1", NOW_MS)
    much_later_ms = NOW_MS + LIFE_MS
    assert book.add(refused._replace(issued_ms=much_later_ms, expires_ms=much_later_ms + LIFE_MS), "203.0.113.1", much_later_ms)


def test_a_tried_node_that_moves_must_be_met_again() -> None:
    record = unsigned(1, "198.51.100.1")
    book = book_of(record)
    meet(book, record)
    assert entry_of(book, record).is_tried
    moved = unsigned(1, "192.0.2.1", issued_ms=NOW_MS + 1)
    assert book.add(moved, "203.0.113.1", NOW_MS)
    assert not entry_of(book, moved).is_tried
    assert entry_of(book, moved).endpoints == [RecordEndpoint("192.0.2.1", 28_656)]


def test_nobody_is_met_where_it_does_not_say_it_is() -> None:
    record = unsigned(1, "198.51.100.1")
    book = book_of(record)
    book.met(record.node_key, RecordEndpoint("192.0.2.9", 1), NOW_MS)
    assert not entry_of(book, record).is_tried


# --- failures -------------------------------------------------------------------------------------------------------


def test_failures_of_a_machine_without_a_network_count_once_until_somebody_is_met() -> None:
    lost, there = unsigned(1, "198.51.100.1"), unsigned(2, "192.0.2.1")
    book = book_of(lost, there)
    for minute in range(100):
        book.failed(lost.node_key, NOW_MS + minute * 60_000)
    assert entry_of(book, lost).failures == 1
    for hour in range(2, 4):
        meet(book, there, NOW_MS + hour * 3_600_000)
        book.failed(lost.node_key, NOW_MS + hour * 3_600_000 + 1)
    assert entry_of(book, lost).failures == FAILURES_NEW_MAX
    assert entry_of(book, lost).is_worthless(NOW_MS)


def test_a_node_that_was_met_is_kept_for_a_week_of_failures() -> None:
    entry = Entry(unsigned(1, "198.51.100.1"), "203.0.113.1", met_ms=NOW_MS, failures=FAILURES_TRIED_MAX)
    assert not entry.is_worthless(NOW_MS + FORGET_MS)
    assert entry.is_worthless(NOW_MS + FORGET_MS + 1)


def test_pauses_double_up_to_an_hour_and_a_clock_set_back_stops_nothing() -> None:
    entry = Entry(unsigned(1, "198.51.100.1"), "203.0.113.1", tried_ms=NOW_MS)
    for failures, pause_ms in ((0, 1_000), (1, 2_000), (3, 8_000), (60, RETRY_MAX_MS)):
        entry.failures = failures
        assert not entry.is_due(NOW_MS + pause_ms - 1, 1_000)
        assert entry.is_due(NOW_MS + pause_ms, 1_000)
    assert entry.is_due(NOW_MS - 1, 1_000)


# --- test before evict ----------------------------------------------------------------------------------------------


def contest() -> tuple[AddressBook, PeerRecord, PeerRecord]:
    """A tried entry and one that was met later and has the same place."""
    book = AddressBook(SALT)
    by_place: dict[object, PeerRecord] = {}
    for number in range(5_000):
        record = unsigned(number, f"198.51.{number // 250}.{number % 250 + 1}")
        if not book.add(record, f"{number % 200 + 20}.9.0.1", NOW_MS):
            continue
        meet(book, record, NOW_MS if not by_place else LATER_MS)
        entry = entry_of(book, record)
        if not entry.is_tried:
            holder = book.to_test()
            assert holder is not None
            return book, holder.record, record
        by_place[entry.place] = record
        if len(by_place) > 1:
            for other in by_place.values():
                entry_of(book, other).met_ms = NOW_MS
    raise AssertionError("no two of 5,000 have one place")


def test_a_tried_entry_that_is_found_keeps_its_place() -> None:
    book, holder, rival = contest()
    meet(book, holder, LATER_MS)
    assert entry_of(book, holder).is_tried
    assert not entry_of(book, rival).is_tried
    assert book.to_test() is None


def test_a_tried_entry_that_is_not_found_gives_way_and_must_be_met_again() -> None:
    book, holder, rival = contest()
    place = entry_of(book, holder).place
    book.failed(holder.node_key, LATER_MS)
    assert entry_of(book, rival).place == place
    assert book.get(holder.node_key) is None or not entry_of(book, holder).is_tried


def test_who_was_met_lately_is_not_put_to_the_test() -> None:
    book, holder, rival = contest()
    meet(book, holder, LATER_MS)
    meet(book, rival, LATER_MS)
    assert book.to_test() is None


# --- anything at all ------------------------------------------------------------------------------------------------

_hosts = st.sampled_from([f"{first}.{second}.0.{last}" for first in (20, 21, 10, 127) for second in (1, 2) for last in (1, 2)])
_numbers = st.integers(0, 40)


class AnyBook(RuleBasedStateMachine):
    """Whatever is told, met, failed and read back: the book keeps its word."""

    def __init__(self) -> None:
        super().__init__()
        self.book = AddressBook(SALT)
        self.now_ms = NOW_MS

    @rule(number=_numbers, host=_hosts, source=_hosts, ahead_ms=st.integers(0, 10))
    def tell(self, number: int, host: str, source: str, ahead_ms: int) -> None:
        self.book.add(unsigned(number, host, issued_ms=self.now_ms + ahead_ms), source, self.now_ms)

    @rule(number=_numbers)
    def meet(self, number: int) -> None:
        entry = self.book.get(number.to_bytes(32, "big"))
        if entry is not None:
            self.book.met(entry.node_key, entry.endpoints[0], self.now_ms)
            self.book.keep_anchors((entry.node_key, *self.book.anchors))

    @rule(number=_numbers)
    def fail(self, number: int) -> None:
        self.book.dialled(number.to_bytes(32, "big"), self.now_ms)
        self.book.failed(number.to_bytes(32, "big"), self.now_ms)

    @rule(pause_ms=st.integers(0, 2 * REPLACE_MS) | st.just(LIFE_MS))
    def wait(self, pause_ms: int) -> None:
        self.now_ms += pause_ms

    @rule()
    def restart(self) -> None:
        entries = {entry.node_key: entry.is_tried for entry in self.book.entries()}
        self.book = AddressBook(SALT, self.book.entries(), self.book.anchors)
        assert {entry.node_key: entry.is_tried for entry in self.book.entries()} == entries, "nothing is lost by a restart"

    @rule(seed=st.integers(0, 100), limit=st.integers(1, 32), to=_hosts)
    def ask(self, seed: int, limit: int, to: str) -> None:
        told = self.book.sample(Random(seed), limit, to, (), self.now_ms)
        assert len({record.node_key for record in told}) == len(told) <= limit
        assert all(record.is_current(self.now_ms) for record in told)
        assert all(any(may_hear_of(each.host, to) for each in record.endpoints) for record in told)

    @rule(seed=st.integers(0, 100))
    def choose(self, seed: int) -> None:
        everybody = {entry.node_key for entry in self.book.entries()}
        chosen: set[bytes] = set()
        held: list[Group] = []
        while (entry := choose_outbound(self.book, Random(seed), lambda entry: entry.node_key not in chosen, held, 1_000)) is not None:
            unseen = {group_of_host(other.endpoints[0].host) for other in self.book.entries() if other.node_key not in chosen} - set(held)
            group = group_of_host(entry.endpoints[0].host)
            assert not unseen or group in unseen, "each group has its turn before one has a second"
            chosen.add(entry.node_key)
            held.append(group)
        assert chosen == everybody, "nobody is out of reach"

    @invariant()
    def places_are_one_to_one(self) -> None:
        entries = self.book.entries()
        assert len({entry.place for entry in entries}) == len(entries) <= ENTRIES_MAX
        assert all(self.book._at(entry.place) is entry for entry in entries)
        assert sum(map(len, self.book._buckets.values())) == len(entries)
        assert all(self.book._buckets.values()), "empty buckets are not kept"

    @invariant()
    def the_tried_were_met_where_they_say_they_are(self) -> None:
        for entry in self.book.entries():
            assert entry.endpoints, "everybody in the book can be dialled"
            assert entry.met_at is None or entry.met_at in entry.record.endpoints
            assert not entry.is_tried or (entry.met_at is not None and entry.met_ms > 0)

    @invariant()
    def what_it_remembers_is_bounded(self) -> None:
        assert len(self.book._contested) <= COLLISIONS_MAX
        assert len(self.book.anchors) <= ANCHORS_MAX
        assert len(set(self.book.anchors)) == len(self.book.anchors)


AnyBook.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestAnyBook = AnyBook.TestCase


# --- the file -------------------------------------------------------------------------------------------------------


def signed_book() -> AddressBook:
    records = [stranger_record(number, f"{number}.1.0.1") for number in range(20, 40)]
    book = AddressBook(SALT)
    for record in records:
        book.add(record, f"{record.endpoints[0].host}", NOW_MS)
    for record in records[:8]:
        meet(book, record)
    book.failed(records[9].node_key, NOW_MS)
    book.keep_anchors(record.node_key for record in records[:6])
    return book


def test_a_book_comes_back_as_it_was_written() -> None:
    book = signed_book()
    again = decode_book(encode_book(book, CHAIN), CHAIN)
    assert encode_book(again, CHAIN) == encode_book(book, CHAIN)
    assert again.anchors == book.anchors
    assert len(again.anchors) == ANCHORS_MAX
    assert [(entry.place, entry.met_at, entry.met_ms, entry.failures, entry.source) for entry in again.entries()] == [
        (entry.place, entry.met_at, entry.met_ms, entry.failures, entry.source) for entry in book.entries()
    ]


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_flipped_byte_anywhere_is_noticed(place: int, flip: int) -> None:
    data = bytearray(_WRITTEN)
    data[place % len(data)] ^= flip
    with pytest.raises(Invalid):
        decode_book(bytes(data), CHAIN)


@given(size=st.integers(0, 10_000))
def test_a_file_cut_off_anywhere_is_noticed(size: int) -> None:
    with pytest.raises(Invalid):
        decode_book(_WRITTEN[: size % len(_WRITTEN)], CHAIN)


_WRITTEN = encode_book(signed_book(), CHAIN)


@given(content=st.binary(max_size=200))
def test_any_content_under_a_right_sum_is_read_or_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        decode_book(MAGIC + hashlib.sha256(content).digest() + content, CHAIN)


def test_the_book_of_another_chain_is_not_taken() -> None:
    with pytest.raises(Invalid, match="this node on"):
        decode_book(_WRITTEN, ChainId(b"\x09" * 32))


def test_the_file_is_private_whole_and_set_aside_under_another_name(tmp_path: Path) -> None:
    file = AddressBookFile(tmp_path, FILE_BYTES_MAX)
    assert file.load() == (None, "")
    assert file.save(b"one") == file.save(b"two") == ""
    assert file.load() == (b"two", "")
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert file.set_aside() == ""
    assert file.load() == (None, "")
    assert (tmp_path / DAMAGED_NAME).read_bytes() == b"two"
    assert sorted(path.name for path in tmp_path.iterdir()) == [DAMAGED_NAME]


def test_a_file_too_large_is_read_no_further_than_to_see_that(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(bytes(1_000))
    assert AddressBookFile(tmp_path, 10).load() == (bytes(11), "")


def test_troubles_of_the_disk_are_told_in_a_line(tmp_path: Path) -> None:
    file = AddressBookFile(tmp_path / "missing", FILE_BYTES_MAX)
    assert "writing failed" in file.save(b"content")
    assert "setting aside failed" in file.set_aside()
    (tmp_path / FILE_NAME).mkdir()
    assert "reading failed" in AddressBookFile(tmp_path, FILE_BYTES_MAX).load()[1]


# --- one link's questions -------------------------------------------------------------------------------------------


def test_a_question_has_one_answer_and_an_answer_one_question() -> None:
    talk = Talk(pause_s=10)
    with pytest.raises(RemoteViolation, match="unasked"):
        talk.take_answer(0)
    talk.ask(2, 0.0)
    assert not talk.may_ask(1_000.0)
    assert talk.take_answer(2) == 2
    with pytest.raises(RemoteViolation, match="unasked"):
        talk.take_answer(1)
    talk.ask(2, 20.0)
    with pytest.raises(RemoteViolation, match="3 peer records came, 2 were asked for"):
        talk.take_answer(3)


def test_the_pauses_between_questions_double_to_a_limit() -> None:
    talk, now_s, pauses = Talk(pause_s=1), 0.0, []
    for _ in range(10):
        talk.ask(1, now_s)
        talk.take_answer(1)
        before_s = now_s
        while not talk.may_ask(now_s):
            now_s += 1
        pauses.append(now_s - before_s)
    assert pauses == [1, 2, 4, 8, 16, 32, PAUSES_MAX, PAUSES_MAX, PAUSES_MAX, PAUSES_MAX]


def test_answers_are_earned_by_time() -> None:
    talk = Talk(pause_s=10)
    assert [talk.earn_answer(0.0) for _ in range(ANSWERS_AT_ONCE + 1)] == [True] * ANSWERS_AT_ONCE + [False]
    assert [talk.earn_answer(now_s) for now_s in (9.0, 10.5, 11.0)] == [False, True, False]


# --- what is announced ----------------------------------------------------------------------------------------------


def announcement(host: str = "0.0.0.0") -> tuple[Announcement, list[int]]:
    now = [NOW_MS]
    made = Announcement(signer_of(1), CHAIN, lambda: now[0])
    made.listen(Endpoint(host, 7))
    return made, now


def test_where_a_node_listens_at_one_address_that_is_announced_and_nothing_else() -> None:
    made, _ = announcement("192.0.2.1")
    for group in range(20, 30):
        made.take_note("198.51.100.1", by=f"{group}.1.1.1", near="10.0.0.1", dialled=True)
    assert made.endpoints() == (("192.0.2.1", 7),)


def test_an_address_behind_a_router_is_believed_of_two_groups_that_were_dialled() -> None:
    made, _ = announcement()
    see = "198.51.100.1"
    for last in range(1, 9):
        made.take_note(see, by=f"20.1.0.{last}", near="10.0.0.1", dialled=True)
        made.take_note(see, by=f"{20 + last}.1.0.1", near="10.0.0.1", dialled=False)
    assert made.record() is None, "one group, and some who came by themselves"
    made.take_note(see, by="40.1.0.1", near="10.0.0.1", dialled=True)
    assert made.endpoints() == ((see, 7),)


def test_rumours_are_bounded_and_forgotten_addresses_are_not_announced() -> None:
    made, now = announcement()
    for number in range(1_000):
        made.take_note(f"198.51.{number // 250}.{number % 250}", by="20.1.0.1", near="10.0.0.1", dialled=True)
    assert len(made._rumours) == 8
    made.take_note("10.0.0.1", by="20.1.0.1", near="10.0.0.1", dialled=False)
    assert made.endpoints() == (("10.0.0.1", 7),)
    now[0] += 25 * 3_600_000
    assert made.endpoints() == ()


def test_a_record_is_signed_anew_when_it_changes_and_when_half_of_its_life_is_over() -> None:
    made, now = announcement("192.0.2.1")
    first = made.record()
    assert first is not None
    assert made.record() is first
    made.set_fixed([("192.0.2.2", 7)])
    second = made.record()
    assert second is not None
    made.set_fixed([("192.0.2.3", 7)])
    again = made.record()
    assert again is not None
    assert again.issued_ms > second.issued_ms > first.issued_ms, "of two of one moment the later must count"
    now[0] += LIFE_MS // 2 + 2
    third = made.record()
    assert third is not None
    assert third.expires_ms == now[0] + LIFE_MS


# --- room -----------------------------------------------------------------------------------------------------------


class Guest:
    outbound = False

    def __init__(self, number: int, host: str) -> None:
        self.node_key: bytes | None = key_of(number)
        self.group = group_of_host(host)


def room(**changes: object) -> Room:
    values: dict[str, object] = {"listen": "", "credentials": credentials_of(1), "agent": ""}
    return Room(NetworkSettings(**(values | changes)))  # type: ignore[arg-type]


def test_one_group_of_addresses_has_so_many_inbound_places_and_local_ones_are_not_counted() -> None:
    inbound = [Guest(number, f"198.51.{number}.1") for number in (2, 3)]
    with pytest.raises(ConnectionRefused, match="2 inbound peers of this network of addresses are connected, at most 2 allowed"):
        room(peers_in_per_group_max=2).require_place(Guest(4, "198.51.100.1"), inbound)
    room(peers_in_per_group_max=2).require_place(Guest(4, "198.52.100.1"), inbound)
    room(peers_in_per_group_max=2, delegate_peers=(key_of(4),)).require_place(Guest(4, "198.51.100.1"), inbound)
    local = [Guest(number, f"10.0.0.{number}") for number in (2, 3)]
    room(peers_in_per_group_max=2).require_place(Guest(4, "10.0.0.4"), local)


def test_a_crowd_never_takes_the_place_of_a_delegate() -> None:
    kept = room(peers_in_max=3, delegate_peers=(key_of(9), key_of(10)))
    crowd: list[Guest] = []
    reasons: set[Reason] = set()
    for number in range(2, 9):
        try:
            kept.require_place(Guest(number, f"{number}.1.1.1"), crowd)
        except ConnectionRefused as refusal:
            reasons.add(refusal.reason)
        else:
            crowd.append(Guest(number, f"{number}.1.1.1"))
    assert reasons == {Reason.TOO_MANY_PEERS}
    assert len(crowd) == 1
    for number in (9, 10):
        kept.require_place(Guest(number, "9.1.1.1"), crowd)
        crowd.append(Guest(number, "9.1.1.1"))


def test_whoever_is_named_by_key_anywhere_may_come_through_an_allow_list() -> None:
    named = room(
        allowed_peers=(key_of(2),),
        delegate_peers=(key_of(3),),
        unconditional_peers=(key_of(4),),
        private_peers=(key_of(5),),
        seeds=(f"{key_of(6).hex()}@seed.example:1",),
        persistent_peers=(f"{key_of(7).hex()}@peer.example:1", "peer.example:2"),
    )
    assert [named.is_allowed(key_of(number)) for number in range(2, 9)] == [True] * 6 + [False]
    assert room().is_allowed(key_of(8))


# --- whom to dial ---------------------------------------------------------------------------------------------------


def chosen_groups(book: AddressBook, places: int, per_group_max: int) -> list[Group]:
    held: list[Group] = []
    dialled: set[bytes] = set()
    while len(held) < places:
        entry = choose_outbound(book, Random(len(held)), lambda entry: entry.node_key not in dialled, held, per_group_max)
        if entry is None:
            break
        dialled.add(entry.node_key)
        held.append(group_of_host(entry.endpoints[0].host))
    return held


def test_each_group_has_its_turn_before_a_crowd_has_a_second() -> None:
    crowd = [unsigned(number, f"198.51.{number}.1") for number in range(1, 200)]
    few = [unsigned(number + 1_000, f"{number}.7.0.1") for number in range(20, 24)]
    book = book_of(*few, *crowd)
    assert len(set(chosen_groups(book, 5, 1_000))) == 5
    assert len(chosen_groups(book, 50, 2)) == 6, "the crowd has two places, however many are free"


def test_a_subnet_of_a_private_network_fills_all_places() -> None:
    book = book_of(*(unsigned(number, f"10.1.1.{number}") for number in range(1, 100)), source="10.1.1.1")
    assert len(chosen_groups(book, 16, 1)) == 16


# --- L8 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", [Attack("4 groups", 4), Attack("3 subnets", 3, is_local=True)], ids=lambda attack: attack.name)
def test_a_filled_book_does_not_eclipse_a_restarted_node(attack: Attack) -> None:
    trials = [Trial(attack, seed, addresses=150) for seed in range(10)]
    assert [trial.run() for trial in trials] == [(0, 0)] * 10
    assert min(sum(entry.node_key in trial.attackers for entry in trial.book.entries()) for trial in trials) > 100, "it was filled"


def test_the_simulated_attacker_wins_where_there_is_nobody_else() -> None:
    """So that the trials above can fail."""
    trial = Trial(Attack("4 groups", 4), 1, addresses=50)
    trial.fill()
    assert trial.is_eclipsed(with_anchors=False)


def test_records_are_small() -> None:
    endpoints = [(f"2001:db8:{number}::1", 65_535) for number in range(1, 5)]
    assert len(record_of(1, *endpoints).raw) <= 217
