"""Who is named, and above all who is not."""

from collections.abc import Callable

import pytest

from p2pchain.chain.ballots import Contradiction
from p2pchain.chain.forensics import Amnesia, DoubleBlock, Seen, culprits
from p2pchain.chain.types import ZERO_HASH, BlockId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject

MEMBERS = [PublicKey(bytes([number]) * 32) for number in range(4)]
HONEST = MEMBERS[0]


def seen(block: int, slot: int, on: Seen | None = None, leader: int = 3, certifies: Seen | None = None) -> Seen:
    height = 1 if on is None else on.subject.height + 1
    subject = Subject(Slot(slot), Height(height), BlockId(bytes([block]) * 32))
    by = frozenset(MEMBERS[1:]) if certifies is not None else frozenset[PublicKey]()
    parent = BlockId(ZERO_HASH) if on is None else on.subject.block
    return Seen(subject, parent, MEMBERS[leader], None if certifies is None else certifies.subject, by)


def vote(block: Seen, who: int = 0) -> Ballot:
    return Ballot(Kind.VOTE, block.subject, MEMBERS[who], Signature(bytes(64)))


def confirm(block: Seen, who: int = 0) -> Ballot:
    return vote(block, who)._replace(kind=Kind.CONFIRM)


B = seen(1, 1)
RIVAL = seen(2, 1, leader=2)
LATER = seen(3, 2)


@pytest.mark.parametrize("say", [vote, confirm])
def test_two_ballots_of_one_kind_in_one_slot_convict(say: Callable[[Seen], Ballot]) -> None:
    ballots = [say(B), say(RIVAL)]
    assert culprits(MEMBERS, ballots, []) == {HONEST: Contradiction(*ballots)}


def test_two_blocks_of_one_producer_in_one_slot_convict() -> None:
    twin = seen(4, 1)
    assert culprits(MEMBERS, [], [B, twin]) == {MEMBERS[3]: DoubleBlock(B, twin)}


def test_a_vote_and_a_confirm_in_one_slot_do_not_convict() -> None:
    """A delegate confirms what others certified, whatever it voted for itself in that slot."""
    assert culprits(MEMBERS, [vote(RIVAL), confirm(B)], [B, RIVAL]) == {}


def test_the_same_ballot_twice_does_not_convict() -> None:
    assert culprits(MEMBERS, [vote(B), vote(B), confirm(B), confirm(B)], [B]) == {}


def test_forgetting_a_confirm_is_named() -> None:
    ballots = [confirm(B), vote(LATER)]
    assert culprits(MEMBERS, ballots, [B, LATER]) == {HONEST: Amnesia(*ballots)}


def test_voting_for_what_extends_the_confirmed_block_is_no_amnesia() -> None:
    assert (
        culprits(MEMBERS, [confirm(B), vote(seen(5, 3, on=seen(4, 2, on=B)))], [B, seen(4, 2, on=B), seen(5, 3, on=seen(4, 2, on=B))]) == {}
    )


def test_a_newer_certificate_on_the_branch_excuses() -> None:
    """The lock moved on, by votes that were collected ..."""
    child = seen(5, 4, on=LATER)
    voters = [vote(LATER, who) for who in (1, 2, 3)]
    assert culprits(MEMBERS, [confirm(B), *voters, vote(child)], [B, LATER, child]) == {}


def test_a_newer_certificate_that_a_block_carries_excuses() -> None:
    """... or by a block, where the votes themselves were lost."""
    child = seen(5, 4, on=LATER, certifies=LATER)
    assert culprits(MEMBERS, [confirm(B), vote(child)], [B, LATER, child]) == {}


def test_a_certificate_of_too_few_or_of_strangers_does_not_excuse() -> None:
    child = seen(5, 4, on=LATER, certifies=LATER)._replace(certified_by=frozenset([*MEMBERS[1:3], PublicKey(bytes([9]) * 32)]))
    assert list(culprits(MEMBERS, [confirm(B), vote(child)], [B, LATER, child])) == [HONEST]


def test_a_vote_before_the_confirm_is_another_matter() -> None:
    assert culprits(MEMBERS, [vote(B), confirm(LATER)], [B, LATER]) == {}


def test_nobody_is_accused_because_of_a_gap() -> None:
    child = seen(5, 4, on=seen(4, 3, on=B))
    assert culprits(MEMBERS, [confirm(B), vote(child)], [B, child]) == {}
    assert culprits(MEMBERS, [confirm(B), vote(child)], [B]) == {}


def test_strangers_are_not_judged() -> None:
    stranger = PublicKey(bytes([9]) * 32)
    ballots = [vote(B)._replace(voter=stranger), vote(RIVAL)._replace(voter=stranger)]
    assert culprits(MEMBERS, ballots, [B, RIVAL]) == {}
