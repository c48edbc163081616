"""S3 on disk: what was signed is remembered through torn writes and rot, and is never contradicted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.chain.voting import SignState
from p2pchain.storage import DamagedStore, ForeignChain, HomeInUse, SignStateFile, StorageError, guard
from p2pchain.storage.sign_state import COPIES, NAME, PAGE_BYTES, SLOT_BYTES

KEY, CHAIN = b"k" * 32, b"c" * 32


def subject(slot: int, block: bytes = b"b") -> Subject:
    return Subject(Slot(slot), Height(slot), BlockId(block * 32))


def state(slot: int) -> SignState:
    """A delegate that did everything in one slot."""
    return SignState(subject(slot), subject(slot), subject(slot), subject(slot))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SignStateFile]:
    with SignStateFile(tmp_path, KEY, CHAIN) as made:
        yield made


def load(folder: Path, key: bytes = KEY, chain_id: bytes = CHAIN) -> SignState | None:
    with SignStateFile(folder, key, chain_id) as file:
        return file.load()


def saved(folder: Path, *slots: int) -> bytearray:
    """The bytes of a file to which states of these slots were saved."""
    with SignStateFile(folder, KEY, CHAIN) as file:
        file.create()
        file.load()
        for slot in slots:
            file.save(state(slot))
    return bytearray((folder / NAME).read_bytes())


# --- the guard

OLD = SignState(subject(5), subject(7), subject(6), subject(6))


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        OLD._replace(produced=subject(6)),
        OLD._replace(voted=subject(8)),
        OLD._replace(confirmed=subject(7), lock=subject(7)),
        OLD._replace(lock=subject(7)),
        OLD._replace(produced=subject(8), voted=subject(8), confirmed=subject(8), lock=subject(8)),
    ],
)
def test_what_goes_forward_may_be_signed(new: SignState) -> None:
    assert not guard(OLD, new)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (OLD._replace(produced=subject(4)), "produced goes back from slot 5 to 4"),
        (OLD._replace(voted=subject(6)), "voted goes back"),
        (OLD._replace(confirmed=subject(5)), "confirmed goes back"),
        (OLD._replace(lock=subject(5)), "lock goes back"),
        (OLD._replace(produced=subject(5, b"x")), "produced changes in slot 5"),
        (OLD._replace(voted=subject(7, b"x")), "voted changes in slot 7"),
        (OLD._replace(confirmed=subject(6, b"x")), "confirmed changes in slot 6"),
        (OLD._replace(produced=subject(5)._replace(height=Height(9))), "produced changes"),
        (SignState(), "produced goes back"),
        (OLD._replace(voted=subject(9), confirmed=subject(6, b"x")), "confirmed changes in slot 6"),
    ],
)
def test_what_contradicts_is_not_signed(new: SignState, words: str) -> None:
    assert words in guard(OLD, new)


def test_a_block_below_the_last_vote_is_not_confirmed() -> None:
    """C1: only a delegate that voted in no later slot confirms."""
    old = SignState(voted=subject(9), confirmed=subject(3), lock=subject(3))
    assert "confirmed after a vote in slot 9" in guard(old, old._replace(confirmed=subject(8), lock=subject(8)))
    assert not guard(old, old._replace(confirmed=subject(9), lock=subject(9)))


# --- the file


def test_a_missing_file_is_no_record(file: SignStateFile) -> None:
    assert file.load() is None


def test_a_new_file_says_that_nothing_was_signed(file: SignStateFile) -> None:
    file.create()
    assert file.load() == SignState()


def test_the_first_save_after_silence_makes_the_file(file: SignStateFile, tmp_path: Path) -> None:
    assert file.load() is None
    file.save(state(9))
    file.save(state(10))
    file.close()
    assert load(tmp_path) == state(10)


def test_an_existing_file_is_never_made_again(file: SignStateFile) -> None:
    file.create()
    with pytest.raises(StorageError, match="exists and stays"):
        file.create()


@pytest.mark.parametrize("count", range(5))
def test_the_last_state_is_loaded(tmp_path: Path, count: int) -> None:
    saved(tmp_path, *range(1, count + 1))
    assert load(tmp_path) == (state(count) if count else SignState())


def test_nothing_is_saved_by_who_has_not_loaded(file: SignStateFile) -> None:
    file.create()
    with pytest.raises(StorageError, match="not loaded"):
        file.save(state(1))


def test_a_state_that_goes_back_is_refused_for_good(file: SignStateFile, tmp_path: Path) -> None:
    file.create()
    file.load()
    file.save(state(5))
    with pytest.raises(StorageError, match="refuses to sign: produced goes back"):
        file.save(state(4))
    with pytest.raises(StorageError, match="no longer used"):
        file.save(state(6))
    file.close()
    assert load(tmp_path) == state(5)


def test_the_same_state_may_be_saved_again(file: SignStateFile) -> None:
    """A restarted delegate sends its last vote again."""
    file.create()
    file.load()
    file.save(state(5))
    file.save(state(5))


def test_a_write_that_fails_ends_signing(file: SignStateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    file.create()
    file.load()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(StorageError, match="Input/output error"):
            file.save(state(1))
    with pytest.raises(StorageError, match="no longer used"):
        file.save(state(2))


def test_a_write_in_part_ends_signing(file: SignStateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.create()
    file.load()
    monkeypatch.setattr(os, "pwrite", lambda *_: 17)
    with pytest.raises(StorageError, match="in part"):
        file.save(state(1))


@pytest.mark.parametrize("copy", range(COPIES))
def test_any_byte_of_one_copy_may_rot(tmp_path: Path, copy: int) -> None:
    content = saved(tmp_path, 1, 2, 3)
    newest = _page_of_newest(content)
    for place in range(SLOT_BYTES):
        damaged = bytearray(content)
        damaged[newest + copy * PAGE_BYTES + place] ^= 1
        (tmp_path / NAME).write_bytes(damaged)
        assert load(tmp_path) == state(3)


def test_a_torn_write_leaves_the_state_before_it(tmp_path: Path) -> None:
    """Of the write of slot 3 any number of bytes arrived in each copy; its signature never left."""
    before, after = saved(tmp_path / "before", 1, 2), saved(tmp_path / "after", 1, 2, 3)
    first = _page_of_newest(after)
    for arrived in range(0, SLOT_BYTES + 1, 8):
        for other in (0, arrived, SLOT_BYTES):
            torn = bytearray(before)
            torn[first : first + arrived] = after[first : first + arrived]
            second = first + PAGE_BYTES
            torn[second : second + other] = after[second : second + other]
            (tmp_path / NAME).write_bytes(torn)
            assert load(tmp_path) in (state(2), state(3))
            if arrived < SLOT_BYTES - 32 and other < SLOT_BYTES:
                assert load(tmp_path) == state(2)


def _page_of_newest(content: bytearray) -> int:
    """Offset of the first copy of the newest slot: the sequence number stands behind the magic."""
    pages = range(0, len(content), COPIES * PAGE_BYTES)
    return max(pages, key=lambda offset: content[offset + 8 : offset + 16])


@pytest.mark.parametrize("length", [0, 1, SLOT_BYTES - 1])
def test_a_file_without_a_whole_slot_is_an_error_and_not_silence(tmp_path: Path, length: int) -> None:
    content = saved(tmp_path, 1)
    (tmp_path / NAME).write_bytes(content[:length])
    with pytest.raises(DamagedStore, match="what was signed is not known"):
        load(tmp_path)


def test_a_file_of_zeros_is_an_error(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(bytes(4 * PAGE_BYTES))
    with pytest.raises(DamagedStore):
        load(tmp_path)


def test_another_key_or_chain_is_refused_by_name(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    with pytest.raises(ForeignChain, match=KEY.hex()):
        load(tmp_path, key=b"x" * 32)
    with pytest.raises(ForeignChain, match=CHAIN.hex()):
        load(tmp_path, chain_id=b"x" * 32)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    saved(tmp_path / "signing", 1)
    assert (tmp_path / "signing").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "signing" / NAME).stat().st_mode & 0o777 == 0o600


HOLDER = """
import sys
from pathlib import Path
from p2pchain.storage import SignStateFile
file = SignStateFile(Path(sys.argv[1]), b"k" * 32, b"c" * 32)
file.load()
print("loaded", flush=True)
sys.stdin.read()
"""


def test_two_processes_never_sign_from_one_file(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"loaded\n"
        with pytest.raises(HomeInUse, match=f"process {holder.pid};"):
            load(tmp_path)
        holder.kill()
    assert load(tmp_path) == state(1)
