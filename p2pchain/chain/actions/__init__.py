"""The kinds of action, one module each, with one interface; a new kind touches none of the others.

An action is `[kind, field, ...]` on the wire.  `decode` checks the shape, `apply` changes the ledger or raises a
`Refusal` (the whole transaction then leaves no trace, or none but its fee and nonce where it is `Charged`), `view` gives
the fields that the API shows.
"""

from __future__ import annotations

from typing import TypeAlias

from p2pchain.chain.actions.delegate import ComeBack, RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.codec import Value, require_array
from p2pchain.chain.errors import Code, Invalid, shown

Action: TypeAlias = Transfer | RegisterDelegate | RetireDelegate | Stake | Unstake | ClaimRewards | ComeBack | SubmitEvidence | VoteChange
KINDS: tuple[type[Action], ...] = (
    Transfer,
    RegisterDelegate,
    RetireDelegate,
    Stake,
    Unstake,
    ClaimRewards,
    ComeBack,
    SubmitEvidence,
    VoteChange,
)
_BY_NUMBER = {kind.KIND: kind for kind in KINDS}


def decode_action(value: Value) -> Action:
    """The action in `[kind, field, ...]`; `Invalid` for an unknown kind or a wrong shape."""
    fields = require_array(value, what="action")
    number = fields[0] if fields else None
    kind = _BY_NUMBER.get(number) if type(number) is int else None
    if kind is None:
        known = ", ".join(f"{k.KIND} ({k.NAME})" for k in KINDS)
        raise Invalid(Code.UNKNOWN_ACTION, f"action kind is {shown(number)}, one of {known} wanted")
    return kind.decode(fields)
