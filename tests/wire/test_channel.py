from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.wire.channel import (
    CONTENT_BYTES_MAX,
    KEY_AGE_MS_MAX,
    KEY_RECORDS_MAX,
    KEY_RECORDS_MIN,
    LENGTH_BYTES,
    RECORD_BYTES_MAX,
    SecureChannel,
)
from p2pchain.wire.errors import ConnectionRefused, NotAuthentic, RemoteViolation
from p2pchain.wire.noise import TAG_BYTES, CipherState
from tests.wire.ends import NOW_MS, channels

REKEY_BYTES = LENGTH_BYTES + TAG_BYTES


def ends(*, key_records_max: int = KEY_RECORDS_MAX) -> tuple[SecureChannel, SecureChannel]:
    """One sends, the other receives."""
    unused = CipherState(bytes(32))
    return (
        SecureChannel(CipherState(b"\x01" * 32), unused, key_records_max=key_records_max),
        SecureChannel(unused, CipherState(b"\x01" * 32), key_records_max=key_records_max),
    )


def opened(channel: SecureChannel, data: bytes) -> bytes:
    return b"".join(channel.open(data))


def hear(channel: SecureChannel, pieces: Iterable[bytes], heard: list[bytes]) -> None:
    """What came before an error is in `heard`."""
    for piece in pieces:
        for content in channel.open(piece):
            heard.append(content)  # noqa: PERF402  (one by one, so that an error finds what came before it)


def records_of(data: bytes) -> list[bytes]:
    records = []
    while data:
        size = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "big")
        records.append(data[:size])
        data = data[size:]
    return records


# --- records --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 1_000, CONTENT_BYTES_MAX - 1, CONTENT_BYTES_MAX, CONTENT_BYTES_MAX + 1, 1 << 20, 5_000_000])
def test_what_is_sealed_is_opened_in_as_few_records_as_can_be(size: int) -> None:
    sends, receives = ends()
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    sealed = sends.seal(data, NOW_MS)
    assert opened(receives, sealed) == data
    assert [len(record) for record in records_of(sealed)[:-1]] == [LENGTH_BYTES + RECORD_BYTES_MAX] * ((size - 1) // CONTENT_BYTES_MAX)


def test_nothing_is_no_record() -> None:
    sends, receives = ends()
    assert sends.seal(b"", NOW_MS) == b""
    assert opened(receives, b"") == b""


def test_both_directions_have_keys_of_their_own() -> None:
    dials, accepts = channels()
    there, back = dials.seal(b"the same", NOW_MS), accepts.seal(b"the same", NOW_MS)
    assert there != back
    assert opened(dials, back) == opened(accepts, there) == b"the same"
    with pytest.raises(NotAuthentic):
        opened(channels()[0], there)


@given(st.lists(st.binary(min_size=1, max_size=400), max_size=8), st.data())
def test_any_contents_survive_any_cutting(contents: list[bytes], data: st.DataObject) -> None:
    sends, receives = ends()
    stream = b"".join(sends.seal(content, NOW_MS) for content in contents)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    heard = [content for start, end in pairwise([0, *cuts, len(stream)]) for content in receives.open(stream[start:end])]
    assert heard == contents


def test_a_stream_byte_by_byte_is_the_same_one_and_comes_not_a_byte_sooner() -> None:
    sends, receives = ends()
    for content in (b"first", b"second" * 50):
        sealed = sends.seal(content, NOW_MS)
        assert [opened(receives, bytes([byte])) for byte in sealed] == [b""] * (len(sealed) - 1) + [content]


def test_what_is_not_asked_for_waits() -> None:
    sends, receives = ends()
    stream = b"".join(sends.seal(bytes([number]), NOW_MS) for number in range(5))
    assert next(receives.open(stream)) == b"\x00"
    assert list(receives.open(b"")) == [bytes([number]) for number in range(1, 5)]


def test_the_channel_keeps_no_more_than_one_record() -> None:
    sends, receives = ends()
    for _ in range(50):
        assert opened(receives, sends.seal(bytes(10_000), NOW_MS)) == bytes(10_000)
        assert len(receives._received) <= 10_000 + LENGTH_BYTES + TAG_BYTES


# --- replayed, reordered, dropped, flipped --------------------------------------------------------------------------

TAMPERINGS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "replayed": lambda records: [records[0], records[1], records[1], records[2]],
    "replayed later": lambda records: [*records, records[0]],
    "reordered": lambda records: [records[0], records[2], records[1]],
    "dropped": lambda records: [records[0], records[2]],
    "joined": lambda records: [records[0], joined(records[1], records[2])],
    "cut": lambda records: [records[0], (TAG_BYTES).to_bytes(2, "big") + records[1][2 : 2 + TAG_BYTES], records[2]],
}


def joined(one: bytes, two: bytes) -> bytes:
    sealed = one[LENGTH_BYTES:] + two[LENGTH_BYTES:]
    return len(sealed).to_bytes(LENGTH_BYTES, "big") + sealed


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_stream_that_was_tampered_with_ends_at_the_first_record_that_is_not_next(name: str) -> None:
    sends, receives = ends()
    contents = [b"one" * 20, b"two" * 20, b"three" * 20]
    tampered = TAMPERINGS[name]([sends.seal(content, NOW_MS) for content in contents])
    heard: list[bytes] = []
    with pytest.raises(NotAuthentic):
        hear(receives, tampered, heard)
    assert heard == contents[: len(heard)]
    assert len(heard) < len(tampered)
    with pytest.raises(NotAuthentic):
        opened(receives, sends.seal(b"once more", NOW_MS))


def test_any_changed_byte_of_a_record_ends_it_or_is_waited_for_and_never_opened() -> None:
    sends, _ = ends()
    first, second = sends.seal(b"first", NOW_MS), sends.seal(b"second", NOW_MS)
    for place in range(len(first)):
        for bits in (0x01, 0x80, 0xFF):
            changed = bytearray(first + second)
            changed[place] ^= bits
            receives = ends()[1]
            with pytest.raises(ConnectionRefused):
                opened(receives, bytes(changed) + bytes(RECORD_BYTES_MAX))
            assert receives._receiving.nonce == 0


def test_contents_before_a_changed_record_are_given_out_first_however_the_stream_is_cut() -> None:
    sends, _ = ends()
    stream = bytearray(b"".join(sends.seal(content, NOW_MS) for content in (b"one", b"two", b"three")))
    stream[-1] ^= 1
    for step in (1, 7, 40, len(stream)):
        receives, heard = ends()[1], list[bytes]()
        pieces = [bytes(stream[start : start + step]) for start in range(0, len(stream), step)]
        with pytest.raises(NotAuthentic):
            hear(receives, pieces, heard)
        assert heard == [b"one", b"two"]


@pytest.mark.parametrize("size", range(TAG_BYTES))
def test_a_record_too_short_for_its_tag_is_refused_when_its_length_is_there(size: int) -> None:
    with pytest.raises(NotAuthentic, match=f"record says {size} bytes, 16 to 65535 wanted"):
        opened(ends()[1], size.to_bytes(LENGTH_BYTES, "big"))


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_any_bytes_are_refused_or_waited_for_and_never_opened(chunks: list[bytes]) -> None:
    receives = ends()[1]
    for chunk in chunks:
        try:
            assert opened(receives, chunk) == b""
        except ConnectionRefused:
            return


# --- new keys -------------------------------------------------------------------------------------------------------


def test_a_key_serves_2_to_the_20_records_the_last_of_which_announces_the_next_key() -> None:
    assert KEY_RECORDS_MAX == 1 << 20
    sends, receives = ends(key_records_max=1_000)
    sizes = []
    for number in range(2_500):
        sealed = sends.seal(b"%d" % number, NOW_MS)
        sizes += [len(record) for record in records_of(sealed)]
        assert list(receives.open(sealed)) == [b"%d" % number]
    assert [place for place, size in enumerate(sizes) if size == REKEY_BYTES] == [999, 1_999]


def test_a_key_serves_an_hour_if_it_has_served_256_records() -> None:
    sends, receives = ends()
    for number in range(KEY_RECORDS_MIN):
        assert opened(receives, sends.seal(b"x", number)) == b"x"
    early, late = sends.seal(b"y", KEY_AGE_MS_MAX - 1), sends.seal(b"z", KEY_AGE_MS_MAX)
    assert (len(records_of(early)), len(records_of(late))) == (1, 2)
    assert opened(receives, early + late) == b"yz"
    again = [len(records_of(sends.seal(b"x", 2 * KEY_AGE_MS_MAX - 1))) for _ in range(2 * KEY_RECORDS_MIN)]
    assert set(again) == {1}, "the hour begins again"
    idle, _ = ends()
    idle.seal(b"x", 0)
    assert len(records_of(idle.seal(b"x", 10 * KEY_AGE_MS_MAX))) == 1


def test_one_send_of_many_records_changes_keys_within() -> None:
    sends, receives = ends(key_records_max=KEY_RECORDS_MIN + 2)
    data = bytes(300 * CONTENT_BYTES_MAX)
    sealed = sends.seal(data, NOW_MS)
    assert len(records_of(sealed)) == 301
    assert opened(receives, sealed) == data


def test_a_new_key_opens_nothing_of_the_old_one() -> None:
    sends, receives = ends(key_records_max=300)
    old = [sends.seal(b"x", NOW_MS) for _ in range(299)]
    switch, first = records_of(sends.seal(b"first", NOW_MS))
    assert opened(receives, b"".join(old)) == b"x" * 299
    assert opened(receives, switch) == b""
    nonce = receives._receiving.nonce
    with pytest.raises(NotAuthentic):
        opened(receives, old[0])
    assert receives._receiving.nonce == nonce == 300, "the count goes on"
    del receives._received[:]
    assert opened(receives, first) == b"first"


def test_a_peer_that_changes_keys_all_the_time_is_refused() -> None:
    sends, receives = ends()
    parts: list[bytes] = []
    sends._seal_record(b"", parts)
    with pytest.raises(RemoteViolation, match="gave up its key after 1 records, 256 wanted before that"):
        opened(receives, b"".join(parts))


def test_a_peer_that_never_changes_its_key_is_refused() -> None:
    sends, _ = ends()
    _, receives = ends(key_records_max=300)
    assert opened(receives, b"".join(sends.seal(b"x", NOW_MS) for _ in range(300))) == b"x" * 300
    with pytest.raises(RemoteViolation, match="goes on after 300 records under one key"):
        opened(receives, sends.seal(b"x", NOW_MS))
