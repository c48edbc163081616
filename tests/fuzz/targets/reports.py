"""What operators send each other as JSON: a node's report for a recovery, and evidence that anyone may submit."""

from __future__ import annotations

import json
from pathlib import Path

from p2pchain.chain.errors import Refusal
from p2pchain.chain.evidence import convict
from p2pchain.chain.recovery_draft import Report, Seats, draft
from p2pchain.chain.types import ChainId
from p2pchain.chain.votes import Kind
from p2pchain.cli.evidence import _pair, read_evidence
from p2pchain.cli.failures import Failure
from p2pchain.cli.recovery_report import read_report, report_json
from p2pchain.genesis_file import dumps_recovery, loads_recovery
from tests.fuzz.claims import told
from tests.fuzz.mutation.formats import mutate_json
from tests.fuzz.target import Target
from tests.vectors.world import CHAIN_ID, PREFIX, account, certify, chain, double_block, double_vote

PATH = Path("report.json")
GONE = account("delegate-4")


def _check_report(data: bytes) -> str:
    """What is accepted is written and read as the same; a draft follows from it, or a reason why none does."""
    try:
        report, prefix = read_report(data, PATH)
    except Failure as failure:
        return told(failure.message, letters_max=600, is_judged=False)
    if prefix == PREFIX:
        again, _ = read_report(json.dumps(report_json(report, prefix)).encode(), PATH)
        assert again == report
    try:
        found = draft([report], {GONE}, accept_loss=True)
    except Refusal as refusal:
        return f"accepted, {told(refusal, letters_max=2_000, is_judged=False)}"
    if prefix == PREFIX:
        assert loads_recovery(dumps_recovery(found.recovery, prefix, found.words), "draft").recovery == found.recovery
    return f"accepted, drafted {len(found.recovery.signers)}"


def _reports() -> list[bytes]:
    final, newest = chain()[1], chain()[3]
    seats = (Seats(2, final.schedule.active), Seats(4, newest.schedule.active))
    candidates = tuple(member.account for member in final.schedule.active)
    whole = Report(
        chain_id=ChainId(CHAIN_ID),
        account=account("delegate-1"),
        slot=20,
        lost_record=False,
        running=False,
        final=final.subject,
        newest=newest.subject,
        certificate=certify(Kind.VOTE, newest.subject, newest.schedule),
        signed_slot=9,
        seats=seats,
        candidates=candidates,
        silent=(GONE,),
    )
    still = whole._replace(newest=final.subject, certificate=None, seats=seats[:1])
    made = [json.dumps(report_json(report, PREFIX)).encode() for report in (whole, still, still._replace(account=None))]
    return [*made, b"[" * 3_000, b"null", b"[]", b'{"slot": 1e999}', b"\xff"]


def _check_evidence(data: bytes) -> str:
    words = "nothing"
    try:
        for item in read_evidence(data, PATH):
            words = f"convicts of {convict(*_pair(item), ChainId(CHAIN_ID)).kind}"
    except Failure as failure:
        return told(failure.message, letters_max=600, is_judged=False)
    except Refusal as refusal:
        return told(refusal)
    return words


def _evidence() -> list[bytes]:
    pairs = [double_vote("delegate-1", 12), double_block("delegate-2", 9)]
    items = [{"first": pair.first.hex(), "second": pair.second.hex()} for pair in pairs]
    return [json.dumps(value).encode() for value in (items[0], items, {"evidence": items})] + [
        b"[" * 3_000,
        b"9" * 5_000,
        b'{"evidence": 1}',
    ]


TARGETS = (
    Target(
        "recovery-report",
        "a report that is written and read as the same and from which a draft follows, or Failure",
        _check_report,
        _reports,
        mutate_json,
        8_192,
    ),
    Target("evidence-file", "pairs that convict their signer, or Failure", _check_evidence, _evidence, mutate_json, 8_192),
)
