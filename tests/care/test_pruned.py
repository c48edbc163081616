"""A home whose old blocks were pruned: what is left of them is checked, what is whole too, and what cannot be is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from p2pchain.care.exporting import ExportError, Format, Heights, Table, Target, export
from p2pchain.care.glance import glance
from p2pchain.care.repair import Mending, repair
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.care.verification import Scope
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import Marks, StorageError, open_store
from p2pchain.storage.inspection import inspect
from p2pchain.storage.layout import block_key, certificate_key, height_key
from tests.care.homes import HEIGHT, small_chain, verify
from tests.storage.observing import change_value

CHAIN = small_chain()
KEPT = 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_store(tmp_path, CHAIN.genesis, flush_blocks=4, kept_blocks_min=KEPT) as store:
        store.prune_to(HEIGHT)
        for stored, confirms in CHAIN.steps[:HEIGHT]:
            store.commit(Commit(blocks=[stored], final=[stored.block.id], confirms=[confirms]))
        store.commit(Commit(blocks=[CHAIN.steps[HEIGHT].stored]))
        assert store.blocks_from > 8
    return tmp_path


@pytest.mark.parametrize("scope", [Scope(), Scope(quick=True), Scope(1, 12), Scope(1, 5)])
def test_what_is_left_is_sound_and_it_is_said_what_was_not_checked(folder: Path, scope: Scope) -> None:
    verdict = verify(folder, CHAIN.genesis, scope)
    assert verdict.problem is None, str(verdict.problem)
    assert verdict.pruned > 7
    assert (verdict.last, verdict.rows) == (scope.to_height or HEIGHT, None)
    assert (verdict.signatures == 0) == scope.quick
    assert verdict.unfinal == (scope == Scope())


def _rot(value: bytes) -> bytes:
    return value[:-1] + bytes((value[-1] ^ 1,))


def _id(height: int) -> bytes:
    return CHAIN.steps[height - 1].stored.block.id


@pytest.mark.parametrize(
    ("database", "height", "key", "change", "place"),
    [
        (b"headers", 3, height_key(3), _rot, "block"),
        (b"headers", 3, height_key(3), lambda _: b"", "block"),
        (b"certificates", 3, certificate_key(block_key(3, _id(3)), Kind.CONFIRM), _rot, "certificate"),
        (b"heights", 3, _id(3), lambda _: height_key(4), "store"),
        (b"blocks", 20, block_key(20, _id(20)), _rot, "block"),
        (b"certificates", 20, certificate_key(block_key(20, _id(20)), Kind.CONFIRM), _rot, "certificate"),
        (b"final", 20, height_key(20), lambda _: _id(21), "block"),
    ],
)
def test_what_rots_is_found(folder: Path, database: bytes, height: int, key: bytes, change: Callable[[bytes], bytes], place: str) -> None:
    change_value(folder, database, key, change)
    problem = verify(folder, CHAIN.genesis).problem
    assert problem is not None
    assert (problem.place, problem.height) == (place, height), str(problem)


def test_a_repair_says_that_it_cannot_execute_what_is_left(folder: Path) -> None:
    change_value(folder, b"certificates", certificate_key(block_key(20, _id(20)), Kind.CONFIRM), _rot)
    with SignatureWorkers(0) as workers, pytest.raises(StorageError, match="--from-scratch"):
        repair(Mending(folder, CHAIN.genesis, Recoveries(), Marks(1, 1)), workers, lambda _doing, _done: None)
    assert not list(folder.glob("chain.*"))


def test_an_export_begins_where_the_blocks_do_and_the_glance_too(folder: Path, tmp_path: Path) -> None:
    first = verify(folder, CHAIN.genesis).pruned + 1
    with inspect(folder, CHAIN.genesis) as inspection:
        target = Target(tmp_path / "file", Format.JSONL)
        with pytest.raises(ExportError, match=f"this home has blocks {first} to {HEIGHT}; older ones were pruned"):
            export(inspection, CHAIN.genesis, Table.BLOCKS, Heights(1, HEIGHT), target, lambda _doing, _done: None)
        export(inspection, CHAIN.genesis, Table.BLOCKS, Heights(first, HEIGHT), target, lambda _doing, _done: None)
    assert glance(folder, CHAIN.genesis, 200).looked_at == HEIGHT - first + 1
