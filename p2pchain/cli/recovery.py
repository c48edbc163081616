"""`recovery`: going on without delegates that are gone for good.  The procedure is in docs/recovery.md."""

from __future__ import annotations

import json
from pathlib import Path

import click

from p2pchain.chain.address import decode_address, encode_address
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.recovery import Recovery
from p2pchain.chain.recovery_draft import Report, draft
from p2pchain.chain.types import AccountId
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import current_config, home_option, json_option
from p2pchain.cli.passphrases import load_key, passphrase_file_option
from p2pchain.cli.recovery_home import inspect as inspect_home
from p2pchain.cli.recovery_home import install as install_in_home
from p2pchain.cli.recovery_home import open_place
from p2pchain.cli.recovery_home import sign as sign_in_home
from p2pchain.cli.recovery_report import load_report, report_json
from p2pchain.cli.showing import show as show_answer
from p2pchain.genesis_file import RecoveryFile, dumps_recovery, load_recovery
from p2pchain.keystore import Keystore
from p2pchain.storage.durable import write_whole

_FILE = click.Path(path_type=Path)


@click.group()
def recovery() -> None:
    """Go on without delegates that are gone for good; see docs/recovery.md."""


@recovery.command()
@json_option
@home_option
def inspect(*, as_json: bool) -> None:
    """Show what this node has on disk that a recovery must keep. With --json: the report to draft from."""
    place = open_place(current_config())
    report, prefix = inspect_home(place), place.genesis.address_prefix
    if as_json:
        click.echo(json.dumps(report_json(report, prefix), indent=1))
    else:
        show_answer(_inspected(report, prefix), as_json=False)


@recovery.command("draft")
@click.argument("reports", metavar="REPORT...", type=_FILE, nargs=-1, required=True)
@click.option("--without", metavar="ACCOUNT", multiple=True, required=True, help="A delegate that is gone for good; may be repeated.")
@click.option("--accept-loss", is_flag=True, help="Go on although confirmed blocks may be lost, because a quorum is gone.")
def draft_recovery(reports: tuple[Path, ...], without: tuple[str, ...], *, accept_loss: bool) -> None:
    """Print the recovery that follows from the reports of ALL delegates that remain."""
    loaded = [load_report(path) for path in reports]
    prefix = loaded[0][1]
    removed = {decode_address(prefix, text) for text in without}
    found = draft(
        [report for report, _ in loaded], removed, accept_loss=accept_loss, name=lambda item: encode_address(prefix, AccountId(item))
    )
    for line in found.words:
        click.echo(line, err=True)
    click.echo(dumps_recovery(found.recovery, prefix, found.words), nl=False)


@recovery.command()
@click.argument("file", type=_FILE)
@click.option("--from", "key_name", metavar="KEY", help="The delegate's key [that of the configuration].")
@passphrase_file_option
@home_option
def sign(file: Path, key_name: str | None, passphrase_file: Path | None) -> None:
    """Add this delegate's signature to FILE. The node must be stopped, and starts again with this recovery only."""
    config = current_config()
    place, document = open_place(config), load_recovery(file)
    name = key_name or config.delegate.key
    signer = KeySigner(load_key(Keystore(config.home.keys), name, passphrase_file or config.passphrase_file))
    signed = sign_in_home(place, document.recovery, signer)
    write_whole(file, dumps_recovery(signed, document.prefix, _kept_words(file)).encode())
    click.echo(f"signed by {signer.public_key.hex()}; {_missing(signed)}")


@recovery.command()
@click.argument("file", type=_FILE)
@json_option
def show(file: Path, *, as_json: bool) -> None:
    """Show what FILE says, and who has still to sign it."""
    show_answer(_shown(load_recovery(file)), as_json=as_json)


@recovery.command()
@click.argument("files", metavar="FILE...", type=_FILE, nargs=-1, required=True)
@home_option
def install(files: tuple[Path, ...]) -> None:
    """Install a recovery that all have signed; of several copies of it the signatures are put together."""
    place, document = open_place(current_config()), _merged([load_recovery(file) for file in files])
    path, is_known = install_in_home(place, document)
    click.echo(f"installed as {path}")
    if not is_known:
        click.echo("its base is not known here yet: the node will fetch it from those who have it, and signs nothing before")
    click.echo("restart the node to use it" if place.running else f"start it with: p2pchain start --home {place.config.home.path}")


def _merged(found: list[RecoveryFile]) -> Recovery:
    first = found[0].recovery
    for other in found[1:]:
        if other.recovery.id != first.id:
            raise Failure(f"the files hold different recoveries: {first.id.hex()} and {other.recovery.id.hex()}")
    return first._replace(signatures={key: value for each in found for key, value in each.recovery.signatures.items()})


def _kept_words(file: Path) -> list[str]:
    """The comment that a draft begins with, without the lines that every recovery has."""
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = [line[2:] for line in lines if line.startswith("# ")]
    return comment[2:]


def _missing(found: Recovery) -> str:
    return f"still to sign: {', '.join(key.hex() for key in found.missing)}" if found.missing else "all have signed: it can be installed"


def _shown(found: RecoveryFile) -> dict[str, object]:
    document, prefix = found
    return {
        "id": document.id.hex(),
        "chain_id": document.chain_id.hex(),
        "base": {"height": document.base.height, "slot": document.base.slot, "hash": document.base.block.hex()},
        "from_slot": document.from_slot,
        "accept_loss": document.accept_loss,
        "removed": [encode_address(prefix, AccountId(account)) for account in document.removed],
        "signers": [{"consensus_key": key.hex(), "signed": key in document.signatures} for key in document.signers],
        "complete": not document.missing,
    }


def _inspected(report: Report, prefix: str) -> dict[str, object]:
    """The report in the words that an operator looks for."""
    full = report_json(report, prefix)
    active = report.seats[-1].members
    silent = set(report.silent)
    return {
        **{name: full[name] for name in ("chain_id", "delegate", "running", "lost_record", "slot", "signed_slot")},
        "final": full["final"],
        "newest": full["newest"],
        "active": [
            {"address": encode_address(prefix, AccountId(member.account)), "heard": member.account not in silent} for member in active
        ],
    }
