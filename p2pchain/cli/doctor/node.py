"""The node as it runs, by its own answers; where it does not run, whether it could have its ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from p2pchain import __version__
from p2pchain.cli.background import read_pid
from p2pchain.cli.doctor.finding import Finding, broken, doubtful, well
from p2pchain.cli.options import api_url_of
from p2pchain.client import ClientError, NodeClient
from p2pchain.client.answers import Status
from p2pchain.config import Config, split_endpoint
from p2pchain.keystore import NODE_KEY, Keystore, KeystoreError

_QUIET_HEARTBEATS = 3


def look_at_node(config: Config) -> Iterator[Finding]:
    pid = read_pid(config.home)
    if pid is None:
        yield doubtful("process", "the node does not run", "start it: p2pchain start")
        yield from _ports(config)
        return
    yield well("process", f"runs as process {pid}")
    if not config.api.enabled:
        yield doubtful("api", "off (api.enabled), so nothing can be asked", "set api.enabled = true, on loopback")
        return
    try:
        with NodeClient(api_url_of(config), timeout_s=5) as client:
            yield from _answers(config, client)
    except ClientError as error:
        yield broken("api", str(error), f"see the last lines of {config.home.data / 'node.log'}, or journalctl -u p2pchain")


def _ports(config: Config) -> Iterator[Finding]:
    endpoints = {"p2p.listen": config.p2p.listen} | ({"api.listen": config.api.listen} if config.api.enabled else {})
    for key, endpoint in endpoints.items():
        host, port = split_endpoint(endpoint)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                todo = f"see who has it with ss -ltnp, or choose another {key}"
                yield broken(key, f"{endpoint}: {error.strerror or error}", todo)
            else:
                yield well(key, f"{endpoint} is free")


def _answers(config: Config, client: NodeClient) -> Iterator[Finding]:
    status = client.status()
    yield _identity(config, status)
    yield _version(status)
    yield _clock(status, client.genesis().spec().slot_ms)
    yield _peers(status, client.terms()["votes_needed"])
    yield _finality(status, client.params().heartbeat_slots)
    if status["requirement"] is not None:
        wanted = f"version {status['requirement']['version']} of the protocol from height {status['requirement']['height']} on"
        yield broken("protocol", f"the network takes {wanted}", "install a p2pchain that knows it before then; the node ends otherwise")
    yield well("condition", status["condition"])


def _identity(config: Config, status: Status) -> Finding:
    try:
        own = Keystore(config.home.keys).entry(NODE_KEY).public_key.hex()
    except KeystoreError as error:
        return broken("api", str(error), "see key node")
    if status["node_id"] != own:
        return broken("api", f"at {api_url_of(config)} answers another node, {status['node_id']}", "give each node its own api.listen")
    return well("api", f"answers at {api_url_of(config)}")


def _version(status: Status) -> Finding:
    if status["version"] != __version__:
        return doubtful("version", f"runs {status['version']}, installed is {__version__}", "restart it: p2pchain stop, p2pchain start")
    return well("version", status["version"])


def _clock(status: Status, slot_ms: int) -> Finding:
    offset = status["clock_offset_ms"]
    todo = "set the clock and keep it set with NTP: timedatectl set-ntp true"
    if offset is None:
        return doubtful("clock", "too few delegates were heard to tell", "look again when the network has produced blocks for a minute")
    if abs(offset) > slot_ms // 2:
        return broken("clock", f"{abs(offset)} ms {'ahead of' if offset > 0 else 'behind'} those of the delegates", todo)
    return well("clock", "agrees with those of the delegates")


def _peers(status: Status, votes_needed: int) -> Finding:
    count = status["peers"]
    if count or votes_needed == 1:
        return well("peers", f"{count} connected")
    return broken("peers", "none connected", "p2pchain peers says who refused; check p2p.seeds and the firewall")


def _finality(status: Status, heartbeat_slots: int) -> Finding:
    quiet = status["slot"] - status["final"]["slot"]
    words = f"height {status['final']['height']} is final, {quiet} slots ago"
    if status["syncing"]:
        return doubtful("finality", f"catching up: {words}", "wait; p2pchain status shows how far it is")
    if quiet > _QUIET_HEARTBEATS * heartbeat_slots:
        return broken("finality", words, "see the condition: it names the delegates that are missing")
    return well("finality", words)
