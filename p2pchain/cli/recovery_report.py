"""The report of `recovery inspect` as JSON, and back: what the operators send to whoever drafts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from p2pchain.chain.address import decode_address, encode_address
from p2pchain.chain.codec import require_bytes, require_int
from p2pchain.chain.errors import Refusal, brief
from p2pchain.chain.recovery_draft import Report, Seats
from p2pchain.chain.state import ActiveDelegate
from p2pchain.chain.types import HASH_BYTES, KEY_BYTES, AccountId, BlockId, ChainId, Height, Slot
from p2pchain.chain.votes import Subject, decode_certificate
from p2pchain.cli.failures import Failure

BYTES_MAX = 4 << 20
_MISFITS = ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError
"""What taking foreign JSON apart raises, where it is not what it should be."""


def report_json(report: Report, prefix: str) -> dict[str, object]:
    def address(account: bytes) -> str:
        return encode_address(prefix, AccountId(account))

    return {
        "chain_id": report.chain_id.hex(),
        "prefix": prefix,
        "delegate": None if report.account is None else address(report.account),
        "slot": report.slot,
        "running": report.running,
        "lost_record": report.lost_record,
        "final": _subject_json(report.final),
        "newest": _subject_json(report.newest),
        "certificate": None if report.certificate is None else report.certificate.raw.hex(),
        "signed_slot": report.signed_slot,
        "sets": [
            {
                "from_height": seats.from_height,
                "members": [
                    {"address": address(member.account), "consensus_key": member.consensus_key.hex(), "stake": str(member.stake)}
                    for member in seats.members
                ],
            }
            for seats in report.seats
        ],
        "candidates": [address(account) for account in report.candidates],
        "silent": [address(account) for account in report.silent],
    }


def load_report(path: Path) -> tuple[Report, str]:
    """The report in a file, and the prefix of its addresses."""
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX)
    except OSError as error:
        raise Failure(f"{path} cannot be read ({error.strerror})") from None
    return read_report(content, path)


def read_report(content: bytes, path: Path) -> tuple[Report, str]:
    """`path` names the content in errors."""
    try:
        value = json.loads(content)
        return _report(value), str(value["prefix"])
    except (*_MISFITS, Refusal) as error:
        raise Failure(f"{path} is no report of 'p2pchain recovery inspect --json' ({brief(error)})") from None


def _report(value: Mapping[str, Any]) -> Report:
    prefix = value["prefix"]
    raw = value["certificate"]
    return Report(
        chain_id=ChainId(_bytes(value["chain_id"], HASH_BYTES)),
        account=None if value["delegate"] is None else decode_address(prefix, value["delegate"]),
        slot=_number(value["slot"]),
        lost_record=bool(value["lost_record"]),
        running=bool(value["running"]),
        final=_subject(value["final"]),
        newest=_subject(value["newest"]),
        certificate=None if raw is None else decode_certificate(bytes.fromhex(raw)),
        signed_slot=_number(value["signed_slot"]),
        seats=tuple(_seats(item, prefix) for item in value["sets"]),
        candidates=tuple(decode_address(prefix, item) for item in value["candidates"]),
        silent=tuple(decode_address(prefix, item) for item in value["silent"]),
    )


def _seats(value: Mapping[str, Any], prefix: str) -> Seats:
    members = (
        ActiveDelegate(decode_address(prefix, item["address"]), _bytes(item["consensus_key"], KEY_BYTES), _number(item["stake"]))
        for item in value["members"]
    )
    return Seats(_number(value["from_height"]), tuple(members))


def _subject_json(subject: Subject) -> dict[str, object]:
    return {"height": subject.height, "slot": subject.slot, "hash": subject.block.hex()}


def _subject(value: Mapping[str, Any]) -> Subject:
    return Subject(Slot(_number(value["slot"])), Height(_number(value["height"])), BlockId(_bytes(value["hash"], HASH_BYTES)))


def _number(value: str | int) -> int:
    return require_int(int(value), what="a number of the report")


def _bytes(value: str, size: int) -> bytes:
    return require_bytes(bytes.fromhex(value), what="a key or hash of the report", size=size)
