"""Real engines whose active set changes, followed by nothing but headers, confirms and sets."""

from __future__ import annotations

import pytest

from p2pchain.chain.active_set import decode_set, encode_set
from p2pchain.chain.block import block_id, decode_header, encode_header
from p2pchain.chain.crypto import Domain
from p2pchain.chain.errors import Invalid
from p2pchain.chain.following import Point, Step, checkpoint, follow, follow_all, genesis_point
from p2pchain.chain.types import ChainId, Hash, Height
from p2pchain.chain.votes import Kind, Subject, decode_certificate, encode_subject, make_certificate
from p2pchain.node.proving import Steps, show_point, show_steps
from tests.fakes.light_network import GENESIS, block_at, chain
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import signer

CHAIN_ID = ChainId(GENESIS.chain_id)
START = genesis_point(GENESIS)


def disk() -> MemoryStore:
    return chain().disk


def final_height() -> int:
    return len(disk().final)


def shown(from_height: int = 0, to_height: int | None = None, limit: int = 64) -> Steps:
    found = show_steps(disk(), from_height, to_height, limit, final_height())
    assert found is not None
    return found


def block_of(height: int) -> bytes:
    return block_at(disk(), height)


def changing_step() -> tuple[Point, Step]:
    """The first step that leads over a change, and the point that it begins at."""
    point = START
    for step in shown().steps:
        if step.sets:
            return point, step
        point = follow(point, step, CHAIN_ID)
    raise AssertionError("the set of this chain changes")


def test_a_chain_is_followed_through_its_changes_in_as_many_steps() -> None:
    found = shown()
    point = follow_all(START, found.steps, CHAIN_ID)
    assert (point.subject.height, point.subject.block) == (final_height(), block_of(final_height()))
    assert found.next_height == found.final_height == final_height() >= 25
    assert point.above.number == sum(len(step.sets) for step in found.steps) >= 2
    assert len(found.steps) <= point.above.number + 1 < 6
    assert point.above.keys == tuple(sorted(signer(1000 + number).public_key for number in (1, 3, 4, 5)))


def test_one_step_leads_over_all_heights_without_a_change() -> None:
    last = max(decode_header(step.header).height for step in shown().steps if step.sets)
    assert final_height() - last > 3
    assert [step.sets for step in shown(last).steps] == [()]


def test_every_final_block_can_be_led_to_and_begun_at() -> None:
    for height in range(1, final_height() + 1):
        point = follow_all(START, shown(0, height).steps, CHAIN_ID)
        assert point.subject.block == block_of(height)
        begun = show_point(disk(), height, final_height())
        assert begun is not None
        assert checkpoint(begun.header, begun.active, (height, block_of(height))) == point
        assert follow_all(point, shown(height).steps, CHAIN_ID).subject.height == final_height()


def test_an_answer_of_one_step_says_where_to_go_on() -> None:
    point, asked = START, 0
    while point.subject.height < final_height():
        page = shown(point.subject.height, limit=1)
        point, asked = follow_all(point, page.steps, CHAIN_ID), asked + 1
        assert page.next_height == point.subject.height
    assert asked == len(shown().steps)


@pytest.mark.parametrize(("from_height", "to_height"), [(10**6, None), (0, 10**6), (9, 8)])
def test_nobody_is_led_where_nothing_is_final(from_height: int, to_height: int | None) -> None:
    assert show_steps(disk(), from_height, to_height, 16, final_height()) is None
    assert show_point(disk(), 10**6, final_height()) is None


def test_a_change_that_is_left_out_is_noticed() -> None:
    point, step = changing_step()
    with pytest.raises(Invalid, match="a change is left out or made up"):
        follow(point, step._replace(sets=()), CHAIN_ID)


def confirmed(header: bytes, sets: tuple[bytes, ...], *numbers: int) -> Step:
    """A step with the confirms of just these."""
    decoded = decode_header(header)
    subject = Subject(decoded.slot, decoded.height, block_id(header))
    keys = [signer(1000 + number) for number in numbers]
    signatures = {key.public_key: key.sign(Domain.CONFIRM, CHAIN_ID, encode_subject(subject)) for key in keys}
    return Step(header, make_certificate(Kind.CONFIRM, subject, signatures).raw, sets)


def test_a_block_above_a_change_needs_the_set_before_and_the_set_after() -> None:
    """2 to 5 vote up to the change, 0, 1, 4 and 5 above it."""
    point, step = changing_step()
    since = decode_set(step.sets[0]).since
    at, above = (disk().final_headers(height, 1, 10**6)[0].raw for height in (since, since + 1))
    for header, enough in ((at, (2, 3, 4)), (above, (2, 4, 5, 0)), (above, (0, 1, 2, 3, 4, 5))):
        assert follow(point, confirmed(header, step.sets, *enough), CHAIN_ID).above.number == 1
    for header, lacking in ((at, (0, 1, 4, 5)), (above, (0, 1, 4, 5)), (above, (2, 3, 4, 5)), (above, (2, 3, 4))):
        with pytest.raises(Invalid, match=r"[12] of a set of 4 delegates confirm"):
            follow(point, confirmed(header, step.sets, *lacking), CHAIN_ID)


def test_a_set_that_nobody_elected_is_noticed() -> None:
    """A header that names a set of one thief, confirmed by the thief and by fewer than a quorum of the others."""
    point, step = changing_step()
    header, true = decode_header(step.header), decode_set(step.sets[0])
    false = true._replace(keys=(signer(1000 + 77).public_key,))
    forged = encode_header(header._replace(set_id=false.id))
    with pytest.raises(Invalid, match="2 of a set of 4 delegates confirm"):
        follow(point, confirmed(forged, (encode_set(false),), 77, 2, 3), CHAIN_ID)
    with pytest.raises(Invalid, match="does not follow set"):
        follow(point, step._replace(sets=(encode_set(true._replace(before=Hash(bytes(32)))),)), CHAIN_ID)


def test_a_change_is_not_believed_to_begin_elsewhere() -> None:
    """The id of a set covers its beginning: so whoever needs to sign cannot be argued away."""
    point, step = changing_step()
    true = decode_set(step.sets[0])
    header = disk().final_headers(true.since + 1, 1, 10**6)[0].raw
    with pytest.raises(Invalid, match="left out or made up"):
        follow(point, confirmed(header, (encode_set(true._replace(since=Height(true.since + 1))),), 2, 3, 4, 5), CHAIN_ID)


def test_confirms_of_another_chain_prove_nothing() -> None:
    with pytest.raises(Invalid, match="bad_signature"):
        follow(START, shown().steps[0], ChainId(Hash(bytes(32))))


def test_votes_are_no_confirms() -> None:
    step = shown().steps[0]
    votes = decode_certificate(step.certificate)
    with pytest.raises(Invalid, match="not of confirms"):
        follow(START, step._replace(certificate=make_certificate(Kind.VOTE, votes.subject, votes.signatures).raw), CHAIN_ID)


def test_nobody_is_led_back() -> None:
    steps = shown().steps
    point = follow_all(START, steps, CHAIN_ID)
    with pytest.raises(Invalid, match="beyond height"):
        follow(point, steps[0], CHAIN_ID)


def test_a_block_right_above_must_stand_on_the_block_that_is_known() -> None:
    point = follow_all(START, shown(0, 5).steps, CHAIN_ID)
    other = point._replace(subject=point.subject._replace(block=START.subject.block))
    with pytest.raises(Invalid, match="stands on"):
        follow(other, shown(5, 6).steps[0], CHAIN_ID)


def test_a_trusted_block_is_taken_with_its_own_header_and_its_own_set_alone() -> None:
    begun = show_point(disk(), 5, final_height())
    other = show_point(disk(), final_height(), final_height())
    assert begun is not None
    assert other is not None
    with pytest.raises(Invalid, match="is trusted"):
        checkpoint(other.header, other.active, (5, block_of(5)))
    with pytest.raises(Invalid, match="the set shown"):
        checkpoint(begun.header, other.active, (5, block_of(5)))
