"""What the operator decides about the links, and what a link is allowed to cost."""

from __future__ import annotations

from dataclasses import dataclass

from p2pchain.chain.crypto import Signer
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
VISIT_S = 5.0
"""A connection for addresses alone: two questions and two answers."""
OUTBOX_BYTES_MAX = 16 << 20
"""What one healthy peer may be owed at once; `net.lanes` divides it."""
OUTBOX_FRAMES_MAX = 16_384
"""Small frames cost about 100 bytes each beside their own: below 2 MiB."""
SEAL_BYTES = 16 * CONTENT_BYTES_MAX
"""Encrypted in one go: below a millisecond, after which the other tasks have their turn."""
BATCH_BYTES = 64 * 1024
"""One write; a vote that comes meanwhile waits for no more than this, or one block."""
UNSENT_BYTES_MAX = 128 * 1024
"""What the kernel may hold beyond what is on its way: without it a vote would wait behind megabytes that left this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """How often discovery does what; shorter in tests."""

    look_ms: int = 500
    """Between two looks at whether somebody is to be dialled."""
    retry_ms: int = 10_000
    """Before a node of the book is dialled again; doubles with each failure, up to an hour."""
    refused_ms: int = 600_000
    """Before one that would not have us."""
    exchange_ms: int = 3_000
    """Before one peer is asked again the first time, the pauses then double; and in which it earns one more answer."""
    feeler_ms: int = 60_000
    """Between two feelers."""
    anchor_ms: int = 60_000
    """So long an anchor keeps its outbound place while it does not answer."""
    seed_ms: int = 300_000
    """Before a seed that hung up is asked again while there are peers, and a name that gave addresses is resolved anew."""
    save_ms: int = 30_000
    """Between two looks at whether the book must be written."""


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

    # discovery
    signer: Signer | None = None
    """Holds the node key, for this node's own record; without one it announces nothing."""
    exchange: bool = False
    """Whether to ask peers for other nodes, to answer such questions, and to dial what was learned."""
    announce: str = ""
    """`host:port` that is announced instead of what is found out; `never`."""
    seed_only: bool = False
    """Hand out addresses, hang up, and take no other part."""
    peers_in_per_group_max: int = 16
    peers_out_per_group_max: int = 2
    """Of one group of addresses (`net.groups`); local ones are not counted."""
    delegate_peers: tuple[bytes, ...] = ()
    """Node keys for each of which an inbound place is kept."""
    unconditional_peers: tuple[bytes, ...] = ()
    """Node keys that no limit counts."""
    private_peers: tuple[bytes, ...] = ()
    """Node keys that are never told to others."""
    allowed_peers: tuple[bytes, ...] = ()
    """If any: nobody else is let in or dialled."""
    tempo: Tempo = Tempo()

    @property
    def named_keys(self) -> frozenset[bytes]:
        """Nodes that the operator named by their keys."""
        found = {parse_peer(address).node_key for address in (*self.persistent_peers, *self.seeds)}
        return frozenset(key for key in found if key is not None)
