"""S2b and F16 with real engines: nobody honest is ever convicted, and whoever signs twice is, wherever both messages meet."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.crypto import Domain
from p2pchain.chain.errors import Charged
from p2pchain.chain.evidence import (
    Offence,
    Said,
    convict,
    encode_ballot_statement,
    encode_header_statement,
    encode_signed,
    find_offence,
    in_order,
)
from p2pchain.chain.state import DELEGATES
from p2pchain.chain.types import BlockId, ChainId, Signature
from p2pchain.chain.votes import Ballot, Certificate, Kind, Subject, encode_subject, make_certificate
from p2pchain.node import effects as e
from p2pchain.node import events
from p2pchain.node.events import Event
from p2pchain.node.watch import PAIRS_MAX, SLOTS_MAX, Watch
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import BallotMessage, BlockMessage, CertificateMessage
from tests.chain.offences import message_of, signed_of
from tests.fakes.chain import ChainMaker
from tests.fakes.world import Disk, SimNode, World, make_genesis, signer

SLOT_MS = 500


class Recorded(SimNode):
    """Everything that its key ever signed, over all its lives."""

    messages: set[bytes]

    def sign(self, request: e.SignRequest) -> Event:
        event = super().sign(request)
        if isinstance(event, events.BlockReceived):
            block = event.block.value
            self.messages.add(encode_header_statement(block.header_raw, block.signature))
        elif isinstance(event, events.BallotReceived):
            self.messages.add(encode_ballot_statement(event.ballot.value))
        return event


def recorded_world(seed: int) -> tuple[World, list[Recorded]]:
    genesis = make_genesis(4, unfinal_blocks_max=8)
    world = World(genesis, 4, seed=seed, delay_ms=(1, 400))
    nodes = [Recorded(world, number, Disk(genesis), is_delegate=True) for number in range(4)]
    for node in nodes:
        node.messages = set()
    world.nodes = [*nodes]
    world.start()
    return world, nodes


def disturb(world: World) -> None:
    """One of the things that happen to honest nodes, and somebody who wants something of the chain."""
    random = world.random
    node = random.choice(world.nodes)
    if node.engine is None:
        node.start()
    else:
        node.submit(node.transfer(random.randrange(4), random.randrange(4), 1))
    match random.randrange(8):
        case 0 if node.engine is not None:
            node.crash()
        case 1 if node.engine is not None:
            node.crash()
            node.disk.sign = None
        case 2:
            world.cut = {(a, b) for a in range(4) for b in range(4) if random.random() < 0.2}
        case 3 | 4:
            world.cut.clear()
            world.loss = random.choice((0.0, 0.1, 0.3))
        case _:
            pass


def judged_pairs(nodes: list[Recorded]) -> int:
    """Judges every pair of messages of each key: how many there were."""
    count = 0
    for node in nodes:
        for first, second in combinations(sorted(node.messages), 2):
            with pytest.raises(Charged):
                find_offence(first, second)
            count += 1
    return count


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_no_pair_of_messages_of_honest_delegates_convicts_whatever_happens_to_them(seed: int) -> None:
    world, nodes = recorded_world(seed)
    for _ in range(40):
        world.run(world.random.randint(50, 1_500))
        disturb(world)
    judged_pairs(nodes)
    assert all(not node.engine.core.watch.pairs() for node in nodes if node.engine is not None)
    assert all(node.contradictions == 0 for node in nodes)


def test_the_judgement_of_histories_has_much_to_judge_and_notices_a_second_vote() -> None:
    world, nodes = recorded_world(1)
    for _ in range(40):
        world.run(world.random.randint(50, 1_500))
        disturb(world)
    assert judged_pairs(nodes) > 500
    voted = next(slot for kind, slot in nodes[0].signed if kind is Kind.VOTE)
    nodes[0].messages.add(message_of(Said.VOTE, nodes[0].signer, world.spec.chain_id, voted))
    with pytest.raises(pytest.fail.Exception):
        judged_pairs(nodes)


# --- what a node hears


def heard(world: World, number: int) -> dict[Offence, tuple[bytes, bytes]]:
    return world.nodes[number].running.core.watch.pairs()


def ballot(kind: Kind, slot: int, block: int, *, key: int = 1003, world: World) -> Ballot:
    subject = Subject(world.nodes[0].running.core.head.slot, world.nodes[0].running.core.head.height, BlockId(bytes(31) + bytes((block,))))
    subject = subject._replace(slot=type(subject.slot)(slot))
    voter = signer(key)
    return Ballot(kind, subject, voter.public_key, voter.sign(kind.domain, ChainId(world.spec.chain_id), encode_subject(subject)))


def tell(world: World, number: int, *messages: BallotMessage | BlockMessage | CertificateMessage) -> None:
    node = world.nodes[number]
    for message in messages:
        node.receive(3, encode_frame(message), node.life)


def quiet_world() -> World:
    world = World(make_genesis(), 4, seed=3)
    world.start(0, 1, 2)
    world.run(6 * SLOT_MS)
    return world


@pytest.mark.parametrize("kind", list(Kind))
def test_two_ballots_are_heard_also_when_their_slot_is_final_already(kind: Kind) -> None:
    world = quiet_world()
    slot = world.nodes[0].running.core.tree.root.slot
    tell(world, 0, *(BallotMessage(ballot(kind, slot, block, world=world)) for block in (1, 2, 2, 3)))
    ((offence, pair),) = heard(world, 0).items()
    assert offence == (signer(1003).public_key, kind.name.lower(), slot)
    assert convict(*pair, ChainId(world.spec.chain_id)) == offence
    assert world.nodes[0].contradictions == 1
    assert not heard(world, 1)


def test_nothing_is_heard_from_the_future_or_of_strangers() -> None:
    world = quiet_world()
    later = world.spec.slot_at(world.now_ms) + 2
    tell(world, 0, *(BallotMessage(ballot(Kind.VOTE, later, block, world=world)) for block in (1, 2)))
    tell(world, 0, *(BallotMessage(ballot(Kind.VOTE, later - 2, block, key=77, world=world)) for block in (1, 2)))
    assert not heard(world, 0)


def test_a_delegate_that_speaks_in_two_certificates_is_heard() -> None:
    world = quiet_world()
    slot = world.spec.slot_at(world.now_ms)
    made: list[Certificate] = []
    for block in (1, 2):
        said = ballot(Kind.VOTE, slot, block, world=world)
        made.append(make_certificate(Kind.VOTE, said.subject, {said.voter: said.signature}))
    tell(world, 0, *(CertificateMessage(certificate.raw) for certificate in made))
    assert [offence.kind for offence in heard(world, 0)] == [Said.VOTE]


def test_two_blocks_of_a_slot_are_heard_though_the_second_is_refused() -> None:
    genesis = make_genesis()
    world, maker, liar = World(genesis, 4, seed=3), ChainMaker(genesis), signer(1003)
    world.start(0)
    slot = next(s for s in range(1, 9) if genesis.schedule().turn(s).delegate.consensus_key == liar.public_key)
    world.run(SLOT_MS * (slot - 1) + 50)
    good = maker.extend(maker.root, slot=slot).made
    header = good.header_raw.replace(good.header.state_root, bytes(32))
    bad = good.raw.replace(good.header_raw, header).replace(good.signature, liar.sign(Domain.BLOCK, ChainId(world.spec.chain_id), header))
    tell(world, 0, BlockMessage(good.raw), BlockMessage(bad))
    ((offence, pair),) = heard(world, 0).items()
    assert offence == (liar.public_key, "block", slot)
    assert convict(*pair, ChainId(world.spec.chain_id)) == offence
    assert [out.reason.name for out in world.nodes[0].disconnects] == ["INVALID_DATA"]


# --- from the contradiction to the penalty


class DoubleVoter(SimNode):
    """Says one thing to half of the network and another to the rest, in every vote."""

    def send(self, out: e.Outgoing) -> None:
        if isinstance(out, e.Broadcast) and isinstance(out.message, BallotMessage) and out.message.ballot.voter == self.signer.public_key:
            said = out.message.ballot
            other = said.subject._replace(block=BlockId(bytes(32)))
            signature = self.signer.sign(said.kind.domain, ChainId(self.world.spec.chain_id), encode_subject(other))
            super().send(e.Broadcast(BallotMessage(Ballot(said.kind, other, said.voter, signature))))
        super().send(out)


def test_a_double_voter_is_convicted_on_every_node_loses_its_seat_and_the_chain_goes_on() -> None:
    genesis = make_genesis(4, registered=5, slash_bps=1_000, evidence_reward_bps=500)
    world = World(genesis, 5, seed=5)
    liar = world.nodes[4] = DoubleVoter(world, 4, Disk(genesis), is_delegate=True)
    world.start()
    node = world.nodes[0]
    for _ in range(8):
        node.submit(node.transfer(0, 1, 1))
        world.run(SLOT_MS)
    (offence,) = heard(world, 0)
    assert offence.key == liar.signer.public_key
    for reporter, listener in enumerate(world.nodes[:2]):
        (result,) = listener.act(2 + reporter, SubmitEvidence(*heard(world, listener.number)[next(iter(heard(world, listener.number)))]))
        assert result.code is None
    for _ in range(12):
        node.submit(node.transfer(0, 1, 1))
        world.run(SLOT_MS)
    before = world.final_height()
    world.run(4 * SLOT_MS)
    world.check()
    for each in world.nodes[:4]:
        row = DELEGATES.load(each.disk, signer(2004).public_key)
        assert row is not None
        assert row.convicted_slot > 0
        assert offence.key not in each.running.core.head.schedule.keys
        assert len(each.running.core.head.schedule.keys) == 4
    failed = [failure for block in node.disk.final for failure in block.failed]
    assert [failure.code for failure in failed] == ["known_evidence"]
    assert before > 10


# --- the watch's bounds


def test_the_watch_forgets_the_oldest_slots_and_pairs() -> None:
    watch, chain = Watch(), make_genesis().chain_id
    for slot in range(1, SLOTS_MAX + 2):
        assert watch.hear(signed_of(Said.VOTE, signer(1), chain, slot)) is None
    assert watch.hear(signed_of(Said.VOTE, signer(1), chain, 1, block=2)) is None
    for key in range(10, 10 + PAIRS_MAX + 5):
        first, second = (signed_of(Said.VOTE, signer(key), chain, 7, block=block) for block in (1, 2))
        assert watch.hear(second) is None
        assert watch.hear(first) == (encode_signed(first), encode_signed(second))
        assert watch.hear(first) is None
    assert len(watch.pairs()) == PAIRS_MAX


def test_of_one_key_the_newest_pair_is_kept_and_all_of_them_convict() -> None:
    watch, chain = Watch(), make_genesis().chain_id
    for slot, said in ((5, Said.VOTE), (6, Said.CONFIRM), (7, Said.BLOCK)):
        offence = Offence(signer(1).public_key, said, slot)  # type: ignore[arg-type]
        signed = [signed_of(said, signer(1), chain, slot, block=block) for block in (1, 2)]
        pair = in_order(*map(encode_signed, signed))
        assert [watch.hear(each) for each in signed] == [None, pair]
        assert watch.pairs() == {offence: pair}
        assert convict(*in_order(*pair), chain) == offence


def test_a_slot_is_told_of_once_however_many_messages_contradict_each_other_in_it() -> None:
    watch, chain = Watch(), make_genesis().chain_id
    told = 0
    for block in range(1, 9):
        for slot in (5, 6):
            told += watch.hear(signed_of(Said.VOTE, signer(1), chain, slot, block=block)) is not None
    assert told == 2


def test_a_second_signature_under_the_same_words_proves_nothing() -> None:
    watch, chain = Watch(), make_genesis().chain_id
    for said in Said:
        signed = signed_of(said, signer(1), chain, 5)
        again = signed._replace(signature=Signature(bytes(64)))
        assert [watch.hear(signed), watch.hear(again), watch.pairs()] == [None, None, {}]
        assert [watch.has_heard(signed), watch.has_heard(again)] == [True, False]
