"""The small files of a home, as far as they can be checked without the node: read, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator

from p2pchain.care.file_check import FileCheck
from p2pchain.care.problem import Problem
from p2pchain.chain.errors import Invalid
from p2pchain.chain.genesis import Genesis
from p2pchain.config import Config
from p2pchain.keystore import Keystore, KeystoreError
from p2pchain.net.ban_records import FILE_BYTES_MAX as BANS_BYTES_MAX
from p2pchain.net.ban_records import DamagedBansError, decode_bans
from p2pchain.net.book.encoding import FILE_BYTES_MAX as BOOK_BYTES_MAX
from p2pchain.net.book.encoding import decode_book
from p2pchain.storage import AddressBookFile, KeptFile, SignStateFile, StorageError
from p2pchain.storage.journal import whole_part
from p2pchain.storage.sign_state import NAME as SIGN_STATE

_MADE_ANEW = "nothing: the node sets it aside at its next start and begins a new one"


def check_files(config: Config, genesis: Genesis) -> Iterator[FileCheck]:
    """Each file that there is, and the memory of a delegate in any case."""
    if config.node.role == "delegate":
        yield _sign_state(config, genesis)
    yield from _journal(config)
    yield from _address_book(config, genesis)
    yield from _bans(config)


def _sign_state(config: Config, genesis: Genesis) -> FileCheck:
    try:
        key = Keystore(config.home.keys).entry(config.delegate.key).public_key
        state = SignStateFile(config.home.signing, key, genesis.chain_id).peek()
    except KeystoreError as error:
        return _bad(SIGN_STATE, str(error), "the key that it belongs to wanted", "bring the key back from its backup")
    except StorageError as error:
        found, _, todo = str(error).partition("; ")
        return _bad(SIGN_STATE, found, "what this key has signed wanted", todo or "see to the disk", is_grave=True)
    if state is None:
        todo = "nothing: this delegate stays silent until it is safe; never bring the file back from a backup"
        return _bad(SIGN_STATE, f"there is none in {config.home.signing}", "what this key has signed wanted", todo)
    return FileCheck(SIGN_STATE, f"signed up to slot {max(subject.slot for subject in state)}")


def _journal(config: Config) -> Iterator[FileCheck]:
    path = config.data_path / "mempool.journal"
    if not path.exists():
        return
    try:
        count, rest = whole_part(path)
    except StorageError as error:
        yield _bad(path.name, str(error), "a file that can be read wanted", "see to the disk", is_grave=True)
        return
    if rest:
        todo = "nothing: the node cuts it off at its next start; who sent them can send them again"
        yield _bad(path.name, f"{count} transactions, then {rest} damaged bytes", "whole records to the end wanted", todo)
    else:
        yield FileCheck(path.name, f"{count} waiting transactions")


def _address_book(config: Config, genesis: Genesis) -> Iterator[FileCheck]:
    content, trouble = AddressBookFile(config.home.data, BOOK_BYTES_MAX).load()
    if content is None and not trouble:
        return
    try:
        book = decode_book(content, genesis.chain_id) if content is not None else None
    except Invalid as error:
        book, trouble = None, error.message
    if book is None:
        yield _bad("address-book", trouble, "addresses of peers wanted", _MADE_ANEW)
    else:
        yield FileCheck("address-book", f"{len(book)} nodes")


def _bans(config: Config) -> Iterator[FileCheck]:
    try:
        content = KeptFile(config.home.bans, BANS_BYTES_MAX + 1).load()
        if content is not None:
            yield FileCheck(config.home.bans.name, f"{len(decode_bans(content))} bans")
    except (DamagedBansError, OSError) as error:
        yield _bad(config.home.bans.name, str(error), "a list of bans wanted", _MADE_ANEW)


def _bad(name: str, found: str, wanted: str, todo: str, *, is_grave: bool = False) -> FileCheck:
    return FileCheck(name, found, Problem(name, found, wanted, todo), is_grave)
