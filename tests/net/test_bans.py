"""The rules of bans, without a network: every time is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p2pchain.chain.consequences import Consequence
from p2pchain.net.ban_records import ENTRIES_MAX, FILE_BYTES_MAX, DamagedBansError, decode_bans, encode_bans
from p2pchain.net.bans import (
    BAN_MS_MAX,
    BANS_MAX,
    BY_HAND_MAX,
    COOLING_MS,
    COOLING_MS_MAX,
    KEY_FORGOTTEN_MS,
    KEYS_FREE,
    LIE_MS,
    MINUTE_MS,
    STRIKE_FORGOTTEN_MS,
    TEXT_MAX,
    VIOLATION_MS,
    VIOLATION_MS_MAX,
    Ban,
    Bans,
    Kind,
    describe_ban,
    parse_who,
    source_of,
)
from p2pchain.net.log_budget import BURST, CAUSES_MAX, PAUSE_S, Line, LogBudget
from p2pchain.storage import KeptFile

HOST = "203.0.113.9"
NOW = 1_700_000_000_000
DAY_MS = 24 * 60 * MINUTE_MS


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def lie(bans: Bans, number: int, now_ms: int = NOW, host: str = HOST) -> int:
    """How long the ban is."""
    ban = bans.punish(key(number), host, Consequence.LIE, "why", now_ms)
    assert ban is not None
    return ban.until_ms - now_ms


# --- lies -----------------------------------------------------------------------------------------------------------


def test_a_lie_bans_its_key_for_ten_minutes_and_then_it_is_over_by_itself() -> None:
    bans = Bans()
    assert lie(bans, 1) == LIE_MS == 10 * MINUTE_MS
    assert bans.is_banned(key(1), NOW + LIE_MS - 1)
    assert not bans.is_banned(key(1), NOW + LIE_MS)
    assert not bans.is_banned(key(2), NOW)


def test_each_further_lie_bans_twice_as_long_up_to_a_day() -> None:
    bans, now = Bans(), NOW
    lasted = []
    for _ in range(40):
        lasted.append(lie(bans, 1, now))
        now += lasted[-1]
    assert lasted[:4] == [LIE_MS, 2 * LIE_MS, 4 * LIE_MS, 8 * LIE_MS]
    assert set(lasted[8:]) == {BAN_MS_MAX} == {DAY_MS}


def test_the_memory_of_a_lie_fades_one_for_each_day_without_another() -> None:
    bans, now = Bans(), NOW
    for _ in range(3):
        now += lie(bans, 1, now)
    assert lie(bans, 1, now + STRIKE_FORGOTTEN_MS) == 4 * LIE_MS, "of three one is forgotten"
    again = Bans()
    assert lie(again, 1) == LIE_MS
    assert lie(again, 1, NOW + LIE_MS + STRIKE_FORGOTTEN_MS - 1) == 2 * LIE_MS
    assert lie(again, 2) == LIE_MS
    assert lie(again, 2, NOW + LIE_MS + STRIKE_FORGOTTEN_MS) == LIE_MS
    assert again.kept(NOW + 100 * DAY_MS) == [], "in the end nothing is remembered of anybody"


@pytest.mark.parametrize("consequence", [Consequence.NOBODY, Consequence.OURS])
def test_what_is_nobodys_fault_or_ours_is_held_against_nobody_however_often(consequence: Consequence) -> None:
    bans = Bans()
    for number in range(1_000):
        assert bans.punish(key(1), HOST, consequence, "late", NOW + number) is None
    assert bans.listed(NOW) == bans.kept(NOW) == []
    assert bans.of_newcomer(key(2), HOST, NOW) is None


def test_a_violation_costs_seconds_then_minutes_and_is_never_written_down() -> None:
    bans, now = Bans(), NOW
    lasted = []
    for _ in range(12):
        ban = bans.punish(key(1), HOST, Consequence.VIOLATION, "why", now)
        assert ban is not None
        assert bans.is_banned(key(1), now)
        lasted.append(ban.until_ms - now)
        now = ban.until_ms
    assert lasted[:3] == [VIOLATION_MS, 2 * VIOLATION_MS, 4 * VIOLATION_MS]
    assert lasted[-1] == VIOLATION_MS_MAX
    assert bans.kept(now) == []
    assert bans.of_newcomer(key(2), HOST, now) is None, "nor held against its address"


def test_a_clock_that_was_wrong_makes_no_ban_longer_than_it_was_meant() -> None:
    bans = Bans()
    lie(bans, 1, NOW + 1_000 * DAY_MS)
    assert bans.is_banned(key(1), NOW)
    assert not bans.is_banned(key(1), NOW + LIE_MS)


# --- addresses ------------------------------------------------------------------------------------------------------


def test_an_address_waits_once_more_than_two_of_its_keys_lied_and_a_little_longer_for_each_further_one() -> None:
    bans = Bans()
    for number in range(KEYS_FREE):
        lie(bans, number)
    assert bans.of_newcomer(key(99), HOST, NOW) is None, "a neighbour of liars comes in"
    waits = []
    for number in range(KEYS_FREE, 12):
        lie(bans, number)
        ban = bans.of_newcomer(key(99), HOST, NOW)
        assert ban is not None
        assert ban.kind is Kind.ADDRESS
        waits.append(ban.until_ms - NOW)
    assert waits[:3] == [COOLING_MS, 2 * COOLING_MS, 4 * COOLING_MS]
    assert waits[-1] == COOLING_MS_MAX
    assert bans.of_newcomer(key(99), "203.0.113.10", NOW) is None, "nor does the next address"


def test_one_liar_that_comes_back_again_and_again_makes_no_neighbour_wait() -> None:
    bans, now = Bans(), NOW
    for _ in range(20):
        now += lie(bans, 1, now)
    assert bans.of_newcomer(key(99), HOST, now - 1) is None


def test_an_address_is_forgotten_one_key_each_half_hour() -> None:
    bans = Bans()
    for number in range(KEYS_FREE + 1):
        lie(bans, number)
    over = NOW + COOLING_MS
    assert bans.of_newcomer(key(99), HOST, over) is None
    lie(bans, 50, over + KEY_FORGOTTEN_MS)
    again = bans.of_newcomer(key(99), HOST, over + KEY_FORGOTTEN_MS)
    assert again is not None
    assert again.until_ms - over - KEY_FORGOTTEN_MS == COOLING_MS, "not longer than the first time"


def test_whom_the_operator_named_never_waits_for_its_address_and_never_makes_it_wait() -> None:
    bans = Bans(is_spared={key(number) for number in range(100)}.__contains__)
    for number in range(50):
        lie(bans, number)
    assert bans.of_newcomer(key(200), HOST, NOW) is None
    for number in range(100, 110):
        lie(bans, number)
    assert bans.of_newcomer(key(200), HOST, NOW) is not None
    assert bans.of_newcomer(key(99), HOST, NOW) is None
    assert bans.of_newcomer(key(1), HOST, NOW) is not None, "its own lie holds all the same"


def test_who_is_connected_or_was_dialled_does_not_wait_for_its_address() -> None:
    bans = Bans()
    for number in range(10):
        lie(bans, number)
    assert bans.of_link(key(99), HOST, NOW) is None
    bans = Bans()
    for number in range(10):
        lie(bans, number, host="")
    assert bans.listed(NOW)
    assert {ban.kind for ban in bans.listed(NOW)} == {Kind.LIE}, "whom we dialled says nothing about its neighbours"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_never_waits(host: str) -> None:
    bans = Bans()
    for number in range(100):
        lie(bans, number, host=host)
    assert bans.of_newcomer(key(200), host, NOW) is None


def test_of_ipv6_a_whole_64_shares_its_fate_and_a_mapped_address_is_that_of_ipv4() -> None:
    assert source_of("2001:db8:1:2:3:4:5:6") == source_of("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert source_of("2001:db8:1:3::1") != "2001:db8:1:2::/64"
    assert source_of("::ffff:203.0.113.9") == source_of(HOST) == HOST
    assert source_of("seed.example") is None


# --- bounds ---------------------------------------------------------------------------------------------------------


def test_a_flood_of_keys_pushes_out_what_ends_first_and_nothing_of_the_operators() -> None:
    bans = Bans()
    bans.ban(key(0), DAY_MS, "by hand", NOW)
    now = NOW
    for _ in range(5):
        now += lie(bans, 1, now, host="192.0.2.1")
    lie(bans, 1, now, host="192.0.2.1")
    for number in range(BANS_MAX + 200):
        address = f"10.0.{number // 256}.{number % 256}"
        lie(bans, 10 + number, now, host=address)
        bans.punish(key(10 + number), address, Consequence.VIOLATION, "why" * 1_000, now)
    assert len(bans.listed(now)) == 1 + 2 * BANS_MAX
    assert len(bans.kept(now)) == 1 + 2 * BANS_MAX
    assert bans.is_banned(key(0), now)
    assert bans.is_banned(key(1), now), "who lied again and again waits longest, and stays"
    assert max(len(ban.why) for ban in bans.listed(now)) <= TEXT_MAX


def test_too_many_bans_by_hand_are_refused_and_replace_nobody() -> None:
    bans = Bans()
    for number in range(BY_HAND_MAX):
        assert bans.ban(key(number), MINUTE_MS, "", NOW) is not None
    assert bans.ban(key(BY_HAND_MAX), MINUTE_MS, "", NOW) is None
    assert bans.ban(key(0), 2 * MINUTE_MS, "", NOW) is not None, "one that is there may change"
    assert bans.ban(key(BY_HAND_MAX), MINUTE_MS, "", NOW + MINUTE_MS) is not None, "what is over makes room"


# --- by hand --------------------------------------------------------------------------------------------------------


def test_what_is_lifted_is_forgotten() -> None:
    bans, now = Bans(), NOW
    for _ in range(3):
        now += lie(bans, 1, now)
    lie(bans, 1, now)
    assert bans.lift(key(1))
    assert not bans.is_banned(key(1), now)
    assert lie(bans, 1, now) == LIE_MS
    assert not bans.lift(key(2))


def test_an_address_by_hand_keeps_out_all_who_are_there_and_can_be_lifted() -> None:
    bans = Bans()
    bans.ban("2001:db8:1:2::/64", MINUTE_MS, "", NOW)
    assert bans.of_newcomer(key(1), "2001:db8:1:2::7", NOW) is not None
    assert bans.of_link(key(1), "2001:db8:1:2::7", NOW) is not None
    assert bans.of_newcomer(key(1), "2001:db8:1:3::7", NOW) is None
    assert bans.lift("2001:db8:1:2::/64")
    assert bans.of_newcomer(key(1), "2001:db8:1:2::7", NOW) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("AB" * 32, b"\xab" * 32),
        (HOST, HOST),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("127.0.0.1", None),
        ("ab" * 31, None),
        ("203.0.113.0/24", None),
        ("seed.example", None),
        ("", None),
    ],
)
def test_an_operator_names_a_key_or_an_address(text: str, wanted: object) -> None:
    assert parse_who(text) == wanted


def test_a_banned_peer_is_told_for_how_long_and_why() -> None:
    ban = Ban("aa", Kind.LIE, NOW, NOW + 90_001, 1, "bad_signature", "")
    assert describe_ban(ban, NOW) == "banned for 91 s more: bad_signature"
    assert describe_ban(ban._replace(kind=Kind.ADDRESS), NOW) == "your address must wait for 91 s more: bad_signature"
    assert len(describe_ban(ban._replace(why="x" * 500), NOW)) == TEXT_MAX


# --- the file -------------------------------------------------------------------------------------------------------


def test_bans_come_back_as_they_were_written() -> None:
    bans = Bans()
    for number in range(5):
        lie(bans, number)
    bans.ban(key(7), DAY_MS, "by händ", NOW)
    bans.ban("192.0.2.1", DAY_MS, "", NOW)
    again = Bans()
    again.restore(decode_bans(encode_bans(bans.kept(NOW))))
    assert again.kept(NOW) == bans.kept(NOW)
    assert again.listed(NOW) == bans.listed(NOW)
    assert again.of_newcomer(key(99), HOST, NOW) == bans.of_newcomer(key(99), HOST, NOW) is not None


def test_every_changed_byte_and_every_cut_of_the_file_is_noticed() -> None:
    content = encode_bans([Ban("ab" * 32, Kind.LIE, NOW, NOW + 1, 1, "why", HOST)])
    wanted = decode_bans(content)
    for place in range(len(content)):
        for damaged in (content[:place], content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]):
            try:
                found = decode_bans(damaged)
            except DamagedBansError:
                continue
            assert found == wanted, "only white space may change and mean the same"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"version": 2, "sum": "", "bans": []}',
        b'{"version": 1, "sum": "", "bans": [1]}',
    ],
    ids=lambda content: content[:12],
)
def test_anything_else_is_no_list_of_bans(content: bytes) -> None:
    with pytest.raises(DamagedBansError):
        decode_bans(content)


def test_the_longest_list_that_can_be_written_is_read_again() -> None:
    ban = Ban("ab" * 32, Kind.LIE, NOW, NOW + BAN_MS_MAX, 10**6, "\U0001f600" * TEXT_MAX, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    assert len(encode_bans([ban])) * ENTRIES_MAX < FILE_BYTES_MAX
    assert decode_bans(encode_bans([ban] * ENTRIES_MAX)) == [ban] * ENTRIES_MAX
    with pytest.raises(DamagedBansError, match="bans"):
        decode_bans(encode_bans([ban] * (ENTRIES_MAX + 1)))


def test_the_file_for_people_is_one_line_a_ban() -> None:
    content = encode_bans([Ban("ab" * 32, Kind.LIE, NOW, NOW + 1, 1, "why", HOST)] * 2)
    assert len(content.splitlines()) == 4
    assert json.loads(content)["version"] == 1


def test_a_kept_file_is_replaced_whole_and_set_aside_whole(tmp_path: Path) -> None:
    file = KeptFile(tmp_path / "data" / "bans.json", 100)
    assert file.load() is None
    file.save(b"one")
    file.save(b"two")
    assert file.load() == b"two"
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["bans.json"]
    aside = file.set_aside()
    assert (aside.name, aside.read_bytes(), file.load()) == ("bans.json.damaged", b"two", None)
    file.save(b"x" * 1_000)
    assert file.load() == b"x" * 100, "what is too large is read in part, and is damaged then"


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = KeptFile(tmp_path / "bans.json", 100)
    file.save(b"one")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        file.save(b"two")
    monkeypatch.setattr("os.write", lambda _descriptor, content: len(content) - 1)
    with pytest.raises(OSError, match="written in part"):
        file.save(b"three")
    assert file.load() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["bans.json"]


# --- lines in the log -----------------------------------------------------------------------------------------------


def test_a_cause_has_one_line_a_minute_and_the_next_one_counts_what_was_left_out() -> None:
    budget = LogBudget()
    assert budget.take(("invalid_data", "a"), 0.0) == Line(0, 0)
    assert [budget.take(("invalid_data", "a"), float(second)) for second in range(1, 60)] == [None] * 59
    assert budget.take(("timeout", "a"), 59.0) == Line(0, 0), "another reason is another cause"
    assert budget.take(("invalid_data", "a"), PAUSE_S) == Line(59, 0)
    assert budget.take(("invalid_data", "a"), 2 * PAUSE_S) == Line(0, 0)


def test_a_flood_of_causes_has_a_bounded_number_of_lines_and_none_is_lost_from_the_count() -> None:
    budget = LogBudget()
    lines = [line for number in range(10_000) if (line := budget.take(("invalid_data", str(number)), number / 1_000)) is not None]
    assert len(lines) <= BURST + 10
    assert len(budget._causes) == CAUSES_MAX
    told = sum(line.left_out + line.left_out_others for line in lines)
    remembered = sum(cause.left_out for cause in budget._causes.values())
    assert told + remembered + budget._others == 10_000 - len(lines)
