"""The kinds of values that stand only in a genesis, each with its check and the words that describe it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from p2pchain.chain.address import decode_address
from p2pchain.chain.errors import Refusal
from p2pchain.chain.genesis import PREFIX_PATTERN
from p2pchain.config.kinds import Text, UnfitError

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - UTC and its offset must compare alike


@dataclass(frozen=True, slots=True)
class Moment:
    """To Unix milliseconds, without floats."""

    wanted: str = 'a time in RFC 3339 with its zone, like "2026-01-31T12:00:00Z", or Unix milliseconds'

    def check(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        moment = _parsed(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise UnfitError
        return (moment - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class HexKey:
    wanted: str = "an Ed25519 public key: 32 bytes in hex"

    def check(self, value: object) -> bytes:
        if not isinstance(value, str) or re.fullmatch("[0-9a-fA-F]{64}", value) is None:
            raise UnfitError
        return bytes.fromhex(value)


@dataclass(frozen=True, slots=True)
class Address:
    """An account of the network whose addresses begin with `prefix`."""

    prefix: str

    @property
    def wanted(self) -> str:
        return f"an address that begins with {self.prefix}1"

    def check(self, value: object) -> bytes:
        if not isinstance(value, str):
            raise UnfitError
        try:
            return decode_address(self.prefix, value)
        except Refusal as error:
            raise UnfitError(error.message) from None


PREFIX = Text(PREFIX_PATTERN.pattern, "1 to 16 of a-z and 0-9, a letter first")


@dataclass(frozen=True, slots=True)
class Hex:
    """Bytes of a fixed length."""

    size: int

    @property
    def wanted(self) -> str:
        return f"{self.size} bytes in hex"

    def check(self, value: object) -> bytes:
        try:
            data = bytes.fromhex(value) if isinstance(value, str) else b""
        except ValueError:
            raise UnfitError from None
        if len(data) != self.size:
            raise UnfitError
        return data


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
