"""Giving nodes of a stopped testnet other ports, where somebody else took theirs meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from p2pchain.cli.home_making import config_text
from p2pchain.cli.testnet.ports import HOST, hold_port, reserve_ports
from p2pchain.cli.testnet.record import NodeRecord, Testnet
from p2pchain.config import load_config, split_endpoint


def move_taken_ports(testnet: Testnet, stack: ExitStack) -> Testnet:
    """The testnet with every endpoint free, and held until `stack` is closed; each node is told of its neighbours' new ones."""
    endpoints = [text for node in testnet.nodes for text in (node.p2p, _api_endpoint(node))]
    taken = [text for text in endpoints if not hold_port(split_endpoint(text)[1], stack)]
    if not taken:
        return testnet
    moved = {old: f"{HOST}:{port}" for old, port in zip(taken, reserve_ports(len(taken), stack), strict=True)}
    for node in testnet.nodes:
        _rewrite(node, moved)
    return replace(testnet, nodes=tuple(_moved(node, moved) for node in testnet.nodes))


def _moved(node: NodeRecord, moved: Mapping[str, str]) -> NodeRecord:
    api = _api_endpoint(node)
    return replace(node, p2p=moved.get(node.p2p, node.p2p), api=f"http://{moved.get(api, api)}")


def _rewrite(node: NodeRecord, moved: Mapping[str, str]) -> None:
    home = node.layout
    config = load_config(Path(node.home))

    def new(text: str) -> str:
        key, at, endpoint = text.rpartition("@")
        return key + at + moved.get(endpoint, endpoint)

    p2p = replace(
        config.p2p,
        listen=new(config.p2p.listen),
        seeds=tuple(map(new, config.p2p.seeds)),
        persistent_peers=tuple(map(new, config.p2p.persistent_peers)),
    )
    changed = replace(config, p2p=p2p, api=replace(config.api, listen=new(config.api.listen)))
    temporary = home.config_file.with_suffix(".toml.new")
    temporary.write_text(config_text(changed), encoding="utf-8")
    temporary.replace(home.config_file)


def _api_endpoint(node: NodeRecord) -> str:
    return node.api.removeprefix("http://")
