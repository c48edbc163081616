"""Whether the configured peers can be reached from here at all."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from p2pchain.cli.doctor.finding import Finding, broken, doubtful, well
from p2pchain.config import Config, split_endpoint

CONNECT_S = 2.0


def look_at_links(config: Config) -> Iterator[Finding]:
    """Opens a connection to each and closes it: the far end sees one more that said nothing."""
    peers = sorted({*config.p2p.seeds, *config.p2p.persistent_peers})
    if not peers:
        yield well("seeds", "none configured: peers must dial this node")
        return
    found = {peer: _reach(peer) for peer in peers}
    reached = sum(not reason for reason in found.values())
    for peer, reason in found.items():
        if not reason:
            yield well("seed", f"{peer} accepts connections")
            continue
        todo = "ask its operator, check the firewall and the spelling in p2p.seeds"
        yield doubtful("seed", f"{peer}: {reason}", todo) if reached else broken("seed", f"{peer}: {reason}", todo)


def _reach(peer: str) -> str:
    """Empty, or why not."""
    host, port = split_endpoint(peer.rpartition("@")[2])
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S):
            return ""
    except socket.gaierror as error:
        return f"the name cannot be resolved ({error.strerror})"
    except TimeoutError:
        return f"no answer within {CONNECT_S:g} s"
    except OSError as error:
        return str(error.strerror or error)
