from __future__ import annotations

import pytest

from p2pchain.chain.consequences import Consequence, consequence_by_state, consequence_of, consequence_of_code
from p2pchain.chain.errors import Charged, Code, Invalid, NotYet, Refusal
from p2pchain.wire.errors import ConnectionRefused, NotAuthentic, Reason, RemoteViolation, consequence_of_reason


def families(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*(families(each) for each in kind.__subclasses__()))


@pytest.mark.parametrize("code", Code)
def test_every_code_says_what_it_means_for_its_sender(code: Code) -> None:
    assert consequence_of_code(code) in Consequence
    assert consequence_of(Invalid(code, "never right")) is consequence_of_code(code)


@pytest.mark.parametrize("code", Code)
def test_nobody_is_at_fault_for_what_may_become_right(code: Code) -> None:
    assert consequence_of(NotYet(code, "perhaps later")) is Consequence.NOBODY


@pytest.mark.parametrize("code", Code)
def test_what_our_own_state_says_is_no_proof_against_anybody(code: Code) -> None:
    assert consequence_by_state(Invalid(code, "by our rules")) is not Consequence.LIE


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_it_means_and_none_of_them_alone_is_a_lie(reason: Reason) -> None:
    assert consequence_of_reason(reason) is not Consequence.LIE
    assert ConnectionRefused(reason, "text").consequence is consequence_of_reason(reason)


def test_there_are_no_other_families_of_refusal() -> None:
    assert families(Refusal) == {Refusal, Invalid, Charged, NotYet}
    assert families(ConnectionRefused) == {ConnectionRefused, RemoteViolation, NotAuthentic}


@pytest.mark.parametrize(
    "reason",
    [
        Reason.TIMEOUT,
        Reason.TOO_SLOW,
        Reason.SHUTTING_DOWN,
        Reason.ALREADY_CONNECTED,
        Reason.TOO_MANY_PEERS,
        Reason.WRONG_CHAIN,
        Reason.WRONG_PROTOCOL,
        Reason.WRONG_NODE,
        Reason.NOT_AUTHENTIC,
    ],
)
def test_the_late_the_restarted_and_those_of_other_networks_and_versions_have_done_nothing(reason: Reason) -> None:
    assert consequence_of_reason(reason) is Consequence.NOBODY


@pytest.mark.parametrize("code", [Code.WRONG_VERSION, Code.UNKNOWN_ACTION, Code.FUTURE_SLOT, Code.UNKNOWN_PARENT, Code.BELOW_FINAL])
def test_another_version_another_clock_and_another_order_are_nobodys_fault(code: Code) -> None:
    assert consequence_of_code(code) is Consequence.NOBODY


@pytest.mark.parametrize("code", [Code.MALFORMED, Code.NON_CANONICAL, Code.BAD_SIGNATURE, Code.WRONG_TRANSACTIONS_ROOT])
def test_what_the_bytes_alone_disprove_is_a_lie(code: Code) -> None:
    assert consequence_of_code(code) is Consequence.LIE
