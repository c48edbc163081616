"""A store made anew from final blocks, beside the one that is there, and put into its place when it is whole.

The folder of work has a name that the next start of a node removes, so an end at any moment leaves the home as it was, or, between
the two renames, without a chain and with the old one under its new name: then the node begins to sync, and nothing is lost.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2pchain.care.blocks import Sound
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.types import BlockId, Height
from p2pchain.node.effects import Commit
from p2pchain.node.replay import Replay
from p2pchain.storage import LmdbStore, open_store
from p2pchain.storage.durable import make_folder, sync_folder
from p2pchain.storage.environment import NAME
from p2pchain.storage.errors import mapped

AT_ONCE_BLOCKS = 32
AT_ONCE_BYTES = 4 << 20
"""What one commit holds: each waits for the disk, and until it is written every read asks each of its blocks."""


class Rebuilding:
    """Takes sound blocks in order and writes them, several at once."""

    def __init__(self, store: LmdbStore, genesis: Genesis, recoveries: Recoveries) -> None:
        self._store = store
        recovered = store.recovered()
        now_ms = time.time_ns() // 1_000_000
        self.replay = Replay(genesis.spec(), recovered.root, store, now_ms, recoveries)
        blocks = [self.replay.read(item.raw)[0] for item in recovered.unfinal]
        votes = [self.replay.read_votes(item.certificate) for item in recovered.unfinal]
        self.replay.restore(list(zip(blocks, votes, strict=True)))
        self._commit = Commit()
        self._bytes = 0

    @property
    def final(self) -> Height:
        return self.replay.final.height

    def final_height(self, block: BlockId) -> int | None:
        """Of a block that was written."""
        return self._store.final_height(block)

    def take(self, sound: Sound) -> None:
        """A `Refusal` where the block cannot be final; what was taken before it stays."""
        self._add(self.replay.extend(sound.block, sound.confirms))
        self._bytes += len(sound.found.block.raw)
        if len(self._commit.blocks) >= AT_ONCE_BLOCKS or self._bytes >= AT_ONCE_BYTES:
            self.write()

    def take_unfinal(self, commit: Commit) -> None:
        self._add(commit)

    def write(self) -> None:
        if self._commit:
            self._store.commit(self._commit)
            self.replay.settled()
        self._commit, self._bytes = Commit(), 0

    def _add(self, more: Commit) -> None:
        for mine, theirs in (
            (self._commit.blocks, more.blocks),
            (self._commit.certificates, more.certificates),
            (self._commit.final, more.final),
            (self._commit.confirms, more.confirms),
            (self._commit.dropped, more.dropped),
        ):
            mine.extend(theirs)  # type: ignore[arg-type]  # of one kind, pair by pair


@contextmanager
def work_folder(data_dir: Path) -> Iterator[Path]:
    """A folder on the same volume that is gone afterwards, with whatever is left in it."""
    with mapped("making a folder to work in", data_dir):
        make_folder(data_dir)
        folder = data_dir / f"{NAME}.new-{secrets.token_hex(4)}"
        make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def rebuilding(folder: Path, genesis: Genesis, recoveries: Recoveries) -> Iterator[Rebuilding]:
    """Of the store in a folder of work; all that was taken is written at the end."""
    with open_store(folder, genesis) as store:
        work = Rebuilding(store, genesis, recoveries)
        yield work
        work.write()


def put_in_place(folder: Path, data_dir: Path, suffix: str) -> Path | None:
    """The store in `folder` becomes the home's; where the old one is now, None where there was none."""
    chain = data_dir / NAME
    aside = None
    with mapped("putting the new store in place", data_dir):
        if chain.exists():
            aside = set_aside(data_dir, suffix)
        (folder / NAME).rename(chain)
        sync_folder(data_dir)
    return aside


def set_aside(data_dir: Path, suffix: str) -> Path:
    """The old store under a name of its own, durably; it stays until somebody removes it."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (f"{NAME}.{suffix}-{stamp}{f'-{number}' if number else ''}" for number in range(1_000))
    aside = next(path for path in (data_dir / name for name in names) if not path.exists())
    with mapped("setting the old store aside", data_dir):
        (data_dir / NAME).rename(aside)
        sync_folder(data_dir)
    return aside
