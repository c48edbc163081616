"""The folder of keys: a name is a file in it, `NAME.key`."""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from p2pchain.keystore.errors import KeyNameError, UnknownKeyError
from p2pchain.keystore.key_file import (
    FILE_BYTES_MAX,
    SEALED,
    SEED_BYTES,
    Argon2Limits,
    KeyFile,
    decode_key_file,
    encode_key_file,
    open_key_file,
)
from p2pchain.keystore.private_file import make_private_folder, read_private, refuse_wider_folder, write_new_private

_SUFFIX = ".key"
_NAME = re.compile(r"[a-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What can be told about a key without its passphrase."""

    name: str
    path: Path
    kind: str
    public_key: bytes

    @property
    def is_sealed(self) -> bool:
        return self.kind == SEALED


NODE_KEY = "node"
"""Name of the key that a node proves itself to its peers with."""


class Keystore:
    def __init__(self, path: Path, limits: Argon2Limits | None = None) -> None:
        self._path = path
        self._limits = limits or Argon2Limits()

    def create(self, name: str, passphrase: str | None) -> KeyEntry:
        """A new random key; without a passphrase it is left open."""
        return self.add(name, secrets.token_bytes(SEED_BYTES), passphrase)

    def add(self, name: str, seed: bytes, passphrase: str | None) -> KeyEntry:
        """Keep the key of this 32-byte seed under a name that is still free."""
        path = self._path_of(name)
        make_private_folder(self._path)
        content = encode_key_file(seed, passphrase, self._limits)
        write_new_private(path, content)
        return _entry_of(decode_key_file(path, content))

    def list(self) -> tuple[KeyEntry, ...]:
        return tuple(self.entry(path.stem) for path in sorted(self._path.glob("*" + _SUFFIX)))

    def entry(self, name: str) -> KeyEntry:
        refuse_wider_folder(self._path)
        return _entry_of(_read(self._path_of(name)))

    def load(self, name_or_path: str | Path, passphrase: str | None) -> SigningKey:
        """The key of this name; or of this key file, which has a folder or the suffix `.key` in its path.

        A key file elsewhere must be private itself; its folder is the caller's business.
        """
        path = Path(name_or_path)
        if isinstance(name_or_path, str) and _NAME.fullmatch(name_or_path):
            refuse_wider_folder(self._path)
            path = self._path_of(name_or_path)
        elif path.suffix != _SUFFIX and len(path.parts) < 2:
            path = self._path_of(str(name_or_path))  # which says what a name looks like
        return open_key_file(_read(path), passphrase)

    def _path_of(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise KeyNameError(f'found the key name {name!r}, wanted 1 to 64 of a-z, 0-9, "_" and "-"')
        return self._path / (name + _SUFFIX)


def _read(path: Path) -> KeyFile:
    if not path.exists():
        raise UnknownKeyError(f"{path}: there is no such key; list the keys with: p2pchain keys list")
    return decode_key_file(path, read_private(path, FILE_BYTES_MAX))


def _entry_of(file: KeyFile) -> KeyEntry:
    return KeyEntry(file.path.stem, file.path, file.kind, file.public_key)
