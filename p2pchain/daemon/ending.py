"""How a node ends: the codes, the one line to a person at a terminal, and which error counts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from p2pchain.api.server import ListenError as ApiListenError
from p2pchain.chain.changing import Requirement
from p2pchain.chain.recovery import UnfitRecoveryError
from p2pchain.genesis_file import RecoveryFileError
from p2pchain.keystore import KeystoreError
from p2pchain.net.errors import ListenError
from p2pchain.node.effects import ProtocolOutgrown
from p2pchain.node.room import Room, megabytes
from p2pchain.node.upgrading import describe_requirement
from p2pchain.storage import (
    ForeignChain,
    HomeInUse,
    NewerFormat,
    StorageError,
)

EXIT_DONE, EXIT_FAILED, EXIT_STORAGE, EXIT_PROTOCOL = 0, 1, 74, 76
"""The operator may rely on these: ended as told; could not start; the disk failed or has no room; the network is too new for this node."""


class CannotStartError(Exception):
    """One line for the operator."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Ending:
    """Why the node ends by itself, once it must."""

    def __init__(self) -> None:
        self.outgrown: ProtocolOutgrown | None = None
        self.without_room: Room | None = None
        self.has_come = trio.Event()

    def outgrow(self, outgrown: ProtocolOutgrown) -> None:
        self.outgrown = outgrown
        self.has_come.set()

    def fill(self, room: Room) -> None:
        self.without_room = room
        self.has_come.set()

    @property
    def reason(self) -> str:
        return "protocol_too_old" if self.outgrown is not None else "no_room_on_disk"


def exit_code(ending: Ending) -> int:
    """The code that says why the node ended, and one line to a person at a terminal."""
    if ending.outgrown is not None:
        outgrown = ending.outgrown
        tell(describe_requirement(Requirement(outgrown.version, outgrown.height), outgrown.supported))
        return EXIT_PROTOCOL
    if ending.without_room is not None:
        room = ending.without_room
        found, wanted = megabytes(room.free_bytes), megabytes(room.end_bytes)
        tell(f"{room.place} has {found} free, at least {wanted} wanted; make room, nothing is lost, and start again")
        return EXIT_STORAGE
    return EXIT_DONE


def tell(line: str) -> None:
    print(f"p2pchain: {line}", file=sys.stderr)  # noqa: T201  (the one line that a person at a terminal needs)


@contextmanager
def start_errors() -> Iterator[None]:
    """Errors of the way up, as one line each; of the disk at any time, whatever else they took down with them (S11)."""
    try:
        with _storage_errors():
            yield
    except* (ListenError, ApiListenError, KeystoreError, UnfitRecoveryError, RecoveryFileError) as group:
        raise CannotStartError(str(_first(group))) from None


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Tasks end in groups of errors: one of the disk counts for more than all that it caused."""
    try:
        yield
    except BaseExceptionGroup as group:
        found = group.subgroup(StorageError)
        if found is None:
            raise
        raise _first(found) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def start_code(error: StorageError) -> int:
    """74 where the disk is at fault, 1 where the operator chose a folder that is not for this node."""
    return EXIT_FAILED if isinstance(error, HomeInUse | ForeignChain | NewerFormat) else EXIT_STORAGE
