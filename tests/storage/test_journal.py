"""The journal gives back every record before the first damaged one, and never anything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p2pchain.storage import JournalFile, StorageError

ITEMS = [bytes((number,)) * (number * 7 + 1) for number in range(6)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def written(path: Path) -> bytes:
    with JournalFile(path) as file:
        file.append(ITEMS[:4])
        file.append([])
        file.append(ITEMS[4:])
    return path.read_bytes()


def test_a_new_journal_is_empty(path: Path) -> None:
    with JournalFile(path) as file:
        assert file.load() == []
        assert file.size == 0


def test_what_was_appended_is_loaded_in_order(path: Path) -> None:
    written(path)
    with JournalFile(path) as file:
        assert file.load() == ITEMS
        file.append([b"more"])
        assert file.load() == [*ITEMS, b"more"]
        assert file.size == path.stat().st_size


def test_cut_anywhere_it_gives_the_whole_records_and_goes_on_from_there(path: Path) -> None:
    content = written(path)
    ends = [sum(len(item) + 8 for item in ITEMS[:count]) for count in range(len(ITEMS) + 1)]
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        whole = sum(end <= length for end in ends) - 1
        with JournalFile(path) as file:
            assert file.load() == ITEMS[:whole]
            assert path.stat().st_size == file.size == ends[whole]
            file.append([b"next"])
            assert file.load() == [*ITEMS[:whole], b"next"]


def test_any_damaged_byte_ends_the_records_before_it(path: Path) -> None:
    content = written(path)
    ends = [sum(len(item) + 8 for item in ITEMS[: count + 1]) for count in range(len(ITEMS))]
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0x40
        path.write_bytes(damaged)
        with JournalFile(path) as file:
            assert file.load() == ITEMS[: sum(end <= place for end in ends)]


@pytest.mark.parametrize("junk", [bytes(100), b"\xff" * 100, b"\x00\x00\x00\x05hello"])
def test_junk_at_the_end_is_cut_off(path: Path, junk: bytes) -> None:
    content = written(path)
    path.write_bytes(content + junk)
    with JournalFile(path) as file:
        assert file.load() == ITEMS
    assert path.read_bytes() == content


def test_a_rewritten_journal_holds_what_was_given_and_goes_on(path: Path) -> None:
    written(path)
    with JournalFile(path) as file:
        file.rewrite([b"only"])
        file.append([b"more"])
        assert file.load() == [b"only", b"more"]
        assert file.size == path.stat().st_size
    assert [found.name for found in path.parent.iterdir()] == ["journal"]


def test_it_never_grows_beyond_its_bound(path: Path) -> None:
    with JournalFile(path, bytes_max=1000) as file:
        for number in range(200):
            file.append([bytes((number % 255 + 1,)) * 90])
            assert path.stat().st_size <= 1000
        assert file.load()[-1] == bytes((200,)) * 90


def test_a_write_in_part_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with JournalFile(path) as file, monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda *_: 3)
        with pytest.raises(StorageError, match="in part"):
            file.append([b"item"])


def test_a_journal_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        JournalFile(tmp_path / "missing" / "journal")
    assert "\n" not in str(caught.value)
