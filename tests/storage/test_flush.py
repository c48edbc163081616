"""Rows and index follow the log in batches, and nobody can tell: every answer is that of a plain dict."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import layout, open_store, plan
from tests.fakes.chain import ChainMaker, MadeBlock, make_genesis
from tests.fakes.memory_store import MemoryStore
from tests.storage.observing import OnDisk, finalise, model_of, observe

MAKER = ChainMaker(make_genesis())
LINE = MAKER.line(MAKER.root, [1, 0, 2, 3, 0] * 9)


def flushed(disk: OnDisk) -> int:
    return disk.store._view.memory.progress.flushed


@pytest.mark.parametrize("blocks", [1, 19, 20, 21, 38, 39, 40, 41, 45])
def test_answers_are_the_same_around_every_boundary(tmp_path: Path, blocks: int) -> None:
    disk = OnDisk(tmp_path, MAKER)
    for block in LINE[:blocks]:
        disk.store.commit(finalise(block))
    wanted = observe(model_of(MAKER, LINE[:blocks]), MAKER, LINE)
    assert observe(disk.store, MAKER, LINE) == wanted
    disk.reopen()
    assert observe(disk.store, MAKER, LINE) == wanted
    for block in LINE[blocks:]:
        disk.store.commit(finalise(block))
    assert observe(disk.store, MAKER, LINE) == observe(model_of(MAKER, LINE), MAKER, LINE)
    disk.close()


def test_a_batch_is_written_in_shares_over_as_many_blocks(tmp_path: Path) -> None:
    disk = OnDisk(tmp_path, MAKER)
    heights = []
    for block in LINE[:40]:
        disk.store.commit(finalise(block))
        heights.append(flushed(disk))
    assert heights == [0] * 38 + [20, 20]
    disk.close()


def test_with_a_batch_of_one_block_nothing_waits(tmp_path: Path) -> None:
    disk = OnDisk(tmp_path, MAKER, flush_blocks=1)
    for height, block in enumerate(LINE[:5], start=1):
        disk.store.commit(finalise(block))
        assert flushed(disk) == height
        assert not disk.store._view.layers
    disk.close()


def test_many_final_blocks_in_one_commit_are_flushed_as_far_as_many_commits(tmp_path: Path) -> None:
    disk = OnDisk(tmp_path, MAKER, flush_blocks=4)
    disk.store.commit(Commit(blocks=[block.stored for block in LINE], final=[block.made.id for block in LINE]))
    assert flushed(disk) == len(LINE)
    assert observe(disk.store, MAKER, LINE) == observe(model_of(MAKER, LINE), MAKER, LINE)
    disk.close()


def test_too_many_bytes_in_memory_are_flushed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "OVERLAY_BYTES_MAX", 1)
    disk = OnDisk(tmp_path, MAKER)
    for height, block in enumerate(LINE[:3], start=1):
        disk.store.commit(finalise(block))
        assert flushed(disk) == height
    disk.close()


def test_many_bytes_in_memory_are_flushed_in_shares_before_their_number_of_blocks_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a million accounts a full block makes 11 MB of nodes."""
    monkeypatch.setattr(plan, "BATCH_BYTES", 6_000)
    disk = OnDisk(tmp_path, MAKER)
    heights = []
    for block in LINE[:30]:
        disk.store.commit(finalise(block))
        heights.append(flushed(disk))
    first = next(height for height in heights if height)
    assert 2 <= first < 20
    assert heights.index(first) + 1 == 2 * first - 1
    assert observe(disk.store, MAKER, LINE) == observe(model_of(MAKER, LINE[:30]), MAKER, LINE)
    disk.close()


def test_blocks_that_were_loaded_make_their_nodes_when_they_become_final(tmp_path: Path) -> None:
    disk = OnDisk(tmp_path, MAKER, flush_blocks=2)
    disk.store.commit(Commit(blocks=[block.stored for block in LINE[:6]]))
    disk.reopen()
    assert not any(block.changes.nodes for block in disk.store._view.memory.unfinal.values())
    for until in (1, 4, 6):
        final = len(disk.store._view.memory.unfinal)
        disk.store.commit(Commit(final=[block.made.id for block in LINE[6 - final : until]]))
        assert observe(disk.store, MAKER, LINE)["trie"] == observe(model_of(MAKER, LINE[:until]), MAKER, LINE)["trie"]
    disk.close()


def test_a_batch_cut_short_is_written_again_without_double_entries(tmp_path: Path) -> None:
    disk = OnDisk(tmp_path, MAKER, flush_blocks=5)
    for place, block in enumerate(LINE):
        disk.store.commit(finalise(block))
        if place % 3 == 0:
            disk.reopen()
    assert flushed(disk) > 0
    view = disk.store._view
    with view.txn.cursor(db=view.environment.transactions) as cursor:
        values = [bytes(value) for _, value in cursor]
    assert values
    assert all(len(layout.decode_locations(value)) == 1 for value in values)
    disk.close()


@pytest.mark.parametrize("reopens", [False, True])
def test_ids_that_share_a_prefix_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, reopens: bool) -> None:
    monkeypatch.setattr(layout, "PREFIX_BYTES", 0)
    disk = OnDisk(tmp_path, MAKER, flush_blocks=2)
    for block in LINE[:12]:
        disk.store.commit(finalise(block))
        if reopens:
            disk.reopen()
    assert observe(disk.store, MAKER, LINE) == observe(model_of(MAKER, LINE[:12]), MAKER, LINE)
    disk.close()


def test_the_index_goes_on_in_a_new_generation_when_one_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "GENERATION_ENTRIES_MAX", 4)
    disk = OnDisk(tmp_path, MAKER, flush_blocks=2)
    for block in LINE:
        disk.store.commit(finalise(block))
    assert disk.store._view.memory.progress.generation > 5
    disk.reopen()
    assert observe(disk.store, MAKER, LINE) == observe(model_of(MAKER, LINE), MAKER, LINE)
    disk.close()


class Play:
    """Two stores that get the same commits; the state is what is final and what stands above it."""

    def __init__(self, folder: Path, flush_blocks: int) -> None:
        self.disk = OnDisk(folder, MAKER, flush_blocks)
        self.model = MemoryStore(MAKER.genesis)
        self.stored = self.final = 0
        self.rivals: list[MadeBlock] = []

    def step(self, what: str) -> None:
        commit = Commit()
        match what:
            case "block" if self.stored < len(LINE):
                commit.blocks.append(LINE[self.stored].stored)
                self.stored += 1
            case "rival" if self.stored < len(LINE):
                parent = LINE[self.stored - 1] if self.stored else MAKER.root
                self.rivals.append(MAKER.extend(parent, slot=parent.subject.slot + 2))
                commit.blocks.append(self.rivals[-1].stored)
            case "drop" if self.rivals:
                commit.dropped.append(self.rivals.pop().made.id)
            case "certify" if self.stored > self.final:
                commit.certificates.append(MAKER.certificate(LINE[self.stored - 1], Kind.VOTE))
            case "final" | "all final" | "each final" if self.stored > self.final:
                until = self.final + 1 if what == "final" else self.stored
                commit.final += [block.made.id for block in LINE[self.final : until]]
                proven = LINE[self.final : until] if what == "each final" else LINE[until - 1 : until]
                commit.confirms += [MAKER.certificate(block, Kind.CONFIRM) for block in proven]
                self.final = until
                self.rivals = [rival for rival in self.rivals if rival.subject.height > until]
            case "reopen":
                self.disk.reopen()
            case _:
                return
        self.disk.store.commit(commit)
        self.model.commit(commit)


STEPS = st.sampled_from(["block", "block", "block", "final", "final", "all final", "each final", "certify", "rival", "drop", "reopen"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 6), st.lists(STEPS, max_size=60))
def test_any_history_is_that_of_the_model(flush_blocks: int, steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play = Play(Path(folder), flush_blocks)
        try:
            for what in steps:
                play.step(what)
                assert play.disk.store.recovered().root.subject == play.model.recovered().root.subject
            wanted = observe(play.model, MAKER, LINE)
            assert observe(play.disk.store, MAKER, LINE) == wanted
            assert observe(play.disk.reopen(), MAKER, LINE) == wanted
        finally:
            play.disk.close()


def test_another_batch_size_reads_the_same_store(tmp_path: Path) -> None:
    for start, flush_blocks in enumerate((3, 20, 1, 7)):
        with open_store(tmp_path, MAKER.genesis, flush_blocks=flush_blocks) as store:
            for block in LINE[start * 6 : start * 6 + 6]:
                store.commit(finalise(block))
            final = LINE[: start * 6 + 6]
            assert observe(store, MAKER, LINE) == observe(model_of(MAKER, final), MAKER, LINE)


def test_votes_for_a_final_block_are_not_kept(tmp_path: Path) -> None:
    """The confirms prove it; with 101 delegates the votes would be 10 KB a block."""
    votes, confirms = MAKER.certificate(LINE[0], Kind.VOTE), MAKER.certificate(LINE[0], Kind.CONFIRM)
    with open_store(tmp_path, MAKER.genesis) as store:
        store.commit(Commit(blocks=[LINE[0].stored], certificates=[votes]))
        store.commit(Commit(final=[LINE[0].made.id], confirms=[confirms]))
        view = store._view
        with view.txn.cursor(db=view.environment.certificates) as cursor:
            assert [value for _, value in cursor] == [confirms.raw]
