"""Which keys a running node takes up when it is told to read its configuration again, and what then happens.

Whatever is not named here is bound for the life of the process: an open socket, an open store, or a loaded key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from p2pchain.config.sections import KEYS, Config

_LISTED = "Addresses that are new are dialled at once; one that is gone is not dialled again, its connection stays until it ends."
_POOL = "What waits beyond a smaller limit stays until it is in a block, expires, or gives way to who pays more."
_KEPT = "What is no longer kept goes from the next look on, a share with each commit; what is gone stays gone."
_PLACES = "If more are connected, the newest are told goodbye."

LIVE: dict[str, str] = {
    "node.name": "Shown to peers that connect from then on.",
    "p2p.seeds": _LISTED,
    "p2p.persistent_peers": _LISTED,
    "p2p.delegate_peers": "Places are kept, or given back, at once.",
    "p2p.unconditional_peers": "Limits count, or no longer count, them at once.",
    "p2p.private_peers": "Named, or no longer named, in the next answer.",
    "p2p.allowed_peers": "Whoever is connected and no longer allowed is told goodbye.",
    "p2p.peers_in_max": _PLACES,
    "p2p.peers_out_max": _PLACES + " Persistent peers stay.",
    "p2p.peers_in_per_group_max": _PLACES,
    "p2p.peers_out_per_group_max": "Holds for whom is dialled from then on.",
    "p2p.backoff_max_ms": "Holds for addresses that are dialled anew; a pause that has begun goes on.",
    "mempool.transactions_max": _POOL,
    "mempool.bytes_max": _POOL,
    "mempool.per_account_max": _POOL,
    "api.body_bytes_max": "Holds from the next request on.",
    "api.connections_max": "Those that are open stay.",
    "api.requests_per_s": "Holds from the next request on.",
    "api.cors_origins": "Holds from the next request on.",
    "storage.keep_blocks": _KEPT,
    "storage.keep_days": _KEPT,
    "storage.free_bytes_low": "Looked at once a second.",
    "storage.free_bytes_end": "Looked at once a second.",
    "log.level": "From the next event on.",
    "log.format": "From the next event on.",
}
"""By path: what a reload of this key does."""
assert LIVE.keys() <= KEYS.keys(), f"found keys that no section has: {LIVE.keys() - KEYS.keys()}"


class Change(NamedTuple):
    """A key whose value is another one than the running node has."""

    path: str
    running: object
    found: object

    @property
    def is_live(self) -> bool:
        return self.path in LIVE


def changes_between(running: Config, found: Config) -> list[Change]:
    """Key by key, in the order of the file."""
    pairs = [Change(path, value_at(running, path), value_at(found, path)) for path in KEYS]
    return [change for change in pairs if change.running != change.found]


def taken_up(running: Config, found: Config) -> Config:
    """What is in force after a reload: of `found` the keys that are live, of `running` all others."""
    return with_values(running, {change.path: change.found for change in changes_between(running, found) if change.is_live})


def with_values(config: Config, values: dict[str, object]) -> Config:
    """The same with other values, which the caller has checked."""
    for path, value in values.items():
        section, name = _names(path)
        config = replace(config, **{section: replace(getattr(config, section), **{name: value})})
    return config


def value_at(config: Config, path: str) -> object:
    section, name = _names(path)
    return getattr(getattr(config, section), name)


def _names(path: str) -> tuple[str, str]:
    key = KEYS[path]
    return key.section, key.name
