"""A node's use of its disk from the first start on, step by step, and what must be found after a crash between any two calls."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Kind, Subject
from p2pchain.chain.voting import SignState
from p2pchain.node.effects import Commit
from p2pchain.storage import JournalFile, LmdbStore, SignStateFile, open_store
from tests.fakes.chain import ChainMaker, make_genesis
from tests.fakes.memory_store import MemoryStore
from tests.storage.disk_trace import Trace, traced
from tests.storage.observing import observe

MAKER = ChainMaker(make_genesis())
LINE = MAKER.line(MAKER.root, [2, 0, 1, 3, 1, 2, 0, 2])
KEY = bytes(range(32))
FLUSH_BLOCKS = 2


class Workload:
    """Opening, then commits, signatures and accepted transactions in an order drawn from a seed."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.steps: list[tuple[str, int]] = [("open", 0), ("sign", 0)]
        for at, _ in enumerate(LINE):
            self.steps += [("store", at), ("sign", at + 1), ("keep", at), ("final", at)]
            if chance.random() < 0.2:
                self.steps.append(("rewrite", at))

    def run(self, folder: Path, acknowledge: Callable[[int], None]) -> None:
        with (
            open_store(folder, MAKER.genesis, flush_blocks=FLUSH_BLOCKS) as store,
            JournalFile(folder / "journal") as journal,
            SignStateFile(folder / "signing", KEY, MAKER.genesis.chain_id) as states,
        ):
            assert states.load() is None
            acknowledge(0)
            for number, (step, at) in enumerate(self.steps[1:], start=1):
                self._do(step, at, store, journal, states)
                acknowledge(number)

    def _do(self, step: str, at: int, store: LmdbStore, journal: JournalFile, states: SignStateFile) -> None:
        match step:
            case "sign":
                states.save(state(at))
            case "keep":
                journal.append([kept(at)])
            case "rewrite":
                journal.rewrite([kept(at)])
            case _:
                store.commit(commit(step, at))

    def check(self, folder: Path, acknowledged: int, where: str) -> None:
        """At what was acknowledged, or with the step that was under way; then it goes on.  The folder is gone afterwards."""
        with open_store(folder, MAKER.genesis, flush_blocks=FLUSH_BLOCKS) as store:
            found = observe(store, MAKER, LINE)
            done = self._commits(acknowledged)
            wanted = self._wanted[done : self._commits(acknowledged + 1) + 1]
            assert found in wanted, f"{where}: the store is neither at commit {done} nor at the one after"
            self._go_on(store, done + wanted.index(found), where)
        self._check_signed(folder, acknowledged, where)
        self._check_journal(folder, acknowledged, where)
        shutil.rmtree(folder)

    def _go_on(self, store: LmdbStore, commits: int, where: str) -> None:
        rest = [(step, at) for step, at in self.steps if step in {"store", "final"}][commits : commits + 1]
        for step, at in rest:
            store.commit(commit(step, at))
            assert observe(store, MAKER, LINE) == self._wanted[commits + 1], f"{where}: it does not go on"

    def _check_signed(self, folder: Path, acknowledged: int, where: str) -> None:
        """S3: never older than what may have left."""
        with SignStateFile(folder / "signing", KEY, MAKER.genesis.chain_id) as states:
            found = states.load()
        wanted: list[SignState | None] = [None, *(state(at) for step, at in self.steps if step == "sign")]
        done = sum(step == "sign" for step, _ in self.steps[:acknowledged])
        assert found in wanted[done : done + 2], f"{where}: what was signed is forgotten"

    def _check_journal(self, folder: Path, acknowledged: int, where: str) -> None:
        """Nothing in it is synced but a rewrite: what is there is what was kept, in order, up to the first loss."""
        with JournalFile(folder / "journal") as journal:
            found = journal.load()
        contents = [self._journal(count) for count in range(acknowledged + 2)]
        last = max((number for number, (step, _) in enumerate(self.steps[:acknowledged]) if step == "rewrite"), default=0)
        assert any(found == content[: len(found)] for content in contents[last:]), f"{where}: the journal holds what nobody kept"

    def _journal(self, done: int) -> list[bytes]:
        content: list[bytes] = []
        for step, at in self.steps[:done]:
            if step == "rewrite":
                content = []
            if step in {"keep", "rewrite"}:
                content = [*content, kept(at)]
        return content

    def _commits(self, done: int) -> int:
        return sum(step in {"store", "final"} for step, _ in self.steps[:done])

    @cached_property
    def _wanted(self) -> list[dict[str, object]]:
        """What a store says after no commit, one, two ..."""
        model = MemoryStore(MAKER.genesis)
        wanted = [observe(model, MAKER, LINE)]
        for step, at in self.steps:
            if step in {"store", "final"}:
                model.commit(commit(step, at))
                wanted.append(observe(model, MAKER, LINE))
        return wanted


def commit(step: str, at: int) -> Commit:
    block = LINE[at]
    if step == "store":
        return Commit(blocks=[block.stored])
    return Commit(final=[block.made.id], confirms=[MAKER.certificate(block, Kind.CONFIRM)])


def state(at: int) -> SignState:
    subject = Subject(Slot(at + 1), Height(at + 1), BlockId(bytes([at]) * 32))
    return SignState(voted=subject, confirmed=subject)


def kept(at: int) -> bytes:
    return bytes([at + 1]) * (300 + at)


def record_trace(folder: Path, workload: Workload) -> Trace:
    folder.mkdir()
    with traced(folder) as trace:
        workload.run(folder, trace.acknowledge)
    return trace
