"""`config`: the configuration of a home."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from p2pchain.cli.failures import WRONG_USE, Failure
from p2pchain.cli.home_making import config_text
from p2pchain.cli.options import current_config, current_home, home_option, json_option, settings_option
from p2pchain.config import Config, ConfigError, Home
from p2pchain.genesis_file import GenesisFileError, load_genesis


@click.group()
def config() -> None:
    """Check and show the configuration."""


@config.command()
@settings_option
@home_option
def check() -> None:
    """Check configuration and genesis, and tell all mistakes at once."""
    home = Home(current_home())
    wrong = []
    for part in (current_config, lambda: load_genesis(home.genesis_file)):
        try:
            part()
        except (ConfigError, GenesisFileError) as error:
            wrong.append(str(error))
    if wrong:
        raise Failure("\n".join(wrong), WRONG_USE)
    genesis = load_genesis(home.genesis_file)
    click.echo(f"{home.path}: configuration and genesis are well; network {genesis.name}, chain id {genesis.chain_id.hex()}")


@config.command()
@settings_option
@json_option
@home_option
def show(*, as_json: bool) -> None:
    """Show every key as it is in force: defaults, file, environment and --set together."""
    found = current_config()
    click.echo(json.dumps(_fields(found)) if as_json else config_text(found), nl=as_json)


def _fields(found: Config) -> dict[str, object]:
    fields = asdict(found)
    assert isinstance(fields["home"]["path"], Path)
    return fields | {"home": str(found.home.path)}
