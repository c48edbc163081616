"""The whole of a link: what one node says in messages arrives as the same messages, however the bytes are cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.wire.connection import Connection, State
from p2pchain.wire.errors import ConnectionRefused, NotAuthentic, Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import Goodbye, Hello, Message, Part
from p2pchain.wire.secure_connection import SecureConnection
from tests.wire.ends import ACCEPTOR, DIALLER, NOW_MS, acceptor, dialler
from tests.wire.samples import OPEN_MESSAGES, OURS, SAMPLES, THEIRS

GOODBYE = Goodbye(Reason.SHUTTING_DOWN, "")
OTHERS = [sample for sample in SAMPLES if not isinstance(sample, Hello | Goodbye | Part)]


def pair() -> tuple[SecureConnection, SecureConnection]:
    return SecureConnection(dialler(), Connection(OURS)), SecureConnection(acceptor(), Connection(THEIRS))


def connected() -> tuple[SecureConnection, SecureConnection]:
    dials, accepts = pair()
    accepts.shake_hands(dials.take())
    dials.shake_hands(accepts.take())
    accepts.shake_hands(dials.take())
    return dials, accepts


def listen(connection: SecureConnection, data: bytes) -> Iterator[Message]:
    """As a session does it, for bytes that come at any time."""
    if connection.is_secure:
        yield from connection.receive(data)
        return
    connection.shake_hands(data)
    if connection.is_secure:
        yield from connection.receive(b"")


def test_the_last_word_of_the_handshake_goes_with_the_first_frames_in_one_write() -> None:
    dials, accepts = pair()
    assert not dials.is_secure
    accepts.shake_hands(dials.take())
    dials.shake_hands(accepts.take())
    assert dials.is_secure
    assert dials.node_key == ACCEPTOR.public_key
    accepts.shake_hands(dials.seal(encode_frame(OURS), NOW_MS))
    assert accepts.node_key == DIALLER.public_key
    assert list(accepts.receive(b"")) == [OURS]


def test_no_frame_is_in_clear_before_or_after_the_handshake() -> None:
    dials, _ = pair()
    with pytest.raises(AssertionError):
        dials.seal(encode_frame(OURS), NOW_MS)
    dials, _ = connected()
    assert OURS.agent.encode() not in dials.seal(encode_frame(OURS), NOW_MS)


def test_a_frame_in_clear_is_never_taken() -> None:
    _, accepts = connected()
    with pytest.raises(NotAuthentic):
        list(accepts.receive(encode_frame(THEIRS) + bytes(70_000)))
    _, accepts = pair()
    with pytest.raises(ConnectionRefused):
        accepts.shake_hands(encode_frame(THEIRS))


@pytest.mark.parametrize("step", [1, 2, 17, 100, 1_000_000])
def test_a_conversation_in_steps_of_any_size_is_the_same_one(step: int) -> None:
    dials, accepts = connected()
    whole = b"".join(dials.seal(encode_frame(message), NOW_MS) for message in (OURS, *OTHERS, GOODBYE))
    heard = [message for start in range(0, len(whole), step) for message in accepts.receive(whole[start : start + step])]
    assert heard == [OURS, *OTHERS, GOODBYE]


@given(st.lists(OPEN_MESSAGES, max_size=6), st.data())
def test_any_messages_in_any_records_survive_any_cutting(messages: list[Message], data: st.DataObject) -> None:
    dials, accepts = connected()
    frames = b"".join(encode_frame(message) for message in (OURS, *messages))
    batches = sorted(data.draw(st.lists(st.integers(0, len(frames)), max_size=6)))
    stream = b"".join(dials.seal(frames[a:b], NOW_MS) for a, b in zip([0, *batches], [*batches, len(frames)], strict=True))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    heard = [m for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) for m in accepts.receive(stream[a:b])]
    assert heard == [OURS, *messages]


def test_a_message_that_was_not_asked_for_waits_with_its_record() -> None:
    dials, accepts = connected()
    stream = dials.seal(encode_frame(OURS) + encode_frame(OTHERS[0]), NOW_MS) + dials.seal(encode_frame(OTHERS[1]), NOW_MS)
    assert next(accepts.receive(stream)) == OURS
    assert list(accepts.receive(b"")) == OTHERS[:2]


def test_messages_before_a_record_that_was_changed_are_given_out_first_and_the_connection_is_closed() -> None:
    dials, accepts = connected()
    changed = bytearray(dials.seal(encode_frame(OURS), NOW_MS) + dials.seal(encode_frame(OTHERS[0]), NOW_MS))
    changed[-1] ^= 1
    messages = accepts.receive(bytes(changed))
    assert next(messages) == OURS
    with pytest.raises(NotAuthentic):
        next(messages)
    assert accepts._connection.state is State.CLOSED


def test_what_follows_a_goodbye_is_not_even_decrypted() -> None:
    dials, accepts = connected()
    stream = dials.seal(encode_frame(GOODBYE), NOW_MS) + b"\xff" * 100_000
    assert list(accepts.receive(stream)) == [GOODBYE]


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(0, 3), st.data())
def test_any_bytes_at_any_time_are_refused_or_waited_for_and_nothing_else(chunks: list[bytes], honest: int, data: st.DataObject) -> None:
    """A peer that begins well, for `honest` flights, and then says anything."""
    dials, accepts = pair()
    ends = [dials, accepts]
    for turn in range(honest):
        ends[1 - turn % 2].shake_hands(ends[turn % 2].take())
    victim = ends[1 - honest % 2] if honest < 3 else data.draw(st.sampled_from(ends))
    was_known = victim.node_key is not None
    try:
        for chunk in chunks:
            assert list(listen(victim, chunk)) == []
    except ConnectionRefused:
        assert victim._connection.state is State.CLOSED
    assert was_known or victim.node_key is None, "nobody becomes known by chance"
