"""The report of `recovery inspect` as JSON, and back: what the operators send to whoever drafts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from p2pchain.chain.address import decode_address, encode_address
from p2pchain.chain.errors import Refusal
from p2pchain.chain.recovery_draft import Report, Seats
from p2pchain.chain.state import ActiveDelegate
from p2pchain.chain.types import AccountId, BlockId, ChainId, Height, Slot
from p2pchain.chain.votes import Subject, decode_certificate
from p2pchain.cli.failures import Failure

BYTES_MAX = 4 << 20


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
            value = json.loads(file.read(BYTES_MAX))
        return _report(value), str(value["prefix"])
    except (ValueError, KeyError, TypeError, AttributeError, Refusal) as error:
        raise Failure(f"{path} is no report of 'p2pchain recovery inspect --json' ({type(error).__name__}: {error})") from None


def _report(value: Mapping[str, Any]) -> Report:
    prefix = value["prefix"]
    raw = value["certificate"]
    return Report(
        chain_id=ChainId(bytes.fromhex(value["chain_id"])),
        account=None if value["delegate"] is None else decode_address(prefix, value["delegate"]),
        slot=int(value["slot"]),
        lost_record=bool(value["lost_record"]),
        running=bool(value["running"]),
        final=_subject(value["final"]),
        newest=_subject(value["newest"]),
        certificate=None if raw is None else decode_certificate(bytes.fromhex(raw)),
        signed_slot=int(value["signed_slot"]),
        seats=tuple(_seats(item, prefix) for item in value["sets"]),
        candidates=tuple(decode_address(prefix, item) for item in value["candidates"]),
        silent=tuple(decode_address(prefix, item) for item in value["silent"]),
    )


def _seats(value: Mapping[str, Any], prefix: str) -> Seats:
    members = (
        ActiveDelegate(decode_address(prefix, item["address"]), bytes.fromhex(item["consensus_key"]), int(item["stake"]))
        for item in value["members"]
    )
    return Seats(int(value["from_height"]), tuple(members))


def _subject_json(subject: Subject) -> dict[str, object]:
    return {"height": subject.height, "slot": subject.slot, "hash": subject.block.hex()}


def _subject(value: Mapping[str, Any]) -> Subject:
    return Subject(Slot(int(value["slot"])), Height(int(value["height"])), BlockId(bytes.fromhex(value["hash"])))
