"""The client that applications import: a node's HTTP API as typed calls, sync and async, and a light client that believes no node.

It knows the rules (`chain`) to build and sign transactions and to check proofs, and of the node nothing but its API.  A node
client decides nothing and keeps no state but its connections and, in a sender, the next nonce.  What a node says is believed
by `NodeClient` and `AsyncNodeClient`, and by `LightClient` only as far as it is proven.  Every failure is a `ClientError`: a
`NodeError` (the node refused, with its code and evidence), a `NodeUnreachableError` (no answer), or one of the light client's.
"""

from p2pchain.client.async_node_client import AsyncNodeClient, AsyncSender
from p2pchain.client.errors import ClientError, NodeError, NodeUnreachableError, NotInTimeError
from p2pchain.client.light.errors import ConflictError, NodeFailedError, TrustError, UnprovenError
from p2pchain.client.light.light_client import LightClient
from p2pchain.client.light.values import Final, ProvenAccount, ProvenTransaction
from p2pchain.client.node_client import NodeClient, Sender
from p2pchain.client.sending import NotKnownError, Sent

__all__ = [
    "AsyncNodeClient",
    "AsyncSender",
    "ClientError",
    "ConflictError",
    "Final",
    "LightClient",
    "NodeClient",
    "NodeError",
    "NodeFailedError",
    "NodeUnreachableError",
    "NotInTimeError",
    "NotKnownError",
    "ProvenAccount",
    "ProvenTransaction",
    "Sender",
    "Sent",
    "TrustError",
    "UnprovenError",
]
