"""The list of bans as the bytes of its file: JSON for people, with a sum that tells a damaged one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from p2pchain.net.bans import BANS_MAX, BY_HAND_MAX, Ban, Kind, is_key

VERSION = 1
FILE_BYTES_MAX = 10 << 20
"""All tables full, each entry with its longest text, all of it in escapes of twelve bytes a character: 8 MiB."""
ENTRIES_MAX = 2 * BANS_MAX + BY_HAND_MAX


class DamagedBansError(Exception):
    """What was read is no list of bans; one line."""


def encode_bans(bans: Sequence[Ban]) -> bytes:
    lines = ",\n".join(json.dumps(list(ban)) for ban in bans)
    return f'{{"version": {VERSION}, "sum": "{_sum_of(bans)}", "bans": [\n{lines}\n]}}\n'.encode()


def decode_bans(data: bytes) -> list[Ban]:
    """`DamagedBansError` for anything that `encode_bans` did not write."""
    try:
        read = json.loads(data)
        version, told, rows = read["version"], read["sum"], read["bans"]
        if version != VERSION:
            raise DamagedBansError(f"found version {version!r}, wanted {VERSION}")
        bans = [_decode(row) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedBansError(f"is not what was written: {type(error).__name__} {error}") from None
    if told != _sum_of(bans) or len(bans) > ENTRIES_MAX:
        raise DamagedBansError(f"is not what was written: {len(bans)} bans do not have the sum that it tells")
    return bans


def _decode(row: list[object]) -> Ban:
    who, kind, since_ms, until_ms, strikes, why, address = row
    texts, numbers = (who, why, address), (since_ms, until_ms, strikes)
    if not all(isinstance(text, str) for text in texts) or not all(type(number) is int for number in numbers):
        raise TypeError("a ban is text and whole numbers")
    ban = Ban(str(who), Kind(str(kind)), int(str(since_ms)), int(str(until_ms)), int(str(strikes)), str(why), str(address))
    if ban.kind in (Kind.LIE, Kind.VIOLATION) and not is_key(ban.who):
        raise ValueError(f"{ban.who!r} is no node key")
    return ban


def _sum_of(bans: Sequence[Ban]) -> str:
    return hashlib.sha256(json.dumps([list(ban) for ban in bans]).encode()).hexdigest()
