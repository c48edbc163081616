"""A store is created whole or not at all, and opened by one process, for one chain, in one format."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from p2pchain.storage import DamagedStore, ForeignChain, HomeInUse, NewerFormat, StorageError, environment, open_store
from p2pchain.storage.layout import META_FORMAT
from tests.fakes.chain import ChainMaker, make_genesis
from tests.storage.observing import change_value

MAKER = ChainMaker(make_genesis())


def test_what_an_interrupted_creation_left_is_removed(tmp_path: Path) -> None:
    leftover = tmp_path / "chain.new-1234"
    leftover.mkdir()
    (leftover / "data.mdb").write_bytes(b"half")
    with open_store(tmp_path, MAKER.genesis) as store:
        assert store.recovered().root.subject == MAKER.root.subject
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chain", "lock"]


def test_a_creation_that_fails_leaves_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise lmdb.DiskError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(environment, "_fill", fail)
        with pytest.raises(StorageError, match="creating the store failed"):
            open_store(tmp_path, MAKER.genesis)
    assert not (tmp_path / "chain").exists()
    with open_store(tmp_path, MAKER.genesis) as store:
        assert store.recovered().root.subject == MAKER.root.subject


def test_the_name_of_a_new_store_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, bool]] = []
    monkeypatch.setattr(environment, "sync_folder", lambda path: synced.append((path.name, (tmp_path / "chain").exists())))
    open_store(tmp_path, MAKER.genesis).close()
    assert synced[0][0].startswith("chain.new-")
    assert synced[1:] == [(tmp_path.name, True)]


def test_another_genesis_is_refused_by_both_names(tmp_path: Path) -> None:
    open_store(tmp_path, MAKER.genesis).close()
    other = make_genesis("elsewhere")
    with pytest.raises(ForeignChain) as caught:
        open_store(tmp_path, other)
    assert MAKER.genesis.chain_id.hex() in str(caught.value)
    assert other.chain_id.hex() in str(caught.value)
    open_store(tmp_path, MAKER.genesis).close()


@pytest.mark.parametrize(("found", "error"), [(b"4", NewerFormat), (b"1", StorageError), (b"x", DamagedStore), (b"", DamagedStore)])
def test_another_format_is_refused(tmp_path: Path, found: bytes, error: type[StorageError]) -> None:
    open_store(tmp_path, MAKER.genesis).close()
    change_value(tmp_path, b"meta", META_FORMAT, lambda _: found)
    with pytest.raises(error) as caught:
        open_store(tmp_path, MAKER.genesis)
    if found.isdigit():
        assert f"has format {found.decode()}, " in str(caught.value)


def test_a_second_store_in_this_process_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path, MAKER.genesis), pytest.raises(HomeInUse, match=str(os.getpid())):
        open_store(tmp_path, MAKER.genesis)


HOLDER = """
import sys
from pathlib import Path
from p2pchain.storage import open_store
from tests.fakes.chain import make_genesis
with open_store(Path(sys.argv[1]), make_genesis()):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(HomeInUse, match=f"process {holder.pid};"):
            open_store(tmp_path, MAKER.genesis)
        holder.kill()
    open_store(tmp_path, MAKER.genesis).close()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        open_store(tmp_path / "file" / "data", MAKER.genesis)
    assert "\n" not in str(caught.value)


def test_something_else_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chain").mkdir()
    with pytest.raises(DamagedStore):
        open_store(tmp_path, MAKER.genesis)
