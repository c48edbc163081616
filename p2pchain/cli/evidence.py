"""`evidence`: what proves that a delegate contradicted itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import click

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.errors import Refusal, brief
from p2pchain.chain.evidence import convict, in_order
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.types import ChainId
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import current_node, json_option, node_option
from p2pchain.cli.sending import SendOptions, send, send_options
from p2pchain.cli.showing import show as show_answer
from p2pchain.client import NodeClient


@click.group()
def evidence() -> None:
    """List and submit contradicting signatures of delegates."""


@evidence.command("list")
@json_option
@node_option
def list_evidence(*, as_json: bool) -> None:
    """List what the node has seen since it began, one pair of messages a delegate."""
    with NodeClient(current_node()) as client:
        answer = client.evidence()
    if not as_json:
        answer = {
            "evidence": [{k: v for k, v in item.items() if k not in {"first", "second", "consensus_key"}} for item in answer["evidence"]]
        }
    show_answer(answer, as_json=as_json)


@evidence.command()
@click.argument("which", metavar="[ID|FILE]", required=False)
@click.option("--all", "everything", is_flag=True, help="All that the node has seen, of delegates not convicted yet.")
@send_options
def submit(which: str | None, *, everything: bool, **options: Unpack[SendOptions]) -> None:
    """Submit evidence: an id of `evidence list`, or a file with an item of `evidence list --json`.

    Who submits it first gets a share of the penalty.  What does not convict costs its fee: it is checked before it is sent.
    """
    if (which is None) == (not everything):
        raise click.UsageError("either --all or one ID or FILE is wanted")
    items = _of_file(Path(which)) if which is not None and Path(which).is_file() else _of_node(which)
    for item in items:
        send(partial(_action, _pair(item)), options)


def _of_node(which: str | None) -> list[dict[str, Any]]:
    """The items with an id, or all that still convict."""
    with NodeClient(current_node()) as client:
        known = client.evidence()["evidence"]
    found = [item for item in known if (not item["convicted"] if which is None else item["id"] == which)]
    if not found:
        wanted = "that is not on the chain already" if which is None else f"'{which}', and there is no such file"
        raise Failure(f"the node has no evidence {wanted}")
    return found


def _of_file(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Failure(f"{path} cannot be read ({error.strerror})") from None
    return read_evidence(text, path)


def read_evidence(text: bytes, path: Path) -> list[dict[str, Any]]:
    """The items in what `evidence list --json` printed, or one of them; `path` names the text in errors."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path} cannot be read as JSON ({brief(error)})") from None
    items = content.get("evidence", [content]) if isinstance(content, dict) else content
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise Failure(f"{path} holds no evidence, an object with `first` and `second` wanted")
    return items


def _pair(item: dict[str, Any]) -> tuple[bytes, bytes]:
    try:
        return in_order(bytes.fromhex(item["first"]), bytes.fromhex(item["second"]))
    except (KeyError, TypeError, ValueError):
        raise Failure("evidence is two signed messages in hex, `first` and `second`") from None


def _action(pair: tuple[bytes, bytes], spec: ChainSpec, _account: bytes) -> Sequence[Action]:
    try:
        convict(*pair, ChainId(spec.chain_id))
    except Refusal as refusal:
        raise Failure(f"this convicts nobody: {refusal}") from None
    return [SubmitEvidence(*pair)]
