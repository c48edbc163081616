"""A file of a home is there whole or not at all, and never in place of another."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from p2pchain.storage import StorageError
from p2pchain.storage.durable import make_folder, write_once, write_whole


def test_a_file_that_could_not_be_synced_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "old").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="writing failed: Input/output error"):
        write_once(tmp_path / "new", b"new", 0o644)
    with pytest.raises(StorageError, match="writing failed"):
        write_whole(tmp_path / "old", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"old": b"old"}


def test_a_file_is_written_once(tmp_path: Path) -> None:
    write_once(tmp_path / "file", b"first", 0o640)
    with pytest.raises(FileExistsError):
        write_once(tmp_path / "file", b"second", 0o640)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"first"}


def test_every_new_folder_has_its_name_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]
    make_folder(tmp_path / "a" / "b")
    assert len(synced) == 2
