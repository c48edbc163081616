"""What the operator decides about the links, and what a link is allowed to cost."""

from __future__ import annotations

from dataclasses import dataclass

from p2pchain.net.endpoint import parse_peer
from p2pchain.wire.channel import CONTENT_BYTES_MAX
from p2pchain.wire.handshake import Credentials

CONNECT_S = 3.0
HANDSHAKE_S = 5.0
HANDSHAKES_MAX = 64
"""Inbound connections that have not been admitted; one more takes the place of the oldest (an honest one needs two round trips)."""
HANDSHAKES_PER_GROUP_MAX = 4
"""Of these, from one network (IPv4 /24, IPv6 /48): a host with many addresses crowds out its neighbours alone."""
KEEPALIVE_S = 10.0
SILENCE_S = 25.0
"""Two keepalives of the other end, and five seconds of travel."""
SEND_S = 10.0
SEND_BYTES_PER_S = 256 * 1024
"""A write has this much more time for its size, so that an 8 MiB answer gets through at 2 Mbit/s."""
GOODBYE_S = 1.0
LEAVE_S = 1.0
"""At the end of the process: time for the last news to reach the loop."""
PROBE_S = 2.0
OUTBOX_BYTES_MAX = 16 << 20
"""The largest answer to sync (12 MiB) and a full block (4 MiB): what one healthy peer may be owed at once."""
OUTBOX_FRAMES_MAX = 16_384
"""Small frames cost about 100 bytes each beside their own: below 2 MiB."""
SEAL_BYTES = 16 * CONTENT_BYTES_MAX
"""Encrypted in one go: below a millisecond, after which the other tasks have their turn."""
BATCH_BYTES = 256 * 1024
"""One write; whatever becomes urgent meanwhile waits for no more than this, or one larger frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    listen: str
    """`host:port`; port 0 takes a free one."""
    credentials: Credentials
    """The node key's proof, and the chain."""
    agent: str
    """Software and version; 64 printable characters of it are shown to peers."""
    seeds: tuple[str, ...] = ()
    """`host:port`, or `node key@host:port`: then only that node is accepted there."""
    persistent_peers: tuple[str, ...] = ()
    peers_in_max: int = 64
    peers_out_max: int = 16
    backoff_max_ms: int = 2_000
    outbox_bytes_max: int = OUTBOX_BYTES_MAX

    @property
    def named_keys(self) -> frozenset[bytes]:
        """Nodes that the operator named by their keys."""
        found = {parse_peer(address).node_key for address in (*self.persistent_peers, *self.seeds)}
        return frozenset(key for key in found if key is not None)
