"""The layout of a node's home, and how the home itself is found.

`keys/` and `signing/` are the owner's alone (0700). `signing/` holds what keeps the node from signing twice; it stays
out of every backup and snapshot of the chain, because an old copy of it is worse than none.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOCKET_PATH_BYTES_MAX = 107
"""`sun_path` has 108, the last of which is zero."""


@dataclass(frozen=True, slots=True)
class Home:
    path: Path

    @property
    def config_file(self) -> Path:
        return self.path / "config" / "node.toml"

    @property
    def genesis_file(self) -> Path:
        return self.path / "config" / "genesis.toml"

    @property
    def recoveries(self) -> Path:
        """Documents that the operator installed, `*.toml`."""
        return self.path / "config" / "recoveries"

    @property
    def signed_recovery(self) -> Path:
        """The recovery that this node's delegate has signed last: beside its other memory of what it signed."""
        return self.signing / "recovery.toml"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def bans(self) -> Path:
        """Who is shut out and until when."""
        return self.data / "bans.json"

    @property
    def admin_socket(self) -> Path:
        """Where the operator of this machine talks to the running node; its folder is the owner's alone."""
        return self.path / "run" / "admin.sock"

    @property
    def admin_socket_problem(self) -> str:
        """Why there can be no such socket, in one line; empty where there can."""
        size = len(os.fsencode(self.admin_socket))
        if size <= SOCKET_PATH_BYTES_MAX:
            return ""
        return (
            f"{self.admin_socket}: the path has {size} bytes, a Unix socket takes at most {SOCKET_PATH_BYTES_MAX}:"
            " give the home a shorter path, or reach it by a symbolic link"
        )

    @property
    def signing(self) -> Path:
        return self.path / "signing"

    def create(self) -> None:
        """Make the folders that are missing; those that exist stay as they are."""
        for folder in (self.config_file.parent, self.data):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.keys, self.signing):
            folder.mkdir(mode=0o700, exist_ok=True)


def find_home(option: str | None, environ: Mapping[str, str]) -> Path:
    """`--home`, else `P2PCHAIN_HOME`, else `~/.p2pchain`; always absolute, so that a later chdir changes nothing."""
    return Path(option or environ.get("P2PCHAIN_HOME") or "~/.p2pchain").expanduser().absolute()
