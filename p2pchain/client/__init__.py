"""The client that applications import: one node's HTTP API as typed calls.

It knows the rules (`chain`) to build and sign transactions, and of the node nothing but its API; it decides nothing
and keeps no state but its connection.  Every failure is a `NodeError` (the node refused, with its code and evidence)
or a `NodeUnreachableError` (no answer).
"""

from p2pchain.client.errors import ClientError, NodeError, NodeUnreachableError, NotInTimeError
from p2pchain.client.node_client import NodeClient

__all__ = ["ClientError", "NodeClient", "NodeError", "NodeUnreachableError", "NotInTimeError"]
