"""Mending a damaged chain: what is sound is built anew beside, what is not is set aside, and peers give the rest.

The store cannot be cut back in place: rows and index stand where the last blocks left them, and a row has no memory.  So the
blocks up to the first bad one are executed again into a new store, by the door of a catch-up, and the old store keeps lying beside
it, whole, until its operator removes it.  Keys, configuration and above all the memory of what was signed stay as they are: this
delegate is locked on what it confirmed, so it votes for nothing that contradicts the blocks that it no longer has.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from p2pchain.care.blocks import checked, read_finals
from p2pchain.care.problem import Problem, ProblemError
from p2pchain.care.rebuilding import Rebuilding, put_in_place, rebuilding, set_aside, work_folder
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.care.unfinal import check_unfinal
from p2pchain.care.verification import Scope, Tick, Verification
from p2pchain.chain.errors import Refusal
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.recovery import Recoveries
from p2pchain.storage.durable import ProcessLock
from p2pchain.storage.environment import NAME
from p2pchain.storage.errors import DamagedStore, DiskFull, StorageError, mapped
from p2pchain.storage.inspection import Inspection, inspect, is_damage
from p2pchain.storage.room import Marks, volume_of

DAMAGED = "damaged"


class Repaired(NamedTuple):
    """What was done; `aside` is None where nothing was wrong, and nothing was done."""

    problem: Problem | None
    final: int
    """Last final height of the store as it was; 0 where it cannot be told."""
    kept: int
    """Up to which height the new store goes."""
    aside: Path | None


class Mending(NamedTuple):
    data_dir: Path
    genesis: Genesis
    recoveries: Recoveries
    marks: Marks


def repair(mending: Mending, workers: SignatureWorkers, tick: Tick) -> Repaired:
    """Check everything, and where something is wrong keep the sound blocks alone.  `HomeInUse` while a node runs."""
    with ExitStack() as stack:
        stack.callback(ProcessLock(mending.data_dir / "lock").release)
        _require_there(mending.data_dir)
        try:
            inspection = stack.enter_context(inspect(mending.data_dir, mending.genesis))
        except StorageError as error:
            if not is_damage(error):
                raise
            problem = Problem("store", str(error), "a store of this network wanted", "")
            return Repaired(problem, 0, 0, set_aside(mending.data_dir, DAMAGED))
        verdict = Verification(inspection, mending.genesis, Scope(), mending.recoveries, tick).run(workers)
        if verdict.problem is None:
            return Repaired(None, verdict.final, verdict.final, None)
        if verdict.pruned:
            raise StorageError(
                f"{verdict.problem}; this home was pruned up to height {verdict.pruned}, so its blocks cannot be executed again:"
                " fetch the chain anew with --from-scratch, the old store stays beside it"
            )
        _require_room(mending)
        folder = stack.enter_context(work_folder(mending.data_dir))
        kept = _salvage(inspection, folder, mending, workers, tick)
        return Repaired(verdict.problem, verdict.final, kept, put_in_place(folder, mending.data_dir, DAMAGED))


def start_over(data_dir: Path) -> Path:
    """Keep nothing: the node fetches the whole chain.  `HomeInUse` while a node runs, `StorageError` where there is no chain."""
    lock = ProcessLock(data_dir / "lock")
    try:
        _require_there(data_dir)
        return set_aside(data_dir, DAMAGED)
    finally:
        lock.release()


def _require_there(data_dir: Path) -> None:
    if not (data_dir / NAME).exists():
        raise StorageError(f"{data_dir} holds no chain: there is nothing to repair; start the node and it fetches one")


def kept_aside(data_dir: Path) -> Sequence[Path]:
    """What earlier repairs set aside, oldest first."""
    return sorted(path for path in data_dir.glob(f"{NAME}.{DAMAGED}-*") if path.is_dir())


def remove_aside(path: Path) -> None:
    with mapped("removing", path):
        shutil.rmtree(path)


def _salvage(inspection: Inspection, folder: Path, mending: Mending, workers: SignatureWorkers, tick: Tick) -> int:
    """Every block is checked once more on its way: a disk that fails may read differently each time."""
    with rebuilding(folder, mending.genesis, mending.recoveries) as work:
        try:
            top = inspection.last_height()
            for sound in checked(read_finals(inspection.finals(range(1, top + 1)), work.replay), workers):
                work.take(sound)
                tick("keeping", len(sound.found.stored.value))
            work.write()
            if work.final == top:
                _keep_unfinal(inspection, work)
        except (ProblemError, Refusal, DamagedStore):
            pass  # up to here it is sound, and from here on peers are asked
    return work.final


def _keep_unfinal(inspection: Inspection, work: Rebuilding) -> None:
    """Delegates may be locked on one of them."""
    for stored in inspection.unfinal():
        work.take_unfinal(check_unfinal(stored, work.replay))


def _require_room(mending: Mending) -> None:
    """The new store is no larger than the old one."""
    room = volume_of(mending.data_dir, mending.marks)
    size = (mending.data_dir / NAME / "data.mdb").stat().st_size
    if room.free_bytes - size < room.end_bytes:
        found, wanted = room.free_bytes >> 20, (size + room.end_bytes) >> 20
        raise DiskFull(
            f"{room.place} has {found} MiB free, {wanted} MiB wanted to build the chain beside the old one;"
            " make room, or set the old one aside and fetch everything with --from-scratch"
        )
