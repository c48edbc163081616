import pytest

from p2pchain.badpeers.answers import Silent, answer_of, name_of
from p2pchain.badpeers.catalogue import CATALOGUE
from p2pchain.badpeers.floods import FLOODS
from p2pchain.badpeers.frames import bombs
from p2pchain.wire.connection import Connection
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import BY_TYPE, MESSAGES, BlockMessage, CertificateMessage, Goodbye, Hello
from tests.wire.samples import OURS, THEIRS

ENDED_BY_ONE = {Hello, Goodbye}
"""Kinds that can be said once only."""
OPENED_LATER = {BlockMessage, CertificateMessage}
"""Their bytes are the message."""


def test_there_is_a_flood_of_every_kind_of_message() -> None:
    assert set(FLOODS) == set(MESSAGES) - ENDED_BY_ONE


def test_every_class_of_faults_that_strangers_can_bring_about_is_there() -> None:
    assert {attack.FAULT for attack in CATALOGUE.values()} == {"F17", "F18", "F19", "F20"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_attack_says_what_it_does_what_it_wants_and_how_long_that_takes(name: str) -> None:
    attack = CATALOGUE[name]
    assert name == attack.NAME
    assert attack.SUMMARY
    assert attack.ANSWERS
    assert Silent.BROKE_RULES not in attack.ANSWERS
    assert attack.LEAST_S <= attack.SECONDS
    assert attack.WITHIN_S is None or (attack.LEAST_S <= attack.WITHIN_S and (attack.REPEATS or attack.WITHIN_S <= attack.SECONDS))


@pytest.mark.parametrize(("number", "body"), bombs())
def test_a_bomb_is_within_its_frame_and_no_message(number: int, body: bytes) -> None:
    """So it is what is in it that is refused, not its size; a block or a certificate is opened only later."""
    connection = Connection(OURS)
    list(connection.receive(encode_frame(THEIRS)))
    frame = (len(body) + 1).to_bytes(4, "big") + bytes((number,)) + body
    kind = BY_TYPE[number]
    if kind in OPENED_LATER:
        assert [type(message) for message in connection.receive(frame)] == [kind]
        return
    with pytest.raises(ConnectionRefused) as refused:
        list(connection.receive(frame))
    assert refused.value.reason is Reason.PROTOCOL_VIOLATION
    assert "bytes, at most" not in refused.value.message


def test_a_reason_of_a_later_version_has_a_name_too() -> None:
    assert answer_of(Reason.TIMEOUT) is Reason.TIMEOUT
    assert [name_of(answer) for answer in (Reason.TIMEOUT, Silent.CLOSED, answer_of(200))] == ["timeout", "closed", "reason_200"]
