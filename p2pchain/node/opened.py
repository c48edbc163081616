"""A message that was decoded, and which of its signatures must be checked before it may be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

from p2pchain.chain.crypto import SignatureCheck, Verified, attest
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.transaction import Transaction
from p2pchain.node.events import Event

T = TypeVar("T")
Results: TypeAlias = Sequence[bool]


class Opened(NamedTuple):
    """A decoded message: check these, then `finish` with the answers gives the event, or raises `Invalid`."""

    checks: list[SignatureCheck]
    finish: Callable[[Results], Event]


class OpenedTransaction(NamedTuple):
    """A decoded transaction and the checks it still needs."""

    value: Transaction
    checks: list[SignatureCheck]


def require_verified(value: T, results: Results, what: str) -> Verified[T]:
    """The value as verified; `Invalid` where a signature on it is wrong."""
    verified = attest(value, results)
    if verified is None:
        raise Invalid(Code.BAD_SIGNATURE, f"{what} has a signature that is not its signer's over these bytes on this chain")
    return verified
