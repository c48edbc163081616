"""The client that applications import: one node's HTTP API as typed calls.

It knows the rules (`chain`) to build and sign transactions, and of the node nothing but its API; it decides nothing
and keeps no state but its connection.  Every failure is a `NodeError` (the node refused, with its code and evidence)
or a `NodeUnreachableError` (no answer).
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
