"""`verify-proof`: whether a file proves what it says, without a network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from p2pchain.chain.address import encode_address
from p2pchain.chain.errors import Invalid
from p2pchain.chain.following import Point
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.params import ChainSpec, Params
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.transaction_proofs import has_succeeded
from p2pchain.chain.types import AccountId
from p2pchain.chain.votes import Subject
from p2pchain.cli.failures import FAILED, WRONG_USE, Failure
from p2pchain.cli.light.trust import TrustedBlock, genesis_option, own_genesis
from p2pchain.cli.options import home_option, json_option
from p2pchain.cli.showing import show
from p2pchain.client import TrustError
from p2pchain.client.light.bundle import BYTES_MAX, Bundle, BundleError, loads_bundle
from p2pchain.client.light.contents import account_in, transaction_in
from p2pchain.client.light.light_client import parse_trusted
from p2pchain.client.light.values import final_of


@click.command("verify-proof")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@genesis_option
@click.option("--trusted", type=TrustedBlock(), multiple=True, help="A block that you trust, where the proof begins at one; repeatable.")
@json_option
@home_option
def verify_proof(file: Path, genesis_file: Path | None, trusted: Sequence[str], *, as_json: bool) -> None:
    """Check the proof in FILE (or -) against the genesis or a trusted block, without a network.

    Ends with 0 where it holds, and says of which block; with 1 where it does not, and says why.
    """
    genesis = own_genesis(genesis_file)
    try:
        bundle = loads_bundle(_read(file))
        point = bundle.verify(genesis, [parse_trusted(each) for each in trusted])
        answer = _contents(bundle, point, genesis)
    except (BundleError, Invalid) as error:
        raise Failure(f"{file} proves nothing: {error}", FAILED) from None
    except TrustError as error:
        raise Failure(f"{file}: {error}", WRONG_USE) from None
    show(answer, as_json=as_json)


def _read(file: Path) -> str:
    with click.open_file(str(file), "rb") as source:
        content = source.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise BundleError(f"it has more than {BYTES_MAX} bytes")
    try:
        return bytes(content).decode()
    except UnicodeDecodeError as error:
        raise BundleError(f"it is no text in UTF-8 at byte {error.start}") from None


def _contents(bundle: Bundle, point: Point, genesis: Genesis | None) -> dict[str, object]:
    if isinstance(bundle.proof, RowProof):
        shown = account_in(point, bundle.proof)
        row = shown.row
        return {
            "proven": "account",
            "account": shown.account.hex(),
            "address": None if genesis is None else encode_address(genesis.address_prefix, AccountId(shown.account)),
            "exists": row is not None,
            "balance": str(row.balance if row is not None else 0),
            "nonce": row.nonce if row is not None else 0,
        } | _place(bundle, shown.at, genesis)
    found = transaction_in(point, bundle.proof, _spec(bundle, genesis))
    made = found.transaction
    return {
        "proven": "transaction",
        "id": made.id.hex(),
        "sender": made.sender.hex() if genesis is None else encode_address(genesis.address_prefix, made.sender),
        "nonce": made.nonce,
        "fee": str(made.fee),
        "index": found.position,
        "succeeded": has_succeeded(made),
        "raw": made.raw.hex(),
    } | _place(bundle, found.at, genesis)


def _place(bundle: Bundle, at: Subject, genesis: Genesis | None) -> dict[str, object]:
    """Of which block it is true; how old that is can be told by a genesis alone."""
    final = None if genesis is None else final_of(at, genesis, int(time.time() * 1000))
    return {
        "chain_id": bundle.chain_id.hex(),
        "height": at.height,
        "slot": at.slot,
        "hash": at.block.hex(),
        "time_ms": None if final is None else final.time_ms,
        "age_s": None if final is None else round(final.age_s, 1),
    }


def _spec(bundle: Bundle, genesis: Genesis | None) -> ChainSpec:
    """Of a chain that is known by its id alone no more is needed to read a transaction."""
    return genesis.spec() if genesis is not None else ChainSpec(bundle.chain_id, "", "", 0, Params())
