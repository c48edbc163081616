"""The two families of refusal, with one stable code each and the evidence as fields.

`Invalid` never becomes right: whoever signed or sent it is at fault.  `NotYet` may become right by itself (a parent
still on its way, a nonce ahead of its turn, a full pool): nobody is at fault and nobody may be punished for it.

Some of what is invalid can only be found out by executing it.  It is `Charged`: a block includes the transaction as
one that failed, and its sender pays for the work.
"""

from __future__ import annotations

from enum import StrEnum, unique

Evidence = int | str | bytes | None

_SHOWN_LETTERS_MAX = 100
_SHOWN_BITS_MAX = 256


def shown(value: object) -> str:
    """A stranger's value as a refusal may hold it: printable, in one line, short, whatever it is."""
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS_MAX:
        return f"a number of {value.bit_length()} bits"
    try:
        text = repr(value[:_SHOWN_LETTERS_MAX] if isinstance(value, str | bytes) else value)
    except (ValueError, RecursionError):  # it holds a number that Python writes in no decimal, or is too deep
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN_LETTERS_MAX else text[:_SHOWN_LETTERS_MAX] + "..."


def brief(error: Exception) -> str:
    """A foreign error as a refusal may hold it: its kind and its words, as far as they are printable and few."""
    words = str(error)
    fits = words.isprintable() and len(words) <= 2 * _SHOWN_LETTERS_MAX
    return f"{type(error).__name__}: {words if fits else shown(words)}"


@unique
class Code(StrEnum):
    """Stable names of refusals: they appear in the API, in logs and in `tx show`, so they are never renamed."""

    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    NON_CANONICAL = "non_canonical"
    BAD_SIGNATURE = "bad_signature"
    BAD_KEY = "bad_key"
    BAD_ADDRESS = "bad_address"
    BAD_GENESIS = "bad_genesis"
    BAD_RECOVERY = "bad_recovery"
    WRONG_CHAIN = "wrong_chain"
    WRONG_VERSION = "wrong_version"
    UNKNOWN_ACTION = "unknown_action"
    BAD_AMOUNT = "bad_amount"
    EXPIRED = "expired"
    VALIDITY_TOO_LONG = "validity_too_long"
    FEE_TOO_LOW = "fee_too_low"
    NONCE_TOO_LOW = "nonce_too_low"
    NONCE_GAP = "nonce_gap"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    DUPLICATE = "duplicate"
    REPLACEMENT_FEE_TOO_LOW = "replacement_fee_too_low"
    REPLACED = "replaced"
    ACCOUNT_LIMIT = "account_limit"
    POOL_FULL = "pool_full"
    EVICTED = "evicted"
    NOT_A_DELEGATE = "not_a_delegate"
    DELEGATE_EXISTS = "delegate_exists"
    DELEGATE_KEY_IN_USE = "delegate_key_in_use"
    DELEGATES_FULL = "delegates_full"
    DELEGATE_RETIRED = "delegate_retired"
    TOO_FEW_DELEGATES = "too_few_delegates"
    NOT_DEMOTED = "not_demoted"
    COMMISSION_NOTICE = "commission_notice"
    NO_SUCH_STAKE = "no_such_stake"
    TOO_MANY_POSITIONS = "too_many_positions"
    NOTHING_TO_CLAIM = "nothing_to_claim"
    DELEGATE_CONVICTED = "delegate_convicted"
    BAD_EVIDENCE = "bad_evidence"
    STALE_EVIDENCE = "stale_evidence"
    KNOWN_EVIDENCE = "known_evidence"
    UNKNOWN_PARENT = "unknown_parent"
    WRONG_HEIGHT = "wrong_height"
    WRONG_SLOT = "wrong_slot"
    WRONG_PRODUCER = "wrong_producer"
    WRONG_TRANSACTIONS_ROOT = "wrong_transactions_root"
    WRONG_STATE_ROOT = "wrong_state_root"
    WRONG_CERTIFICATE = "wrong_certificate"
    WRONG_REVEAL = "wrong_reveal"
    WRONG_SET = "wrong_set"
    FUTURE_SLOT = "future_slot"
    BELOW_FINAL = "below_final"
    UNFINAL_LIMIT = "unfinal_limit"
    NOT_ACTIVE = "not_active"
    BAD_PARAMETER = "bad_parameter"
    CHANGE_TOO_SOON = "change_too_soon"
    CHANGES_FULL = "changes_full"
    NO_OPEN_VOTE = "no_open_vote"
    PROTOCOL_TOO_OLD = "protocol_too_old"
    NOT_RECOVERED = "not_recovered"
    BAD_PROOF = "bad_proof"


class Refusal(Exception):  # noqa: N818  (the field's word; `except Refusal` reads as it is meant)
    """What was refused and why, in one line that names the value found and the value wanted."""

    def __init__(self, code: Code, message: str, **evidence: Evidence) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.evidence = evidence

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Invalid(Refusal):
    """Never right, now or later: the sender is at fault."""


class Charged(Invalid):
    """Invalid, and included all the same: the fee is paid, the nonce is used, and nothing else has happened."""


class NotYet(Refusal):
    """Not right now, perhaps later: nobody's fault."""
