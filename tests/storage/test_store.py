"""What any store does, on disk or in memory: `node.ports.Store`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.outcomes import Failure
from p2pchain.chain.state import GLOBALS
from p2pchain.chain.transaction import build_transaction, decode_transaction
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.node.ports import FinalBlock, Location
from tests.chain.offences import ballot_of
from tests.fakes.chain import ChainMaker, make_genesis, signer
from tests.storage.observing import UNKNOWN, InMemory, Kept, OnDisk, Reopened, finalise, now_and_reopened, observe


@pytest.fixture(scope="module")
def maker() -> ChainMaker:
    return ChainMaker(make_genesis())


@pytest.fixture(params=["disk", "disk, flushed at every block", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, maker: ChainMaker) -> Iterator[Reopened]:
    made: dict[str, Reopened] = {}
    match request.param:
        case "memory":
            made["store"] = InMemory(maker)
        case "disk":
            made["store"] = OnDisk(tmp_path / "data", maker)
        case _:
            made["store"] = OnDisk(tmp_path / "data", maker, flush_blocks=1)
    yield made["store"]
    made["store"].close()


@pytest.fixture
def store(kept: Reopened) -> Kept:
    return kept.store


def test_a_new_store_stands_at_the_genesis(store: Kept, maker: ChainMaker) -> None:
    recovered = store.recovered()
    assert recovered.root.subject == maker.root.subject
    assert recovered.root.state_root == maker.root.changes.state_root
    assert recovered.root.schedule.active == maker.genesis.schedule().active
    assert not recovered.unfinal
    assert {key: store.get(key) for key in maker.root.rows} == maker.root.rows
    assert store.final_height(maker.genesis.block_id) == 0
    assert store.final_block(0) is None


def test_an_unfinal_block_changes_no_row_and_is_found_again(kept: Reopened, maker: ChainMaker) -> None:
    block = maker.extend(maker.root, transfers=3)
    kept.store.commit(Commit(blocks=[block.stored]))
    for store in now_and_reopened(kept):
        assert [tuple(item) for item in store.recovered().unfinal] == [(block.made.raw, b"")]
        assert {key: store.get(key) for key in maker.root.rows} == maker.root.rows
        assert store.final_block(1) is None
        assert store.final_height(block.made.id) is None
        assert store.transaction(block.made.transactions[0].id) is None


def test_a_final_block_is_the_state(kept: Reopened, maker: ChainMaker) -> None:
    block = maker.extend(maker.root, transfers=3)
    certificate = maker.certificate(block, Kind.CONFIRM)
    kept.store.commit(Commit(blocks=[block.stored]))
    kept.store.commit(Commit(final=[block.made.id], confirms=[certificate]))
    for store in now_and_reopened(kept):
        assert {key: store.get(key) for key in block.rows} == block.rows
        assert store.final_block(1) == FinalBlock(block.made.raw, certificate.raw)
        assert store.final_height(block.made.id) == 1
        assert [store.transaction(item.id) for item in block.made.transactions] == [Location(1, place) for place in range(3)]
        recovered = store.recovered()
        assert recovered.root.subject == block.subject
        assert recovered.root.state_root == block.changes.state_root
        totals = GLOBALS.load(store)
        assert totals is not None
        assert recovered.root.schedule.seed == totals.seed == block.schedule.seed
        assert not recovered.unfinal


def test_the_failed_transactions_of_a_block_are_on_record(kept: Reopened, maker: ChainMaker) -> None:
    twice = ballot_of(signer(1000), maker.spec.chain_id, 1)
    raw = build_transaction(signer(3003), maker.spec, [SubmitEvidence(twice, twice)], nonce=0, valid_until=100)
    first = maker.extend(maker.root, transfers=2, transactions=[decode_transaction(raw, maker.spec)])
    second = maker.extend(first, transfers=1)
    kept.store.commit(Commit(blocks=[first.stored, second.stored]))
    kept.store.commit(Commit(final=[first.made.id, second.made.id], confirms=[maker.certificate(second, Kind.CONFIRM)]))
    for store in now_and_reopened(kept):
        assert [block.failed for block in store.final_range(1, 9, 1 << 20)] == [(Failure(0, "bad_evidence"),), ()]


def test_a_block_may_come_and_become_final_at_once(kept: Reopened, maker: ChainMaker) -> None:
    line = maker.line(maker.root, [1, 0, 2])
    commit = Commit(
        blocks=[block.stored for block in line],
        certificates=[maker.certificate(line[0], Kind.VOTE)],
        final=[block.made.id for block in line[:2]],
        confirms=[maker.certificate(line[1], Kind.CONFIRM)],
    )
    kept.store.commit(commit)
    for store in now_and_reopened(kept):
        assert store.recovered().root.subject == line[1].subject
        assert [item.raw for item in store.recovered().unfinal] == [line[2].made.raw]
        certificates = [block.certificate for block in store.final_range(1, 9, 1 << 20)]
        assert certificates == [b"", maker.certificate(line[1], Kind.CONFIRM).raw]


def test_all_proofs_of_blocks_that_become_final_at_once_are_kept(kept: Reopened, maker: ChainMaker) -> None:
    """The second is the base of a recovery, or below the block that the third proof is for: it has none of its own."""
    line = maker.line(maker.root, [1, 0, 2, 1])
    proofs = [maker.certificate(line[place], Kind.CONFIRM) for place in (0, 2)]
    kept.store.commit(Commit(blocks=[block.stored for block in line], final=[block.made.id for block in line], confirms=proofs))
    for store in now_and_reopened(kept):
        assert [block.certificate for block in store.final_range(1, 9, 1 << 20)] == [proofs[0].raw, b"", proofs[1].raw, b""]


def test_a_certificate_of_votes_stays_with_its_unfinal_block(kept: Reopened, maker: ChainMaker) -> None:
    first, second = maker.line(maker.root, [1, 1])
    votes = maker.certificate(second, Kind.VOTE)
    kept.store.commit(Commit(blocks=[first.stored, second.stored]))
    kept.store.commit(Commit(certificates=[votes]))
    for store in now_and_reopened(kept):
        assert [tuple(item) for item in store.recovered().unfinal] == [(first.made.raw, b""), (second.made.raw, votes.raw)]


def test_dropped_blocks_are_gone_and_so_are_rivals_at_a_final_height(kept: Reopened, maker: ChainMaker) -> None:
    first = maker.extend(maker.root)
    rival = maker.extend(maker.root, slot=2)
    above_rival = maker.extend(rival, slot=3)
    kept.store.commit(Commit(blocks=[first.stored, rival.stored, above_rival.stored], certificates=[maker.certificate(rival, Kind.VOTE)]))
    kept.store.commit(Commit(final=[first.made.id], dropped=[above_rival.made.id]))
    for store in now_and_reopened(kept):
        assert not store.recovered().unfinal


def test_a_block_may_come_and_fall_away_at_once(kept: Reopened, maker: ChainMaker) -> None:
    block = maker.extend(maker.root)
    kept.store.commit(Commit(blocks=[block.stored], dropped=[block.made.id]))
    for store in now_and_reopened(kept):
        assert not store.recovered().unfinal


def test_parents_come_before_children(kept: Reopened, maker: ChainMaker) -> None:
    line = maker.line(maker.root, [0] * 5)
    rival = maker.extend(line[0], slot=9)
    kept.store.commit(Commit(blocks=[block.stored for block in (*line, rival)]))
    known = {maker.genesis.block_id}
    raws = {block.made.raw: block.made for block in (*line, rival)}
    for item in kept.reopen().recovered().unfinal:
        block = raws[item.raw]
        assert block.header.parent in known
        known.add(block.id)
    assert len(known) == 7


def test_ranges_keep_their_limits(store: Kept, maker: ChainMaker) -> None:
    line = maker.line(maker.root, [2] * 6)
    for block in line:
        store.commit(finalise(block))
    raws = [block.made.raw for block in line]
    size = len(raws[1])

    def read(from_height: int, limit: int, bytes_max: int) -> list[bytes]:
        return [block.raw for block in store.final_range(from_height, limit, bytes_max)]

    assert read(1, 100, 1 << 20) == raws
    assert read(0, 3, 1 << 20) == raws[:2]
    assert read(3, 2, 1 << 20) == raws[2:4]
    assert read(2, 100, 1) == raws[1:2]
    assert read(2, 100, size + len(raws[2])) == raws[1:3]
    assert read(2, 100, size + len(raws[2]) - 1) == raws[1:2]
    assert read(6, 100, 1 << 20) == raws[5:]
    assert read(7, 100, 1 << 20) == []
    assert read(1, 0, 1 << 20) == []


def test_headers_are_those_of_the_blocks_with_their_proofs_and_keep_their_limits(kept: Reopened, maker: ChainMaker) -> None:
    line = maker.line(maker.root, [2, 0, 300, 1])
    proof = maker.certificate(line[2], Kind.CONFIRM)
    kept.store.commit(Commit([block.stored for block in line], final=[block.made.id for block in line], confirms=[proof]))
    wanted = [(block.made.header_raw, b"") for block in line]
    wanted[2] = (wanted[2][0], proof.raw)
    size = len(wanted[0][0])
    for store in now_and_reopened(kept):
        assert [tuple(header) for header in store.final_headers(1, 100, 1 << 20)] == wanted
        assert [tuple(header) for header in store.final_headers(2, 2, 1 << 20)] == wanted[1:3]
        assert [tuple(header) for header in store.final_headers(1, 100, 2 * size)] == wanted[:2]
        assert [tuple(header) for header in store.final_headers(1, 100, 1)] == wanted[:1]
        assert store.final_headers(5, 100, 1 << 20) == []


def test_what_was_never_stored_is_not_found(store: Kept, maker: ChainMaker) -> None:
    store.commit(finalise(maker.extend(maker.root, transfers=1)))
    observed = observe(store, maker, [])
    assert store.get(b"A" + UNKNOWN) is None
    assert observed["unknown"] is None
    assert observed["transactions"] == [None]


def test_an_empty_commit_is_nothing(store: Kept, maker: ChainMaker) -> None:
    before = observe(store, maker, [])
    store.commit(Commit())
    assert observe(store, maker, []) == before


def test_what_is_not_stored_cannot_become_final(store: Kept, maker: ChainMaker) -> None:
    with pytest.raises((AssertionError, KeyError)):
        store.commit(Commit(final=[maker.extend(maker.root).made.id]))


def test_no_height_is_left_out(store: Kept, maker: ChainMaker) -> None:
    first, second = maker.line(maker.root, [0, 0])
    store.commit(Commit(blocks=[first.stored, second.stored]))
    with pytest.raises(AssertionError):
        store.commit(Commit(final=[second.made.id]))
