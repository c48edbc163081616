"""What no key alone can tell: values that are well each, and not together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from p2pchain.config.kinds import split_endpoint
from p2pchain.config.sections import Config

_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


class Misfit(NamedTuple):
    path: str
    found: str
    wanted: str


def misfits(config: Config) -> Iterator[Misfit]:
    mempool, p2p = config.mempool, config.p2p
    if mempool.per_account_max > mempool.transactions_max:
        wanted = f"at most mempool.transactions_max, which is {mempool.transactions_max}"
        yield Misfit("mempool.per_account_max", str(mempool.per_account_max), wanted)
    if len(set(p2p.delegate_peers)) > p2p.peers_in_max:
        found = f"{len(set(p2p.delegate_peers))} keys, for each of which a place is kept"
        yield Misfit("p2p.delegate_peers", found, f"at most p2p.peers_in_max, which is {p2p.peers_in_max}")
    if config.api.enabled and _same_socket(p2p.listen, config.api.listen):
        yield Misfit("api.listen", config.api.listen, f"another port than p2p.listen, which is {p2p.listen}")


def _same_socket(one: str, other: str) -> bool:
    """Port 0 takes a free one, so it meets nobody."""
    (host, port), (other_host, other_port) = split_endpoint(one), split_endpoint(other)
    return port == other_port != 0 and (host == other_host or bool({host, other_host} & _ANY))
