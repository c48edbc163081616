"""What peers of one node may send with sound signatures: blocks on several branches, good and bad, ballots, certificates, transactions.

All keys but those of delegate 0, which is the node, are the peers'; that is one more than a third, so they may make
anything final.  Made once; what is signed here verifies.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from p2pchain.chain.actions.delegate import RegisterDelegate
from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.actions.stake import Stake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.block import encode_block, encode_header
from p2pchain.chain.crypto import Domain
from p2pchain.chain.evidence import encode_ballot_statement, in_order
from p2pchain.chain.transaction import build_transaction
from p2pchain.chain.types import BlockId, Hash, Height, Slot
from p2pchain.chain.votes import Ballot, Certificate, Kind, Subject, encode_subject, make_certificate
from tests.fakes.chain import ChainMaker, MadeBlock, make_genesis, signer

OTHERS = (1, 2, 3)
GENESIS = make_genesis(delegates=4, accounts=4, heartbeat_slots=3)


class Prepared(NamedTuple):
    """Everything that can be sent, by kind."""

    blocks: tuple[bytes, ...]
    ballots: tuple[Ballot, ...]
    certificates: tuple[bytes, ...]
    transactions: tuple[bytes, ...]
    subjects: tuple[Subject, ...]
    pairs: tuple[tuple[bytes, bytes], ...]
    """Blocks with the certificate that an answer carries, the first line in order."""


@cache
def prepared() -> Prepared:
    maker = ChainMaker(GENESIS)
    line = _line(maker, maker.root, 7)
    forks = [*_line(maker, line[0], 3, gap=2), *_line(maker, line[2], 2, gap=3), maker.extend(maker.root, slot=9)]
    made = [*line, *forks]
    subjects = [block.subject for block in made]
    certificates = [_certificate(kind, subject) for subject in subjects for kind in Kind]
    ballots = tuple(_ballot(kind, subject, number) for subject in subjects for kind in Kind for number in OTHERS)
    pairs = tuple((block.made.raw, _certificate(Kind.CONFIRM, block.subject).raw) for block in line)
    blocks = (*(block.made.raw for block in made), *(raw for block in made[:4] for raw in _bad(block)))
    return Prepared(blocks, ballots, tuple(item.raw for item in certificates), tuple(_transactions()), tuple(subjects), pairs)


def _line(maker: ChainMaker, parent: MadeBlock, length: int, *, gap: int = 1) -> list[MadeBlock]:
    made = []
    for i in range(length):
        carried = _certificate(Kind.VOTE, parent.subject) if parent.block is not None else None
        parent = maker.extend(parent, slot=parent.subject.slot + gap, transfers=i % 3, carried=carried)
        made.append(parent)
    return made


def _ballot(kind: Kind, subject: Subject, number: int) -> Ballot:
    key = signer(1000 + number)
    return Ballot(kind, subject, key.public_key, key.sign(kind.domain, GENESIS.chain_id, encode_subject(subject)))


def _certificate(kind: Kind, subject: Subject) -> Certificate:
    return make_certificate(kind, subject, {ballot.voter: ballot.signature for ballot in (_ballot(kind, subject, n) for n in OTHERS)})


def _bad(block: MadeBlock) -> Iterator[bytes]:
    """Blocks that their leader signed and that are wrong nevertheless."""
    header, made = block.made.header, block.made
    leader = next(signer(1000 + i) for i in range(4) if signer(1000 + i).public_key == header.producer)
    wrongs = (
        header._replace(state_root=Hash(b"\x01" * 32)),
        header._replace(height=Height(header.height + 1)),
        header._replace(slot=Slot(header.slot + 1)),
        header._replace(slot=Slot(2**62)),
        header._replace(height=Height(2**63 - 1), slot=Slot(2**63 - 1)),
        header._replace(parent=BlockId(b"\x02" * 32)),
        header._replace(reveal=Hash(b"\x03" * 32)),
        header._replace(set_id=Hash(b"\x04" * 32)),
    )
    certificate = made.certificate.raw if made.certificate is not None else b""
    for wrong in wrongs:
        raw = encode_header(wrong)
        signature = leader.sign(Domain.BLOCK, GENESIS.chain_id, raw)
        yield encode_block(raw, signature, certificate, [transaction.raw for transaction in made.transactions])


def _transactions() -> Iterator[bytes]:
    spec = GENESIS.spec()
    for account in range(4):
        key = signer(3000 + account)
        for nonce in (0, 1, 2, 7):
            yield build_transaction(key, spec, [Transfer(signer(3000).public_key, 5)], nonce=nonce, valid_until=900)
        yield build_transaction(key, spec, [Transfer(signer(3001).public_key, 10**12)], nonce=0, valid_until=900)
        yield build_transaction(key, spec, [Stake(signer(2001).public_key, 10**6)], nonce=1, valid_until=3, fee=10**6)
    newcomer = RegisterDelegate.signed(signer(50), signer(3001).public_key, 100, GENESIS.chain_id)
    yield build_transaction(signer(3001), spec, [newcomer, Stake(signer(3001).public_key, 10**11)], nonce=0, valid_until=900)
    subjects = (Subject(Slot(3), Height(2), BlockId(bytes([i]) * 32)) for i in (1, 2))
    votes = (encode_ballot_statement(_ballot(Kind.VOTE, subject, 3)) for subject in subjects)
    yield build_transaction(signer(3002), spec, [SubmitEvidence(*in_order(*votes))], nonce=0, valid_until=900)
    yield build_transaction(signer(2001), spec, [VoteChange(500, 2, ())], nonce=0, valid_until=900, fee=0)
