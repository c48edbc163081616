"""Voting for a change of the terms: `chain.changing` says what becomes of it."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, NamedTuple

from p2pchain.chain.actions.context import Context, Plain
from p2pchain.chain.changing import (
    SCHEDULED_MAX,
    SLOT_MS_NUMBER,
    Change,
    cast_vote,
    is_full,
    named_values,
    require_possible,
    withdraw_vote,
)
from p2pchain.chain.codec import Value, require_array, require_int
from p2pchain.chain.errors import Code, Invalid, NotYet
from p2pchain.chain.params import Wrong, find_out_of_bounds, parameter_names
from p2pchain.chain.state import GLOBALS

VERSION_MAX = 2**31 - 1
WITHDRAWN = (0, 0, ())


class _Fields(NamedTuple):
    height: int
    """First block that is judged by the new terms; 0 withdraws the sender's open vote."""
    version: int
    """Protocol version from there on: as before, or one more; 0 only to withdraw."""
    values: tuple[tuple[int, int], ...]
    """(number of the parameter, new value), ascending by number."""


class VoteChange(_Fields, Plain):
    """`[9, height, version, [[parameter, value], ...]]`: an active delegate wants exactly this change, and no other."""

    __slots__ = ()
    KIND: ClassVar[int] = 9
    NAME: ClassVar[str] = "vote_change"
    WORK: ClassVar[int] = 1_000

    @classmethod
    def decode(cls, fields: tuple[Value, ...]) -> VoteChange:
        """Checks what no state can change: so a client is told of a value out of its bounds before anything waits."""
        _, height_value, version_value, values = require_array(fields, what=cls.NAME, fields=4)
        height = require_int(height_value, what="vote_change height")
        withdraws = height == 0
        version = require_int(version_value, what="vote_change version", low=0 if withdraws else 1, high=0 if withdraws else VERSION_MAX)
        pairs = [_decode_pair(item) for item in require_array(values, what="vote_change values", fields=0 if withdraws else None)]
        if any(first >= second for (first, _), (second, _) in pairwise(pairs)):
            raise Invalid(Code.MALFORMED, "vote_change parameters are not ascending, each at most once")
        return cls(height, version, tuple(pairs))

    @classmethod
    def withdrawal(cls) -> VoteChange:
        """Takes back the sender's open vote."""
        return cls(*WITHDRAWN)

    def to_value(self) -> tuple[Value, ...]:
        return (self.KIND, *self)

    def apply(self, context: Context) -> None:
        ledger, sender = context.ledger, context.sender
        totals = ledger.get(GLOBALS)
        assert totals is not None, "the globals row is written by the genesis"
        if all(member.account != sender for member in totals.active):
            raise NotYet(Code.NOT_ACTIVE, f"{sender.hex()} is not an active delegate: only they vote on changes", account=sender)
        if self.height == 0:
            if not withdraw_vote(ledger, sender):
                raise NotYet(Code.NO_OPEN_VOTE, f"{sender.hex()} has no open vote to withdraw", account=sender)
            return
        self._require_notice(context)
        change = Change(*self)
        require_possible(ledger, change)
        if is_full(ledger, change):
            raise NotYet(Code.CHANGES_FULL, f"{SCHEDULED_MAX} changes are scheduled, the most allowed", wanted=SCHEDULED_MAX)
        cast_vote(ledger, sender, change)

    def _require_notice(self, context: Context) -> None:
        earliest = context.height + context.params.notice_blocks
        if self.height < earliest:
            text = f"change is for height {self.height}, at least {earliest} wanted: notice_blocks is {context.params.notice_blocks}"
            raise Invalid(Code.CHANGE_TOO_SOON, text, found=self.height, wanted=earliest)

    def view(self) -> dict[str, object]:
        return {"height": self.height, "version": self.version, "values": named_values(Change(*self))}


def _decode_pair(item: Value) -> tuple[int, int]:
    number_value, value = require_array(item, what="vote_change parameter", fields=2)
    number = require_int(number_value, what="vote_change parameter number")
    if not 1 <= number <= len(parameter_names()):
        raise _bad(Wrong("number", number, f"1 to {len(parameter_names())}"))
    found = require_int(value, what="vote_change parameter value")
    if number == SLOT_MS_NUMBER:
        raise _bad(Wrong("slot_ms", found, "no new value (slots are counted from the genesis)"))
    if wrong := find_out_of_bounds(number, found):
        raise _bad(wrong)
    return number, found


def _bad(wrong: Wrong) -> Invalid:
    return Invalid(Code.BAD_PARAMETER, f"parameter {wrong}", parameter=wrong.name, found=str(wrong.found), wanted=wrong.wanted)
