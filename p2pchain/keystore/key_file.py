"""What stands in a key file: JSON, read strictly, because it may come from elsewhere.

`version`, `kind` and `public_key` (hex), then for the kind `open` the hex seed as `secret` (for local testnets), for
`argon2id-secretbox` the `salt`, `operations` and `memory_bytes` of Argon2id and the `box`: nonce and sealed seed.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.signing import SigningKey

from p2pchain.chain.errors import shown
from p2pchain.keystore.errors import KeyFileError, KeystoreError, MissingPassphraseError, WrongPassphraseError

OPEN = "open"
SEALED = "argon2id-secretbox"
SEED_BYTES = 32
FILE_BYTES_MAX = 4_096
_VERSION = 1
_BOX_BYTES = SecretBox.NONCE_SIZE + SecretBox.MACBYTES + SEED_BYTES
# A file from elsewhere must not be able to order more memory or time than the strictest limits that libsodium names.
_MEMORY_BYTES_MAX = argon2id.MEMLIMIT_SENSITIVE
_OPERATIONS_MAX = 16


@dataclass(frozen=True, slots=True)
class Argon2Limits:
    """What it costs to try one passphrase: by default 256 MiB and about a second."""

    operations: int = argon2id.OPSLIMIT_MODERATE
    memory_bytes: int = argon2id.MEMLIMIT_MODERATE


@dataclass(frozen=True, slots=True)
class KeyFile:
    path: Path
    kind: str
    public_key: bytes
    fields: Mapping[str, Any] = field(repr=False)


def encode_key_file(seed: bytes, passphrase: str | None, limits: Argon2Limits) -> bytes:
    """The content for this 32-byte seed; open if there is no passphrase."""
    if len(seed) != SEED_BYTES:
        raise KeystoreError(f"found a seed of {len(seed)} bytes, wanted {SEED_BYTES}")
    if passphrase == "":
        raise KeystoreError("found an empty passphrase, wanted one; or leave the key open on purpose")
    head = {
        "version": _VERSION,
        "kind": OPEN if passphrase is None else SEALED,
        "public_key": bytes(SigningKey(seed).verify_key).hex(),
    }
    secret = {"secret": seed.hex()} if passphrase is None else _seal(seed, passphrase, limits)
    return json.dumps(head | secret, indent=1).encode() + b"\n"


def decode_key_file(path: Path, content: bytes) -> KeyFile:
    """The checked head of the file that was read from `path`; its secret stays as it is."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise KeyFileError(f"{path}: found no JSON object, wanted a key file; restore it from a backup")
    if fields.get("version") != _VERSION:
        raise KeyFileError(f"{path}: found version {shown(fields.get('version'))}, wanted {_VERSION}")
    kind = fields.get("kind")
    if kind not in (OPEN, SEALED):
        raise KeyFileError(f"{path}: found the kind {shown(kind)}, wanted {OPEN!r} or {SEALED!r}")
    return KeyFile(path, kind, _bytes_of(path, fields, "public_key", 32), fields)


def open_key_file(file: KeyFile, passphrase: str | None) -> SigningKey:
    """The key; an open file needs no passphrase and heeds none."""
    is_open = file.kind == OPEN
    key = SigningKey(_bytes_of(file.path, file.fields, "secret", SEED_BYTES) if is_open else _unseal(file, passphrase))
    if bytes(key.verify_key) != file.public_key:
        raise KeyFileError(f"{file.path}: the secret does not belong to its public_key; restore it from a backup")
    return key


def _seal(seed: bytes, passphrase: str, limits: Argon2Limits) -> dict[str, object]:
    salt = secrets.token_bytes(argon2id.SALTBYTES)
    return {
        "salt": salt.hex(),
        "operations": limits.operations,
        "memory_bytes": limits.memory_bytes,
        "box": bytes(_box(passphrase, salt, limits).encrypt(seed)).hex(),
    }


def _unseal(file: KeyFile, passphrase: str | None) -> bytes:
    if passphrase is None:
        raise MissingPassphraseError(f"{file.path}: the key is sealed and no passphrase was given")
    limits = Argon2Limits(
        operations=_limit_of(file, "operations", argon2id.OPSLIMIT_MIN, _OPERATIONS_MAX),
        memory_bytes=_limit_of(file, "memory_bytes", argon2id.MEMLIMIT_MIN, _MEMORY_BYTES_MAX),
    )
    salt = _bytes_of(file.path, file.fields, "salt", argon2id.SALTBYTES)
    sealed = _bytes_of(file.path, file.fields, "box", _BOX_BYTES)
    try:
        return bytes(_box(passphrase, salt, limits).decrypt(sealed))
    except CryptoError:
        raise WrongPassphraseError("wrong passphrase") from None


def _box(passphrase: str, salt: bytes, limits: Argon2Limits) -> SecretBox:
    key = argon2id.kdf(SecretBox.KEY_SIZE, passphrase.encode(), salt, opslimit=limits.operations, memlimit=limits.memory_bytes)
    return SecretBox(key)


def _bytes_of(path: Path, fields: Mapping[str, Any], name: str, length: int) -> bytes:
    text = fields.get(name)
    if not isinstance(text, str) or re.fullmatch(rf"[0-9a-f]{{{2 * length}}}", text) is None:
        # what was found may be a damaged secret, so it is not repeated
        raise KeyFileError(f"{path}: wanted in {name!r} {length} bytes in lower-case hex; restore it from a backup")
    return bytes.fromhex(text)


def _limit_of(file: KeyFile, name: str, minimum: int, maximum: int) -> int:
    value = file.fields.get(name)
    if type(value) is not int or not minimum <= value <= maximum:
        raise KeyFileError(f"{file.path}: found {name} {shown(value)}, wanted {minimum} to {maximum}")
    return value
