"""The handshake: each side says hello, each checks the other's, and nothing else is said before.

This is the place of encryption and proof of identity: a Noise handshake will run before the hellos, and its
transport will lie between frames and socket.  Until then the node key in a hello is a claim.
"""

from __future__ import annotations

from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.messages import PROTOCOL_VERSION, Hello


def check_hello(ours: Hello, theirs: Hello) -> None:
    """`ConnectionRefused` where the two nodes cannot talk: other chain, other protocol, or the same node."""
    if theirs.chain_id != ours.chain_id:
        text = f"peer is on chain {theirs.chain_id.hex()}, this node on {ours.chain_id.hex()}: the genesis differs"
        raise ConnectionRefused(Reason.WRONG_CHAIN, text)
    if theirs.protocol != ours.protocol:
        text = f"peer speaks protocol {theirs.protocol}, this node {PROTOCOL_VERSION}: upgrade the older one"
        raise ConnectionRefused(Reason.WRONG_PROTOCOL, text)
    if theirs.node_key == ours.node_key:
        raise ConnectionRefused(Reason.SELF, "connected to itself")
