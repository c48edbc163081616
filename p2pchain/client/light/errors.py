"""What can keep a light client from an answer, always with the node that is to blame, where one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2pchain.client.answers import Json
from p2pchain.client.errors import ClientError


class NodeFailedError(ClientError):
    """One node gave no proof, or one that does not hold.  The client asks the next."""

    def __init__(self, url: str, what: str, why: str) -> None:
        super().__init__(f"{url}: {what}: {why}")
        self.url = url
        self.what = what
        """What was asked for, in words."""
        self.why = why


class UnprovenError(ClientError):
    """No node proved what was asked for."""

    def __init__(self, what: str, failures: Sequence[NodeFailedError]) -> None:
        reasons = "; ".join(str(failure) for failure in failures) or "no node was asked"
        super().__init__(f"nobody proved {what}: {reasons}")
        self.failures = tuple(failures)


class TrustError(ClientError):
    """What the client was told to trust cannot be used: the next step is the user's."""


class ConflictError(ClientError):
    """Two conflicting blocks are final: a third of a set of delegates is dishonest, and no answer can be believed any more."""

    def __init__(self, height: int, nodes: tuple[str, str], evidence: Json) -> None:
        culprits: Mapping[str, object] = evidence
        signed = culprits["signed_both"]
        count = len(signed) if isinstance(signed, list) else 0
        super().__init__(
            f"{nodes[0]} and {nodes[1]} prove different final blocks at height {height}: {count} delegates signed both;"
            " keep the evidence and ask the operators of the network"
        )
        self.height = height
        self.nodes = nodes
        self.evidence = evidence
        """Both headers with their certificates, in hex, and who signed both: fit for a file."""
