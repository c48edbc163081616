from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from p2pchain.wire.connection import Connection, State
from p2pchain.wire.errors import ConnectionRefused, LocalMisuse, Reason, RemoteViolation
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import BY_TYPE, Goodbye, Hello, Message, Part, Ping, Status
from tests.wire.samples import GOODBYES, OPEN_MESSAGES, OURS, SAMPLES, THEIRS, TIPS

GOODBYE = Goodbye(Reason.SHUTTING_DOWN, "")
OTHERS = [sample for sample in SAMPLES if not isinstance(sample, Hello | Goodbye | Part)]

each = pytest.mark.parametrize("message", OTHERS, ids=lambda message: type(message).__name__)


def fresh() -> Connection:
    return Connection(OURS)


def opened() -> Connection:
    connection = fresh()
    assert list(connection.receive(encode_frame(THEIRS))) == [THEIRS]
    return connection


def closed() -> Connection:
    connection = opened()
    connection.farewell(GOODBYE)
    return connection


def is_closed(connection: Connection) -> bool:
    return connection.state is State.CLOSED


# --- what may be said -----------------------------------------------------------------------------------------------


def test_two_ends_greet_talk_and_part() -> None:
    ours, theirs = Connection(OURS), Connection(THEIRS)
    assert list(theirs.receive(ours.greeting())) == [OURS]
    assert list(ours.receive(theirs.greeting())) == [THEIRS]
    assert [end.state for end in (ours, theirs)] == [State.OPEN] * 2
    assert (ours.theirs, theirs.theirs) == (THEIRS, OURS)
    assert list(theirs.receive(ours.send(Ping(1)))) == [Ping(1)]
    assert list(theirs.receive(ours.farewell(GOODBYE))) == [GOODBYE]
    assert [end.state for end in (ours, theirs)] == [State.CLOSED] * 2


@each
def test_an_open_connection_takes_and_gives_every_message(message: Message) -> None:
    assert list(opened().receive(opened().send(message))) == [message]


def test_everything_in_one_read_comes_out_in_order() -> None:
    data = b"".join(encode_frame(message) for message in (THEIRS, *OTHERS, GOODBYE))
    assert list(fresh().receive(data)) == [THEIRS, *OTHERS, GOODBYE]


def test_a_conversation_byte_by_byte_is_the_same_one() -> None:
    connection, heard = fresh(), list[Message]()
    for byte in b"".join(encode_frame(message) for message in (THEIRS, *OTHERS, GOODBYE)):
        heard += connection.receive(bytes([byte]))
    assert heard == [THEIRS, *OTHERS, GOODBYE]


def test_what_was_not_asked_for_yet_is_kept() -> None:
    connection = fresh()
    first = next(connection.receive(encode_frame(THEIRS) + encode_frame(Ping(1)) + encode_frame(Ping(2))[:3]))
    assert first == THEIRS
    assert list(connection.receive(encode_frame(Ping(2))[3:])) == [Ping(1), Ping(2)]


# --- what may not ---------------------------------------------------------------------------------------------------


@each
def test_nothing_may_come_before_the_hello(message: Message) -> None:
    connection = fresh()
    with pytest.raises(RemoteViolation, match=f"type {message.TYPE}, which is not allowed here"):
        list(connection.receive(encode_frame(message)))
    assert connection.state is State.CLOSED


def test_a_second_hello_is_a_violation() -> None:
    connection = opened()
    with pytest.raises(RemoteViolation, match="type 1, which is not allowed here"):
        list(connection.receive(encode_frame(THEIRS)))
    assert connection.state is State.CLOSED


def test_a_goodbye_may_come_instead_of_a_hello() -> None:
    connection = fresh()
    assert list(connection.receive(encode_frame(GOODBYE))) == [GOODBYE]
    assert connection.state is State.CLOSED


@pytest.mark.parametrize("junk", [encode_frame(Ping(1)), b"\xff" * 100, b"\x00"])
def test_what_follows_a_goodbye_is_not_read(junk: bytes) -> None:
    assert list(opened().receive(encode_frame(GOODBYE) + junk)) == [GOODBYE]


def test_messages_before_a_violation_are_given_out_first() -> None:
    messages = opened().receive(encode_frame(Ping(1)) + b"\xff" * 5 + encode_frame(Ping(2)))
    assert next(messages) == Ping(1)
    with pytest.raises(RemoteViolation):
        next(messages)
    assert list(messages) == []


@pytest.mark.parametrize("make", [fresh, closed], ids=["fresh", "closed"])
@each
def test_nothing_is_sent_unless_the_connection_is_open(make: Callable[[], Connection], message: Message) -> None:
    with pytest.raises(LocalMisuse, match=r"sent while the connection is (FRESH|CLOSED)"):
        make().send(message)


def test_nothing_is_received_once_the_connection_is_closed() -> None:
    with pytest.raises(LocalMisuse):
        list(closed().receive(b"x"))


# --- any bytes (F17) ------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=200), max_size=10), st.sampled_from([fresh, opened]))
def test_any_bytes_are_messages_or_a_refusal_and_nothing_else(chunks: list[bytes], make: Callable[[], Connection]) -> None:
    connection = make()
    for chunk in chunks:
        try:
            list(connection.receive(chunk))
        except ConnectionRefused:
            break
        if is_closed(connection):
            return
    else:
        return
    assert is_closed(connection)


class Conversation(RuleBasedStateMachine):
    """A peer that says anything well-formed, in any state, in any cut, and sometimes junk; the model is one variable."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = fresh()
        self.expected = State.FRESH

    def hear(self, data: bytes, wanted: list[Message]) -> None:
        half = len(data) // 2
        heard = list(self.connection.receive(data[:half]))
        heard += self.connection.receive(data[half:])
        assert heard == wanted

    def refuse(self, data: bytes) -> None:
        with pytest.raises(ConnectionRefused):
            list(self.connection.receive(data))
        self.expected = State.CLOSED

    @precondition(lambda self: self.expected is State.FRESH)
    @rule()
    def say_hello(self) -> None:
        self.hear(encode_frame(THEIRS), [THEIRS])
        self.expected = State.OPEN

    @precondition(lambda self: self.expected is State.OPEN)
    @rule()
    def say_hello_again(self) -> None:
        self.refuse(encode_frame(THEIRS))

    @precondition(lambda self: self.expected is State.OPEN)
    @rule(message=OPEN_MESSAGES)
    def talk(self, message: Message) -> None:
        self.hear(encode_frame(message), [message])

    @precondition(lambda self: self.expected is State.FRESH)
    @rule(message=OPEN_MESSAGES)
    def talk_too_early(self, message: Message) -> None:
        self.refuse(encode_frame(message))

    @precondition(lambda self: self.expected is not State.CLOSED)
    @rule(goodbye=GOODBYES, junk=st.binary(max_size=20))
    def part(self, goodbye: Goodbye, junk: bytes) -> None:
        assert list(self.connection.receive(encode_frame(goodbye) + junk)) == [goodbye]
        self.expected = State.CLOSED

    @precondition(lambda self: self.expected is not State.CLOSED)
    @rule(number=st.integers(0, 255).filter(lambda number: number not in BY_TYPE), size=st.integers(0, 2**32 - 1))
    def use_an_unknown_type(self, number: int, size: int) -> None:
        self.refuse(size.to_bytes(4, "big") + bytes((number,)))

    @precondition(lambda self: self.expected is State.OPEN)
    @rule()
    def answer(self) -> None:
        assert self.connection.send(Status(TIPS)) == encode_frame(Status(TIPS))

    @precondition(lambda self: self.expected is not State.OPEN)
    @rule()
    def cannot_answer(self) -> None:
        with pytest.raises(LocalMisuse):
            self.connection.send(Status(TIPS))

    @invariant()
    def state_is_as_expected(self) -> None:
        assert self.connection.state is self.expected


TestConversation = Conversation.TestCase
