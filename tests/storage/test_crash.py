"""S10: after any crash the store stands at a block boundary, not below the last commit that was acknowledged."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from p2pchain.storage import open_store
from tests.fakes.chain import ChainMaker, make_genesis
from tests.storage.observing import model_of, observe

KILLS = int(os.environ.get("P2PCHAIN_KILLS", "8"))
MAKER = ChainMaker(make_genesis())
LINE = MAKER.line(MAKER.root, [2] * 60)

WRITER = """
import os, resource, signal, sys
from pathlib import Path
from p2pchain.node.effects import Commit
from p2pchain.storage import StorageError, open_store
from tests.fakes.chain import ChainMaker, make_genesis

how = sys.argv[2]
maker = ChainMaker(make_genesis())
line = maker.line(maker.root, [2] * 60)
with open_store(Path(sys.argv[1]), maker.genesis, flush_blocks=3) as store:
    if how == "no room":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = (Path(sys.argv[1]) / "chain" / "data.mdb").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40_000, resource.RLIM_INFINITY))
    recovered = store.recovered()
    stored = {item.raw for item in recovered.unfinal}
    for block in line[recovered.root.subject.height :]:
        try:
            if block.made.raw not in stored:
                store.commit(Commit(blocks=[block.stored]))
            store.commit(Commit(final=[block.made.id]))
        except StorageError as error:
            sys.exit(str(error))
        print(block.subject.height, flush=True)
        if how == "exit" and block.subject.height == 7:
            os._exit(9)
"""


def start(folder: Path, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    )


def require_boundary(folder: Path, acknowledged: int) -> int:
    """The height at which the store stands, once it is exactly the state after that block."""
    with open_store(folder, MAKER.genesis, flush_blocks=3) as store:
        recovered = store.recovered()
        height = recovered.root.subject.height
        assert height >= acknowledged
        assert [item.raw for item in recovered.unfinal] in ([], [block.made.raw for block in LINE[height : height + 1]])
        found = observe(store, MAKER, LINE) | {"unfinal": []}
    assert found == observe(model_of(MAKER, LINE[:height]), MAKER, LINE)
    return height


@pytest.mark.parametrize("seed", [1, 2])
def test_a_writer_killed_at_any_moment_loses_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    height, lines_done = 0, 0
    for _ in range(KILLS):
        folder = tmp_path / str(lines_done)
        with start(folder, "killed") as writer:
            assert writer.stdout is not None
            for _line in itertools.islice(writer.stdout, chance.randint(0, 12)):
                height = int(_line)
            writer.kill()
            height = max([height, *map(int, writer.stdout)])
        assert writer.returncode in (-signal.SIGKILL, 0)
        height = require_boundary(folder, height)
        if height == len(LINE):
            height, lines_done = 0, lines_done + 1


def test_a_process_that_exits_without_closing_loses_nothing(tmp_path: Path) -> None:
    with start(tmp_path, "exit") as writer:
        writer.communicate()
    assert writer.returncode == 9
    assert require_boundary(tmp_path, 7) == 7


def test_a_disk_without_room_ends_the_writer_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """F8, F9: the writes of LMDB themselves fail."""
    with open_store(tmp_path, MAKER.genesis, flush_blocks=3):
        pass
    with start(tmp_path, "no room") as writer:
        out, words = writer.communicate()
    assert writer.returncode == 1
    assert "committing failed" in words
    assert words.count("\n") == 1
    acknowledged = [int(line) for line in out.split()]
    assert require_boundary(tmp_path, acknowledged[-1] if acknowledged else 0) < len(LINE)
