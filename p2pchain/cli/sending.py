"""Building, signing and submitting one transaction, as every verb that sends one does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

from p2pchain.chain.actions import Action
from p2pchain.chain.address import encode_address
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.transaction import build_transaction
from p2pchain.chain.types import AMOUNT_MAX, AccountId
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import current_home, current_node, json_option, node_option
from p2pchain.cli.passphrases import load_key, passphrase_file_option
from p2pchain.client import NodeClient
from p2pchain.client.answers import Trial
from p2pchain.client.node_client import Wanted
from p2pchain.config import Home
from p2pchain.keystore import Keystore

F = TypeVar("F", bound=Callable[..., Any])
VALID_SLOTS = 1_200
"""Ten minutes at 500 ms: long enough for a full pool, short enough that a lost transaction does not surprise days later."""
AMOUNT = click.IntRange(1, AMOUNT_MAX)
_REFUSED = frozenset({"rejected", "expired", "replaced"})


class SendOptions(TypedDict):
    """How to send, as the options of `send_options` say."""

    key: str
    fee: int | None
    nonce: int | None
    valid_slots: int
    dry_run: bool
    wait: Wanted | None
    timeout: float
    passphrase_file: Path | None
    as_json: bool


def send_options(verb: F) -> F:
    """The options of `SendOptions`; the verb gets them as keywords."""
    options = [
        click.option("--from", "key", metavar="KEY", required=True, help="Key of the sender: a name in the keystore or a key file."),
        click.option("--fee", type=click.IntRange(0, AMOUNT_MAX), help="Fee to pay [the least that the network takes]."),
        click.option("--nonce", type=click.IntRange(0), help="Nonce [the sender's next one]."),
        click.option("--valid-slots", type=click.IntRange(1), default=VALID_SLOTS, show_default=True, help="Expires after so many slots."),
        click.option("--dry-run", is_flag=True, help="Sign it, ask the node what would become of it, and submit nothing."),
        click.option("--wait", type=click.Choice(["included", "final"]), help="Wait until it is in a block, or in a final one."),
        click.option("--timeout", type=click.FloatRange(0), default=30.0, show_default=True, help="Longest wait in seconds."),
        passphrase_file_option,
        json_option,
        node_option,
    ]
    for option in reversed(options):
        verb = option(verb)
    return verb


def send(build: Callable[[ChainSpec, bytes], Sequence[Action]], options: SendOptions) -> None:
    """Sign what `build` makes of the network's facts and the sender's account id, submit it, and print what became of it."""
    signer = KeySigner(load_key(Keystore(Home(current_home()).keys), options["key"], options["passphrase_file"]))
    with NodeClient(current_node()) as client:
        spec = client.spec()
        params = client.params()
        sender = encode_address(spec.address_prefix, AccountId(signer.public_key))
        raw = build_transaction(
            signer,
            spec,
            build(spec, signer.public_key),
            nonce=client.account(sender)["next_nonce"] if options["nonce"] is None else options["nonce"],
            valid_until=client.status()["slot"] + min(options["valid_slots"], params.validity_slots_max),
            fee=options["fee"],
            params=params,
        )
        if options["dry_run"]:
            _print_trial(client.simulate([raw])[0], as_json=options["as_json"])
        else:
            _print(_outcome(client, raw, options), as_json=options["as_json"])


def _print_trial(trial: Trial, *, as_json: bool) -> None:
    """Status 1 where the transaction would not do what it says."""
    if as_json:
        click.echo(json.dumps(trial))
    elif trial["error"] is None:
        click.echo(f"would succeed, for a fee of {trial['fee']}")
    if trial["error"] is not None:
        words = "would be refused" if trial["outcome"] == "refused" else f"would fail and pay its fee of {trial['fee']}"
        raise Failure(f"{words}: {trial['error']['code']}: {trial['error']['message']}")


def _outcome(client: NodeClient, raw: bytes, options: SendOptions) -> dict[str, object]:
    result = client.submit([raw])[0]
    if result["error"] is not None or result["id"] is None:
        error = result["error"] or {"code": result["status"], "message": "the node gave no reason"}
        raise Failure(f"{error['code']}: {error['message']}")
    if options["wait"] is None:
        return {"id": result["id"], "status": result["status"], "height": None}
    found = client.wait_for(result["id"], options["wait"], options["timeout"])
    if found["status"] in _REFUSED:
        reason = found["error"]["message"] if found["error"] else "no reason given"
        raise Failure(f"transaction {result['id']} is {found['status']}: {reason}")
    if failure := found.get("error"):
        reason = f"{failure['code']}: {failure['message']}"
        raise Failure(f"transaction {result['id']} is {found['status']} and failed, its fee is paid: {reason}")
    return {"id": result["id"], "status": found["status"], "height": found["height"]}


def _print(outcome: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(outcome))
    else:
        height = "" if outcome["height"] is None else f" at height {outcome['height']}"
        click.echo(f"{outcome['id']} {outcome['status']}{height}")
