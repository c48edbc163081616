"""Stores as engines really leave them, after lost messages, crashes, forks and recoveries: found sound, exported, built anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from p2pchain.care.exporting import Format, Heights, Table, Target, export
from p2pchain.care.importing import import_blocks
from p2pchain.care.repair import Mending, repair
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.care.verification import Scope, Verdict, Verification
from p2pchain.chain.actions.stake import Stake
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import Marks, open_store
from p2pchain.storage.inspection import inspect
from p2pchain.storage.layout import certificate_key
from p2pchain.wire.messages import BallotMessage
from tests.fakes.operators import account, agree, install
from tests.fakes.world import Disk, World, make_genesis
from tests.storage.observing import change_value

SLOT_MS = 500


class Mirrored(Disk):
    """Every commit goes to a real store as well."""

    def __init__(self, genesis: Genesis, folder: Path) -> None:
        super().__init__(genesis)
        self._store = open_store(folder, genesis, flush_blocks=4)

    def commit(self, commit: Commit) -> None:
        super().commit(commit)
        if commit:
            self._store.commit(commit)

    def close(self) -> None:
        self._store.close()


def _world(folder: Path, delegates: int = 4, registered: int | None = None, seed: int = 0) -> tuple[World, Mirrored]:
    """Node 0 has a real disk too."""
    genesis = make_genesis(delegates, registered=registered)
    world = World(genesis, delegates, seed=seed)
    disk = Mirrored(genesis, folder)
    world.nodes[0].disk = disk
    return world, disk


def _go_on(world: World, slots: int) -> None:
    for _ in range(slots):
        node = world.nodes[0]
        node.submit(node.transfer(1, 2, 1))
        world.run(SLOT_MS)


def _verify(folder: Path, world: World, recoveries: Recoveries, scope: Scope = Scope()) -> Verdict:  # noqa: B008  (a frozen value)
    with inspect(folder, world.genesis) as inspection, SignatureWorkers(0) as workers:
        return Verification(inspection, world.genesis, scope, recoveries, lambda _doing, _done: None).run(workers)


def _rounds(folder: Path, world: World, tmp_path: Path, recoveries: Recoveries) -> int:
    """Sound, and sound again after its way through a file; how many final blocks."""
    verdict = _verify(folder, world, recoveries)
    assert verdict.problem is None, str(verdict.problem)
    with inspect(folder, world.genesis) as inspection:
        target = Target(tmp_path / "file", Format.JSONL, overwrite=True)
        done = export(inspection, world.genesis, Table.BLOCKS, Heights(1, verdict.final), target, lambda _doing, _done: None)
    with SignatureWorkers(0) as workers:
        import_blocks(tmp_path / "file", tmp_path / "copy", world.genesis, recoveries, workers, lambda _doing, _done: None)
    copy = _verify(tmp_path / "copy", world, recoveries)
    assert (copy.problem, copy.final, copy.rows) == (None, done.last, verdict.rows)
    return verdict.final


def _calm(world: World) -> None:
    _go_on(world, 12)


def _lossy(world: World) -> None:
    world.loss = 0.15
    _go_on(world, 25)
    world.loss = 0.0
    _go_on(world, 3)


def _crashing(world: World) -> None:
    """Without a quorum for a while, then with it again."""
    _go_on(world, 4)
    world.crash(2, 3)
    _go_on(world, 6)
    world.start(2, 3)
    _go_on(world, 8)


def _changing(world: World) -> None:
    """The four that do not sit take the seats."""
    _go_on(world, 3)
    world.nodes[0].act(0, *[Stake(account(number), 10**10) for number in range(4)])
    _go_on(world, 12)


@pytest.mark.parametrize("story", [_calm, _lossy, _crashing])
def test_what_engines_leave_is_sound(tmp_path: Path, story: Callable[[World], None]) -> None:
    folder = tmp_path / "data"
    world, disk = _world(folder)
    world.start()
    story(world)
    disk.close()
    assert _rounds(folder, world, tmp_path, Recoveries()) >= 8


def test_a_change_of_the_set_in_the_middle_is_sound(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    world, disk = _world(folder, delegates=4, registered=8)
    world.nodes += World(world.genesis, 8).nodes[4:]
    for node in world.nodes[4:]:
        node.world = world
    world.start()
    _changing(world)
    assert disk.recovered().root.schedule.keys != world.genesis.schedule().keys
    disk.close()
    assert _rounds(folder, world, tmp_path, Recoveries()) >= 10


def test_a_chain_that_was_recovered_is_sound_to_whoever_installed_the_recovery(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    world, disk = _world(folder)
    world.start()
    _go_on(world, 6)
    world.crash(2, 3)
    _go_on(world, 4)
    world.crash(0, 1)
    recovery = agree(world, [0, 1], [2, 3])
    install(world, recovery, [0, 1])
    world.start(0, 1)
    _go_on(world, 10)
    disk.close()
    assert _rounds(folder, world, tmp_path, Recoveries([recovery])) > recovery.base.height
    problem = _verify(folder, world, Recoveries()).problem
    assert problem is not None
    assert problem.height is not None
    assert problem.height <= recovery.base.height + 1, "without the document nothing proves its base, nor allows what stands above"


def test_votes_on_an_unfinal_block_and_the_block_itself_are_checked_and_kept_by_a_repair(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    world, disk = _world(folder)
    world.start()
    _go_on(world, 6)
    world.drops = lambda _source, _target, message: isinstance(message, BallotMessage) and message.ballot.kind is Kind.CONFIRM
    _go_on(world, 4)
    certified = [item for item in disk.recovered().unfinal if item.certificate]
    disk.close()
    assert certified, "a block with votes and without confirms"
    verdict = _verify(folder, world, Recoveries())
    assert (verdict.problem, verdict.unfinal) == (None, len(disk.recovered().unfinal))

    with inspect(folder, world.genesis) as inspection, inspection.snapshot() as snapshot:
        stored = next(item for item in snapshot.unfinal() if item.votes)
    change_value(folder, b"meta", b"genesis-root", lambda value: bytes(len(value)))
    with SignatureWorkers(0) as workers:
        done = repair(Mending(folder, world.genesis, Recoveries(), Marks(1, 1)), workers, lambda _doing, _done: None)
    assert done.kept == verdict.final
    assert _verify(folder, world, Recoveries())._replace(signatures=0) == verdict._replace(signatures=0)
    with inspect(folder, world.genesis) as inspection, inspection.snapshot() as snapshot:
        assert stored in list(snapshot.unfinal()), "its votes too: this delegate may be locked on it"

    vote = certificate_key(stored.key, Kind.VOTE)
    for database, key, place in ((b"certificates", vote, "certificate"), (b"blocks", stored.key, "block")):
        change_value(folder, database, key, _rot)
        problem = _verify(folder, world, Recoveries()).problem
        assert problem is not None
        assert problem.height in {verdict.final + 1, None}, "None where the store does not open for a node either"
        assert problem.place in {place, "state", "store"}
        change_value(folder, database, key, _rot)
    assert _verify(folder, world, Recoveries()).problem is None


def _rot(value: bytes) -> bytes:
    return value[:-1] + bytes((value[-1] ^ 1,))
