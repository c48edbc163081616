"""Who broke the rules, from messages that were collected: the delegates that must be dishonest, each with its proof.

The caller has verified all signatures, and gives one set of delegates: where the set changes, the one in the state of
the last block that both sides share (docs/decisions/0004).  Two kinds of proof:

- **Contradiction**: two ballots of one kind, or two blocks, by one key in one slot.  It convicts by itself, whatever else
  was or was not collected, and so it is the only kind that is fit to be punished on the chain.
- **Amnesia**: a confirm on `b` and a vote in a later slot for a `c` that does not extend `b`, where no block on c's branch
  from b's slot up to below c's is certified.  By C1 and V2 an honest delegate's vote names such a certificate, and it
  has shown or received it; so the accusation holds against whoever cannot name one.  It is as complete as
  the collection: ask the accused before you believe it.

If two conflicting blocks `b` and `d` are final and all ballots on both branches are in the collection, at least a third of
the set is named (the argument is in docs/consensus.md).  The idea: Sheng, Wang, Nayak, Kannan, Viswanath, "BFT Protocol
Forensics", CCS 2021.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple, TypeAlias

from p2pchain.chain.ballots import Contradiction
from p2pchain.chain.block import Block
from p2pchain.chain.schedule import quorum
from p2pchain.chain.types import BlockId, PublicKey
from p2pchain.chain.votes import Ballot, Kind, Subject


class Seen(NamedTuple):
    """A block, as much of it as matters here."""

    subject: Subject
    parent: BlockId
    producer: PublicKey
    certifies: Subject | None = None
    """What the certificate is about that it carries."""
    certified_by: frozenset[PublicKey] = frozenset()
    """Whose votes that certificate holds."""


class DoubleBlock(NamedTuple):
    """Two blocks of one producer in one slot."""

    first: Seen
    second: Seen


class Amnesia(NamedTuple):
    """A confirm, and a later vote that forgot it."""

    confirm: Ballot
    vote: Ballot


Proof: TypeAlias = Contradiction | DoubleBlock | Amnesia


def seen(block: Block) -> Seen:
    header, certificate = block.header, block.certificate
    subject = Subject(header.slot, header.height, block.id)
    if certificate is None:
        return Seen(subject, header.parent, header.producer)
    return Seen(subject, header.parent, header.producer, certificate.subject, frozenset(certificate.signatures))


def culprits(members: Collection[PublicKey], ballots: Iterable[Ballot], blocks: Iterable[Seen]) -> dict[PublicKey, Proof]:
    """Members that must be dishonest, each with the first proof, contradictions before amnesia."""
    said = [ballot for ballot in ballots if ballot.voter in members]
    known = {block.subject.block: block for block in blocks}
    found: dict[PublicKey, Proof] = {}
    for contradiction in _contradictions(said):
        found.setdefault(contradiction.first.voter, contradiction)
    for double in _double_blocks(known.values()):
        found.setdefault(double.first.producer, double)
    tree = _Branches(known, _certified(members, said, known.values()))
    for amnesia in _amnesia(said, tree):
        found.setdefault(amnesia.vote.voter, amnesia)
    return {key: found[key] for key in sorted(found) if key in members}


def _contradictions(ballots: list[Ballot]) -> Iterable[Contradiction]:
    first: dict[tuple[Kind, PublicKey, int], Ballot] = {}
    for ballot in ballots:
        earlier = first.setdefault((ballot.kind, ballot.voter, ballot.subject.slot), ballot)
        if earlier.subject != ballot.subject:
            yield Contradiction(earlier, ballot)


def _double_blocks(blocks: Iterable[Seen]) -> Iterable[DoubleBlock]:
    first: dict[tuple[PublicKey, int], Seen] = {}
    for block in blocks:
        earlier = first.setdefault((block.producer, block.subject.slot), block)
        if earlier.subject != block.subject:
            yield DoubleBlock(earlier, block)


def _certified(members: Collection[PublicKey], ballots: list[Ballot], blocks: Iterable[Seen]) -> frozenset[BlockId]:
    """Blocks that somebody may have believed certified: a quorum voted for them, or confirmed them."""
    counts: dict[tuple[Kind, Subject], set[PublicKey]] = defaultdict(set)
    for ballot in ballots:
        counts[ballot.kind, ballot.subject].add(ballot.voter)
    for block in blocks:
        if block.certifies is not None:
            counts[Kind.VOTE, block.certifies].update(block.certified_by.intersection(members))
    needed = quorum(len(members))
    return frozenset(subject.block for (_, subject), voters in counts.items() if len(voters) >= needed)


class _Branches(NamedTuple):
    known: dict[BlockId, Seen]
    certified: frozenset[BlockId]

    def forgets(self, vote: Subject, confirmed: Subject) -> bool:
        """Whether the branch of `vote` goes down past `confirmed` without it, and without a certificate since."""
        at = self.known.get(vote.block)
        if at is None or at.subject != vote:
            return False
        parent = self.known.get(at.parent)
        while parent is not None and parent.subject.slot >= confirmed.slot:
            if parent.subject.block == confirmed.block or parent.subject.block in self.certified:
                return False
            at, parent = parent, self.known.get(parent.parent)
        # A branch that leaves the collection may have anything below: nobody is accused because of a gap.
        return parent is not None or at.subject.height == 1


def _amnesia(ballots: list[Ballot], tree: _Branches) -> Iterable[Amnesia]:
    """Every confirm with every later vote of the same delegate that forgets it."""
    confirms: dict[PublicKey, list[Ballot]] = defaultdict(list)
    for ballot in ballots:
        if ballot.kind is Kind.CONFIRM:
            confirms[ballot.voter].append(ballot)
    for vote in ballots:
        for confirm in confirms.get(vote.voter, ()) if vote.kind is Kind.VOTE else ():
            if vote.subject.slot > confirm.subject.slot and tree.forgets(vote.subject, confirm.subject):
                yield Amnesia(confirm, vote)
