"""What a refusal means for whoever sent the refused thing, told for every code there is.

A *lie* is wrong whatever anybody knows: the bytes alone, the chain id and the language that both ends agreed on show it,
and no honest node passes it on.  A *violation* is wrong by this node's rules and state; an honest sender that
follows other rules (a recovery that is not installed here) sends the same, so it ends the link and is soon forgotten.
What lies in time, order, load, version or network is nobody's fault; what only our own operator can cause is ours.

No table here has a default: mypy and a test object to a code that nobody has thought about.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import assert_never

from p2pchain.chain.errors import Code, Invalid, NotYet


@unique
class Consequence(StrEnum):
    """What follows for the sender."""

    LIE = "lie"
    """It is disconnected and banned."""
    VIOLATION = "violation"
    """It is disconnected and let back in after a short while."""
    NOBODY = "nobody"
    """Nothing is held against it, even where the link cannot go on."""
    OURS = "ours"
    """This node, or its operator, has to mend something."""


def consequence_of(refusal: Invalid | NotYet) -> Consequence:
    """For what was found wrong with the bytes themselves, before any state was asked."""
    match refusal:
        case NotYet():
            return Consequence.NOBODY
        case Invalid():
            return consequence_of_code(refusal.code)
        case _:
            assert_never(refusal)


def consequence_by_state(refusal: Invalid | NotYet) -> Consequence:
    """For what was found by executing it: our state and our rules are no proof against anybody."""
    found = consequence_of(refusal)
    return Consequence.VIOLATION if found is Consequence.LIE else found


def consequence_of_code(code: Code) -> Consequence:
    """Where it is a code of `Invalid`; a `NotYet` of any code is nobody's fault."""
    match code:
        case (
            Code.MALFORMED
            | Code.OVERSIZED
            | Code.NON_CANONICAL
            | Code.BAD_SIGNATURE
            | Code.WRONG_CHAIN
            | Code.WRONG_TRANSACTIONS_ROOT
            | Code.WRONG_CERTIFICATE
        ):
            return Consequence.LIE
        case (  # of a block: its transactions, or its place, as executed here
            Code.BAD_KEY
            | Code.BAD_AMOUNT
            | Code.EXPIRED
            | Code.VALIDITY_TOO_LONG
            | Code.FEE_TOO_LOW
            | Code.NONCE_TOO_LOW
            | Code.NONCE_GAP
            | Code.INSUFFICIENT_FUNDS
            | Code.NOT_A_DELEGATE
            | Code.DELEGATE_EXISTS
            | Code.DELEGATE_KEY_IN_USE
            | Code.DELEGATES_FULL
            | Code.DELEGATE_RETIRED
            | Code.TOO_FEW_DELEGATES
            | Code.NOT_DEMOTED
            | Code.COMMISSION_NOTICE
            | Code.NO_SUCH_STAKE
            | Code.TOO_MANY_POSITIONS
            | Code.NOTHING_TO_CLAIM
            | Code.DELEGATE_CONVICTED
            | Code.BAD_EVIDENCE
            | Code.STALE_EVIDENCE
            | Code.KNOWN_EVIDENCE
            | Code.WRONG_HEIGHT
            | Code.WRONG_SLOT
            | Code.WRONG_PRODUCER
            | Code.WRONG_STATE_ROOT
            | Code.WRONG_REVEAL
            | Code.WRONG_SET
            | Code.NOT_ACTIVE
            | Code.BAD_PARAMETER
            | Code.CHANGE_TOO_SOON
            | Code.CHANGES_FULL
            | Code.NO_OPEN_VOTE
        ):
            return Consequence.VIOLATION
        case (
            Code.WRONG_VERSION
            | Code.UNKNOWN_ACTION
            | Code.DUPLICATE
            | Code.REPLACEMENT_FEE_TOO_LOW
            | Code.REPLACED
            | Code.ACCOUNT_LIMIT
            | Code.POOL_FULL
            | Code.EVICTED
            | Code.UNKNOWN_PARENT
            | Code.FUTURE_SLOT
            | Code.BELOW_FINAL
            | Code.UNFINAL_LIMIT
            | Code.PROTOCOL_TOO_OLD
            | Code.NOT_RECOVERED
        ):
            return Consequence.NOBODY
        case Code.BAD_ADDRESS | Code.BAD_GENESIS | Code.BAD_RECOVERY | Code.BAD_PROOF:
            return Consequence.OURS
        case _:
            assert_never(code)
