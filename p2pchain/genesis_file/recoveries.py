"""A recovery as people pass it on: `[recovery]`, and a table of signatures that grows from hand to hand.

In a bundle the same tables stand as `[[recoveries]]`.  What a recovery means is decided in `chain.recovery`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import tomli_w

from p2pchain.chain.address import encode_address
from p2pchain.chain.errors import Refusal
from p2pchain.chain.recovery import Recovery, validate_complete, validate_shape
from p2pchain.chain.types import AccountId, BlockId, ChainId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Subject
from p2pchain.config.kinds import Truth, UnfitError, Whole
from p2pchain.config.problems import Problem
from p2pchain.config.toml import TomlError, loads_toml
from p2pchain.genesis_file.kinds import PREFIX, Address, Hex
from p2pchain.genesis_file.tables import Kind, Table

KEYS = (
    "chain_id",
    "address_prefix",
    "base_height",
    "base_slot",
    "base_block",
    "from_slot",
    "accept_loss",
    "removed",
    "signers",
    "signatures",
)
_SIGNATURE_KEYS = ("key", "signature")
_BYTES_MAX = 1 << 20
"""A recovery of a network with 101 delegates has some 40 kB."""
_NUMBER = Whole(0, 2**63 - 1)
_COMMENT = """\
# A recovery: the delegates of a network go on without those that are gone for good (docs/recovery.md).
# Whoever installs it believes that the removed are gone, and that the base was chosen from the records of ALL others.
"""


class RecoveryFileError(Exception):
    """The file holds no recovery that can be used; the text says all that is wrong with it."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose items are all of one kind."""

    kind: Kind[bytes]

    @property
    def wanted(self) -> str:
        return f"a list, each item {self.kind.wanted}"

    def check(self, value: object) -> tuple[bytes, ...]:
        if not isinstance(value, list):
            raise UnfitError
        return tuple(self.kind.check(item) for item in value)


class RecoveryFile(NamedTuple):
    """A recovery, and what its addresses begin with."""

    recovery: Recovery
    prefix: str


def load_recovery(path: Path) -> RecoveryFile:
    """Raises `RecoveryFileError`, also where there is no such file."""
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES_MAX + 1)
        text = content.decode()
    except OSError as error:
        raise RecoveryFileError(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise RecoveryFileError(f"{path}: found no UTF-8 at byte {error.start}, wanted a recovery in TOML") from None
    if len(content) > _BYTES_MAX:
        raise RecoveryFileError(f"{path}: found more than {_BYTES_MAX} bytes, wanted a recovery")
    return loads_recovery(text, str(path))


def load_installed(folder: Path, chain_id: bytes) -> list[Recovery]:
    """All recoveries in a home, complete and of its network.  Raises `RecoveryFileError`."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        recovery = load_recovery(path).recovery
        if recovery.chain_id != chain_id:
            raise RecoveryFileError(f"{path}: found a recovery of chain {recovery.chain_id.hex()}, wanted one of {chain_id.hex()}")
        try:
            validate_complete(recovery)
        except Refusal as error:
            raise RecoveryFileError(f"{path}: {error.message}") from None
        found.append(recovery)
    return found


def file_name(recovery: Recovery) -> str:
    """Under which a recovery is installed."""
    return f"{recovery.base.height:010}-{recovery.id.hex()[:16]}.toml"


def loads_recovery(text: str, source: str) -> RecoveryFile:
    """`source` names the text in errors.  Raises `RecoveryFileError`."""
    problems: list[Problem] = []
    try:
        root = Table(source, "", loads_toml(text), ["recovery"], problems)
    except TomlError as error:
        raise RecoveryFileError(f"{source}: found a syntax error ({error}), wanted TOML") from None
    table = root.table("recovery", KEYS)
    found = read_recovery(table, problems) if table is not None else None
    if found is None or problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise RecoveryFileError(f"the recovery cannot be used:\n{lines}")
    return found


def dumps_recovery(recovery: Recovery, prefix: str, words: Sequence[str] = ()) -> str:
    """The file's text; `words` say what it is about."""
    comment = "".join(f"# {line}\n" for line in words)
    return f"{_COMMENT}{comment}\n{tomli_w.dumps({'recovery': recovery_table(recovery, prefix)})}"


def recovery_table(recovery: Recovery, prefix: str) -> dict[str, object]:
    return {
        "chain_id": recovery.chain_id.hex(),
        "address_prefix": prefix,
        "base_height": recovery.base.height,
        "base_slot": recovery.base.slot,
        "base_block": recovery.base.block.hex(),
        "from_slot": recovery.from_slot,
        "accept_loss": recovery.accept_loss,
        "removed": [encode_address(prefix, AccountId(account)) for account in recovery.removed],
        "signers": [key.hex() for key in recovery.signers],
        "signatures": [{"key": key.hex(), "signature": value.hex()} for key, value in sorted(recovery.signatures.items())],
    }


def read_recovery(table: Table, problems: list[Problem]) -> RecoveryFile | None:
    """The recovery in a table; None, and problems, where it is none."""
    before = len(problems)
    prefix = table.value("address_prefix", PREFIX)
    if prefix is None:
        return None
    chain, block = table.value("chain_id", Hex(32)), table.value("base_block", Hex(32))
    height, slot = table.value("base_height", _NUMBER), table.value("base_slot", _NUMBER)
    from_slot, accept_loss = table.value("from_slot", _NUMBER), table.value("accept_loss", Truth())
    removed, signers = table.value("removed", ListOf(Address(prefix))), table.value("signers", ListOf(Hex(32)))
    given = table.tables("signatures", _SIGNATURE_KEYS)
    signatures = [(item.value("key", Hex(32)), item.value("signature", Hex(64))) for item in given]
    if len(problems) > before:
        return None
    assert chain is not None and block is not None and height is not None and slot is not None  # noqa: PT018 - no problem was found
    assert from_slot is not None and accept_loss is not None and removed is not None and signers is not None  # noqa: PT018
    recovery = Recovery(
        ChainId(chain),
        Subject(Slot(slot), Height(height), BlockId(block)),
        Slot(from_slot),
        accept_loss,
        removed,
        tuple(map(PublicKey, signers)),
        {PublicKey(key): Signature(value) for key, value in signatures if key is not None and value is not None},
    )
    try:
        validate_shape(recovery)
    except Refusal as error:
        table.add_problem("", error.message, "a recovery that every node accepts")
        return None
    return RecoveryFile(recovery, prefix)
