"""Where the passphrase of a sealed key comes from: a file, the service manager's credential, or a person."""

from collections.abc import Callable, Mapping
from pathlib import Path

from p2pchain.keystore.errors import KeystoreError
from p2pchain.keystore.private_file import read_private

CREDENTIAL_NAME = "p2pchain-passphrase"
_BYTES_MAX = 4_096


def read_passphrase(file: Path | None, environ: Mapping[str, str], ask: Callable[[], str]) -> str:
    """From `file` if one is named, else from the systemd credential if there is one, else what `ask` returns.

    One newline at the end of a file is not part of the passphrase.
    """
    credential = _credential(environ)
    if file is not None:
        return _text_of(file, read_private(file, _BYTES_MAX))
    if credential is not None:
        # systemd guards the folder, and grants the reading by an access list, which shows as a permission of the group
        return _text_of(credential, credential.read_bytes())
    return ask()


def _credential(environ: Mapping[str, str]) -> Path | None:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(folder) / CREDENTIAL_NAME if folder else None
    return credential if credential is not None and credential.exists() else None


def _text_of(source: Path, content: bytes) -> str:
    try:
        return content.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise KeystoreError(f"{source}: found bytes that are no UTF-8, wanted a passphrase as text") from None
