"""What can go wrong between an application and its node, in one line each."""

from __future__ import annotations

from collections.abc import Mapping


class ClientError(Exception):
    """A call to a node failed."""


class NodeError(ClientError):
    """The node answered with a refusal; `code` is stable, `evidence` is what the node added to it."""

    def __init__(
        self,
        code: str,
        message: str,
        evidence: Mapping[str, object] | None = None,
        *,
        http_status: int = 0,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.evidence = dict(evidence or {})
        self.http_status = http_status
        self.retry_after_s = retry_after_s
        """When to try again, where the node said so."""


class NodeUnreachableError(ClientError):
    """No answer from the node."""

    def __init__(self, url: str, reason: str, advice: str = "start it with: p2pchain start, or name another with --node URL") -> None:
        super().__init__(f"no answer from the node at {url} ({reason}); {advice}")
        self.url = url
        self.reason = reason


class SocketUnreachableError(NodeUnreachableError):
    """No answer on the Unix socket in the node's home."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason, "the node must run, and only the user that it runs as may speak to it there")


class NotInTimeError(ClientError):
    """A transaction had not reached the wanted status in time; it may still do so."""

    def __init__(self, transaction_id: str, wanted: str, found: str, timeout_s: float) -> None:
        super().__init__(
            f"transaction {transaction_id} is {found} after {timeout_s:g} s, {wanted} wanted;"
            f" ask again with: p2pchain tx show {transaction_id}"
        )
        self.transaction_id = transaction_id
        self.wanted = wanted
        self.found = found
