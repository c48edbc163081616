"""A block that is stored above the final one: as a node restores it at its start, and checked besides."""

from __future__ import annotations

from p2pchain.care.problem import wrong
from p2pchain.chain.crypto import Verified, attest, verify_batch
from p2pchain.chain.errors import Invalid, NotYet
from p2pchain.chain.votes import Certificate, Subject, certificate_checks, decode_certificate
from p2pchain.node.effects import Commit
from p2pchain.node.replay import Replay
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.inspection import StoredUnfinal, block_id_in
from p2pchain.storage.layout import decode_record, encode_record, height_of


def check_unfinal(stored: StoredUnfinal, replay: Replay) -> Commit:
    """What a node would store for it; `ProblemError` where it is not sound.  Few are ever there, so their signatures are checked here."""
    height = height_of(stored.key)
    try:
        record = decode_record(stored.value, stored.key)
        block, checks = replay.read(record.raw)
        verified = attest(block, verify_batch(checks))
        if verified is None or block.id != block_id_in(stored):
            raise wrong(
                "block",
                "it is not what its producer and senders signed",
                "the block of its name wanted",
                height=height,
            )
        subject = Subject(block.header.slot, block.header.height, block.id)
        commit = replay.add_unfinal(verified, _votes(stored, subject, replay))
    except DamagedStore as error:
        raise wrong("block", str(error).partition(";")[0], "a whole record wanted", height=height) from error
    except Invalid as refusal:
        raise wrong("block", str(refusal), "what the rules of the network allow wanted", height=height) from refusal
    except NotYet:
        return Commit()  # its parent fell away, or its time has not come: a node leaves it out at its start
    for _, changes in commit.blocks:
        if stored.value != encode_record(block.raw, changes.rows, changes.state_root):
            raise wrong("state", "the log's changes are not those that the block makes", "the same rows wanted", height=height)
    return commit


def _votes(stored: StoredUnfinal, subject: Subject, replay: Replay) -> Verified[Certificate] | None:
    if not stored.votes:
        return None
    votes = decode_certificate(stored.votes)
    verified = attest(votes, verify_batch(certificate_checks(votes, replay.chain_id)))
    if verified is None or votes.subject != subject:
        raise wrong("certificate", "its votes are not those of their voters", "signatures on this block wanted", height=subject.height)
    return verified
