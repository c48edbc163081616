"""Texts that people pass on: the join bundle with its genesis, recoveries, node.toml, key files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import cast

from p2pchain.chain.recovery import Recovery
from p2pchain.chain.types import BlockId, ChainId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Subject
from p2pchain.config.kinds import PeerAddresses
from p2pchain.config.loading import checked_values
from p2pchain.config.problems import Problem
from p2pchain.config.sources import settings_of_file
from p2pchain.genesis_file import (
    Bundle,
    GenesisFileError,
    RecoveryFile,
    RecoveryFileError,
    dumps_bundle,
    dumps_recovery,
    loads_bundle,
    loads_recovery,
)
from p2pchain.keystore.errors import KeyFileError
from p2pchain.keystore.key_file import OPEN, Argon2Limits, decode_key_file, encode_key_file, open_key_file
from tests.fuzz.claims import told
from tests.fuzz.mutation.formats import mutate_json, mutate_toml
from tests.fuzz.target import Target
from tests.vectors.world import CHAIN_ID, DELEGATES, GENESIS, PREFIX, account, consensus

CONFIG = Path(__file__).parents[3] / "config"
PROBLEM_LETTERS_MAX = 2_500
"""A problem with an unknown key names all that are known."""
PATH = Path("key.json")


class _Content:
    """A file in memory, as far as a reader of whole texts asks for one."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __str__(self) -> str:
        return "node.toml"

    def read_text(self, encoding: str) -> str:
        return self._data.decode(encoding)


def _text(data: bytes) -> str:
    """Whoever reads a file refuses what is no UTF-8 before the rest."""
    return data.decode("utf-8", "replace")


def _told(problems: Iterable[object]) -> str:
    words = {told(problem, letters_max=PROBLEM_LETTERS_MAX) for problem in problems}
    assert words, "a refusal says what is wrong"
    return min(words, key=lambda text: (len(text), text))


# --- the bundle


def _check_bundle(data: bytes) -> str:
    """What is accepted is written and read as the same."""
    try:
        bundle = loads_bundle(_text(data), "net.toml")
    except GenesisFileError as error:
        return _told(error.problems)
    again = loads_bundle(dumps_bundle(bundle.genesis, bundle.seeds, bundle.recoveries), "again")
    assert again == bundle
    assert again.genesis.chain_id == bundle.genesis.chain_id
    assert PeerAddresses().check(bundle.seeds) == bundle.seeds
    return f"accepted {_size(bundle)}"


def _size(bundle: Bundle) -> str:
    genesis = bundle.genesis
    return " ".join(str(min(len(items), 3)) for items in (genesis.accounts, genesis.delegates, bundle.seeds, bundle.recoveries))


@cache
def _recovery() -> Recovery:
    base = Subject(Slot(9), Height(7), BlockId(b"\x05" * 32))
    keys = [consensus(name) for name in DELEGATES[:3]]
    signers = tuple(PublicKey(key.public_key) for key in sorted(keys, key=lambda key: key.public_key))
    empty: dict[PublicKey, Signature] = {}
    recovery = Recovery(ChainId(CHAIN_ID), base, Slot(20), False, (account(DELEGATES[3]),), signers, empty)
    for key in keys:
        recovery = recovery.signed(key)
    return recovery


def _bundles() -> list[bytes]:
    seeds = ["a.example:1", "[::1]:2", f"{'ab' * 32}@10.0.0.1:65535"]
    files = [(CONFIG / name).read_bytes() for name in ("genesis.toml", "join-bundle.toml")]
    return [*files, dumps_bundle(GENESIS, seeds).encode(), dumps_bundle(GENESIS, seeds, [_recovery()]).encode(), *_horrors()]


def _horrors() -> list[bytes]:
    """What TOML itself can do to a reader."""
    return [
        b"a = " + b"9" * 5_000,
        b"a = " + b"[" * 2_000,
        b"a = " + b"{b = " * 500,
        b".".join([b"a"] * 2_000) + b" = 1",
        b'"\\u001b[31m\\n" = 1',
        b'[chain]\n"two\\nlines" = 1',
        b"[chain]\ntime = 0001-01-01T00:00:00+23:59",
        b"[chain]\ntime = 9999-12-31T23:59:59-23:59",
        b"[chain]\ntime = 07:32:00",
        b"[chain]\nname = inf\naddress_prefix = nan",
        b"chain = 1\nparams = []\naccounts = {}\ndelegates = 'x'\nnetwork = 1\nrecoveries = 2",
        b"[[chain]]",
        b"\xff\xfe",
    ]


# --- recoveries


def _check_recovery(data: bytes) -> str:
    try:
        found = loads_recovery(_text(data), "recovery.toml")
    except RecoveryFileError as error:
        return _told(str(error).split("\n"))
    again: RecoveryFile = loads_recovery(dumps_recovery(*found), "again")
    assert again == found
    assert again.recovery.id == found.recovery.id
    return f"accepted, {len(found.recovery.missing)} missing"


# --- node.toml


def _check_config(data: bytes) -> str:
    problems: list[Problem] = []
    values = checked_values(settings_of_file(cast("Path", _Content(data)), problems), problems)
    return f"{min(len(values), 3)} values, {_told(problems) if problems else 'no problem'}"


# --- key files


def _check_key_file(data: bytes) -> str:
    """The head of any file, and the secret of an open one; sealed ones cost as much time as they say, within libsodium's limits."""
    try:
        file = decode_key_file(PATH, data)
        if file.kind != OPEN:
            return "a sealed key"
        key = open_key_file(file, None)
    except KeyFileError as error:
        return told(error)
    assert bytes(key.verify_key) == file.public_key
    return "an open key"


def _key_files() -> list[bytes]:
    limits = Argon2Limits(1, 8_192)
    horrors = [b"1" * 4_000, b"[" * 3_000, b'{"version": ' + b"9" * 4_000 + b"}", b'{"version": "' + b"x" * 3_900 + b'"}', b"\xff\xfe{}"]
    return [encode_key_file(bytes(32), None, limits), encode_key_file(bytes(32), "secret", limits), *horrors]


TARGETS = (
    Target(
        "bundle",
        "a genesis and seeds that are written and read as the same, or every problem in a line",
        _check_bundle,
        _bundles,
        mutate_toml,
        12_000,
        1.0,
    ),
    Target(
        "recovery",
        "a recovery that is written and read as the same, or every problem in a line",
        _check_recovery,
        lambda: [dumps_recovery(_recovery(), PREFIX).encode(), *_horrors()],
        mutate_toml,
        8_192,
    ),
    Target(
        "config",
        "settings of their kinds, or every problem in a line",
        _check_config,
        lambda: [(CONFIG / "node.toml").read_bytes(), *_horrors()],
        mutate_toml,
        8_192,
        1.0,
    ),
    Target("key-file", "a key whose secret fits its public half, or KeyFileError", _check_key_file, _key_files, mutate_json),
)
