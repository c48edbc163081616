"""What runs beside a node: the index that follows it, and the pruning that waits for the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from p2pchain.chain.mempool import Limits
from p2pchain.chain.types import Height
from p2pchain.chain.votes import Kind
from p2pchain.daemon import indexing
from p2pchain.daemon.indexing import Indexer
from p2pchain.daemon.pruning import Pruner
from p2pchain.node.effects import Commit
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.keeping import PROMISE_BLOCKS, Keep
from p2pchain.node.ports import Location
from p2pchain.storage import LmdbStore, NoHolesError, open_store
from tests.api.fakes import FakeLogger
from tests.fakes.chain import ChainMaker, make_genesis, signer

HEIGHT, KEPT = 300, 10
SLICE_S = indexing.SLICE_S
EVERYTHING = Location(1 << 60, 0)


@pytest.fixture(scope="module")
def chain() -> tuple[ChainMaker, list[Commit]]:
    maker = ChainMaker(make_genesis())
    tip, commits = maker.root, []
    for number in range(HEIGHT):
        tip = maker.extend(tip, transfers=number % 3)
        commits.append(Commit(blocks=[tip.stored], final=[tip.made.id], confirms=[maker.certificate(tip, Kind.CONFIRM)]))
    return maker, commits


@pytest.fixture
def store(tmp_path: Path, chain: tuple[ChainMaker, list[Commit]], monkeypatch: pytest.MonkeyPatch) -> Iterator[LmdbStore]:
    monkeypatch.setattr("p2pchain.node.keeping.KEPT_BLOCKS_MIN", KEPT)
    maker, commits = chain
    with open_store(tmp_path / "data", maker.genesis, flush_blocks=2, kept_blocks_min=KEPT) as made:
        made.commit(Commit(blocks=[each.blocks[0] for each in commits], final=[each.final[0] for each in commits]))
        for _ in range(3):
            made.commit(Commit(share=True))
        yield made


def engine_of(store: LmdbStore, maker: ChainMaker) -> Engine:
    return Engine(maker.spec, store.recovered().root, store, Identity(), Limits(), maker.genesis.genesis_ms + HEIGHT * 500)


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time would run on while threads work."""

    async def at_once(work: Callable[..., object], *arguments: object) -> object:
        await trio.lowlevel.checkpoint()
        return work(*arguments)

    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)


async def until(question: Callable[[], bool]) -> None:
    """In virtual time."""
    for _ in range(5_000):
        if question():
            return
        await trio.sleep(0.25)
    raise AssertionError("it never came to that")


class FakeLoop:
    """Commits at once when it is told what is kept, as the loop of a node at rest does."""

    def __init__(self, engine: Engine, store: LmdbStore) -> None:
        self.engine = engine
        self.store = store
        self.told: list[int] = []

    async def blocks_kept(self, from_height: int) -> None:
        await trio.lowlevel.checkpoint()
        assert self.store.blocks_from <= from_height, "it is promised before it goes"
        self.told.append(from_height)
        self.engine.core.blocks_from = Height(from_height)
        self.store.commit(Commit(share=True))


def made_indexer(tmp_path: Path, store: LmdbStore, maker: ChainMaker, logger: FakeLogger) -> Indexer:
    return Indexer(tmp_path / "index", maker.genesis, store, engine_of(store, maker), cast("Any", logger))


async def test_the_index_follows_to_the_last_final_block_and_writes_it(
    tmp_path: Path, store: LmdbStore, chain: tuple[ChainMaker, list[Commit]], nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    maker, logger = chain[0], FakeLogger()
    indexer = made_indexer(tmp_path, store, maker, logger)
    assert not indexer.view().is_built
    nursery.start_soon(indexer.run)
    await until(lambda: indexer.book.written_height == HEIGHT and indexer.view().is_built and bool(logger.events("info")))
    view = indexer.view()
    assert (view.from_height, view.height, view.final_height, view.failure) == (1, HEIGHT, HEIGHT, "")
    assert logger.events("info") == ["index built"]
    places = indexer.transactions(signer(3000).public_key, EVERYTHING, 5_000)
    assert list(places) == sorted(places, reverse=True)
    assert places[0].height > HEIGHT - 4
    assert len({place.height for place in places}) == HEIGHT * 2 // 3
    nursery.cancel_scope.cancel()
    indexer.close()


async def test_it_takes_a_tenth_of_the_time_however_much_there_is(
    tmp_path: Path, store: LmdbStore, chain: tuple[ChainMaker, list[Commit]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at the clock is a slice: so many pauses, whatever is left to do."""
    monkeypatch.setattr(indexing, "SLICE_S", -1.0)
    indexer = made_indexer(tmp_path, store, chain[0], FakeLogger())
    work = indexer._work()
    slices = 0
    while not indexer._slice(work):
        slices += 1
    assert slices >= HEIGHT
    assert pytest.approx(9 * SLICE_S) == indexing.PAUSE_S
    indexer.close()
    await trio.lowlevel.checkpoint()


async def test_an_index_that_fails_ends_and_the_node_lives(
    tmp_path: Path, store: LmdbStore, chain: tuple[ChainMaker, list[Commit]], autojump_clock: MockClock
) -> None:
    logger = FakeLogger()
    indexer = made_indexer(tmp_path, store, chain[0], logger)
    store.prune_to(100)
    while store.is_pruning:
        store.commit(Commit())
    await indexer.run()
    assert "block 1 was pruned before it was indexed" in indexer.view().failure
    assert not indexer.view().is_built
    assert logger.events("warning") == ["index stopped"]
    indexer.close()
    indexer = made_indexer(tmp_path, store, chain[0], logger)
    assert indexer.view().from_height == 102, "begun anew above the first block that is there"
    indexer.close()


async def test_pruning_promises_first_waits_for_the_index_and_gives_back(
    store: LmdbStore, chain: tuple[ChainMaker, list[Commit]], nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    engine = engine_of(store, chain[0])
    loop, logger, needed = FakeLoop(engine, store), FakeLogger(), [50]
    pruner = Pruner(Keep(blocks=150), store, cast("Any", loop), chain[0].spec, lambda: needed[0], cast("Any", logger))
    nursery.start_soon(pruner.run)
    await until(lambda: store.blocks_from == 50)
    for _ in range(20):
        await trio.sleep(2)
    assert store.blocks_from == 50, "what the index has not read stays"
    assert engine.core.blocks_from == 50 + PROMISE_BLOCKS
    needed[0] = 1 << 60
    await until(lambda: store.blocks_from == HEIGHT - 150 + 1 and pruner.view().given_back_bytes > 0)
    assert engine.core.blocks_from == HEIGHT - 150 + 1 + PROMISE_BLOCKS
    assert not pruner.view().is_pruning
    told = len(loop.told)
    await trio.sleep(60)
    assert len(loop.told) == told, "where nothing is left to do nobody is disturbed"
    assert (await pruner.order(Keep(blocks=5))).blocks_from == HEIGHT + 1, "less than nothing is never promised"
    await until(lambda: store.blocks_from == HEIGHT - KEPT + 1)
    nursery.cancel_scope.cancel()


async def test_other_wishes_hold_from_the_next_look_on(
    store: LmdbStore, chain: tuple[ChainMaker, list[Commit]], nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    loop, logger = FakeLoop(engine_of(store, chain[0]), store), FakeLogger()
    pruner = Pruner(Keep(), store, cast("Any", loop), chain[0].spec, lambda: 1 << 60, cast("Any", logger))
    nursery.start_soon(pruner.run)
    for _ in range(20):
        await trio.sleep(2)
    assert store.blocks_from == 1, "all is kept unless somebody says otherwise"
    pruner.adopt(Keep(blocks=150))
    await until(lambda: store.blocks_from == HEIGHT - 150 + 1)
    pruner.adopt(Keep(blocks=200))
    for _ in range(20):
        await trio.sleep(2)
    assert store.blocks_from == HEIGHT - 150 + 1, "what is gone stays gone"
    assert pruner.view().keep == Keep(blocks=200)
    nursery.cancel_scope.cancel()


async def test_a_file_system_without_holes_is_told_once(
    store: LmdbStore,
    chain: tuple[ChainMaker, list[Commit]],
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_holes(_place: object) -> object:
        raise NoHolesError("the file system makes no holes")

    monkeypatch.setattr(store, "reclaim", no_holes)
    logger = FakeLogger()
    loop = FakeLoop(engine_of(store, chain[0]), store)
    pruner = Pruner(Keep(blocks=150), store, cast("Any", loop), chain[0].spec, lambda: 1 << 60, cast("Any", logger))
    nursery.start_soon(pruner.run)
    await until(lambda: store.blocks_from == HEIGHT - 150 + 1 and bool(logger.events("warning")))
    for _ in range(20):
        await trio.sleep(2)
    assert logger.events("warning") == ["no space given back"]
    nursery.cancel_scope.cancel()
