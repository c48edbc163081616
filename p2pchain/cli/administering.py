"""The way to the socket of a running node in this machine's home."""

from __future__ import annotations

from p2pchain.cli.failures import Failure
from p2pchain.cli.options import current_home
from p2pchain.client.admin_client import AdminClient
from p2pchain.config import Home


def admin_client() -> AdminClient:
    """Of the node of the current home."""
    home = Home(current_home())
    if problem := home.admin_socket_problem:
        raise Failure(problem)
    return AdminClient(home.admin_socket)
