"""`config`: the configuration of a home, and of the node that runs there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from p2pchain.cli.failures import WRONG_USE, Failure
from p2pchain.cli.options import current_config, current_home, current_settings, home_option, json_option, settings_option
from p2pchain.config import Config, ConfigError, Home, Traced, load_traced
from p2pchain.config.live import LIVE, value_at
from p2pchain.config.sections import KEYS

_LEVELS = ("debug", "info", "warning", "error")


@click.group()
def config() -> None:
    """Check and show the configuration, and have the running node read it again."""


@config.command()
@settings_option
@json_option
@home_option
def check(*, as_json: bool) -> None:
    """Check configuration and genesis, and tell all mistakes at once."""
    from p2pchain.genesis_file import GenesisFileError, load_genesis  # noqa: PLC0415 - the rules, which a completion need not load

    home = Home(current_home())
    wrong: list[ConfigError | GenesisFileError] = []
    for part in (current_config, lambda: load_genesis(home.genesis_file)):
        try:
            part()
        except (ConfigError, GenesisFileError) as error:
            wrong.append(error)
    if as_json:
        problems = [asdict(problem) for error in wrong for problem in error.problems]
        click.echo(json.dumps({"well": not wrong, "problems": problems}))
        click.get_current_context().exit(WRONG_USE if wrong else 0)
    if wrong:
        raise Failure("\n".join(map(str, wrong)), WRONG_USE)
    genesis = load_genesis(home.genesis_file)
    click.echo(f"{home.path}: configuration and genesis are well; network {genesis.name}, chain id {genesis.chain_id.hex()}")


@config.command()
@click.option("--origin", "with_origin", is_flag=True, help="Also say where each value was set, and which keys a reload takes up.")
@click.option("--running", is_flag=True, help="Show what the running node has in force, and where a start would differ.")
@settings_option
@json_option
@home_option
def show(*, with_origin: bool, running: bool, as_json: bool) -> None:
    """Show every key as a start would take it: defaults, file, environment and --set together."""
    if running:
        _show_running(as_json=as_json)
        return
    from p2pchain.cli.home_making import config_text  # noqa: PLC0415 - the store, which no other verb here loads

    traced = load_traced(current_home(), os.environ, current_settings())
    if with_origin:
        click.echo(json.dumps(_origins(traced)) if as_json else "\n".join(_origin_lines(traced)))
        return
    click.echo(json.dumps(_fields(traced.config)) if as_json else config_text(traced.config), nl=as_json)


@config.command()
@json_option
@home_option
def reload(*, as_json: bool) -> None:
    """Have the running node read its configuration again; a wrong one changes nothing."""
    from p2pchain.cli.administering import admin_client  # noqa: PLC0415 - the client, which no other verb here loads
    from p2pchain.client import NodeError  # noqa: PLC0415

    try:
        with admin_client() as admin:
            answer = admin.reload_config()
    except NodeError as error:
        raise Failure(error.message, WRONG_USE) if error.code == "bad_config" else error from None
    click.echo(json.dumps(answer) if as_json else "\n".join(_reload_lines(answer)))


@config.command(name="log-level")
@click.argument("level", type=click.Choice(_LEVELS))
@home_option
def log_level(level: str) -> None:
    """Change how much the running node logs, until its next start or reload."""
    from p2pchain.cli.administering import admin_client  # noqa: PLC0415 - the client, which no other verb here loads

    with admin_client() as admin:
        admin.set_log_level(level)
    click.echo(f"log level {level}, until the next start or reload; for good: log.level in node.toml")


def _show_running(*, as_json: bool) -> None:
    from p2pchain.cli.administering import admin_client  # noqa: PLC0415 - the client, which no other verb here loads

    with admin_client() as admin:
        in_force = admin.config()["config"]
    if as_json:
        click.echo(json.dumps(in_force))
        return
    found = json.loads(json.dumps({path: value_at(current_config(), path) for path in KEYS}))
    for path, value in in_force.items():
        waits = "" if found.get(path) == value else f"  (found here: {_shown(found.get(path))})"
        click.echo(f"{path} = {_shown(value)}{waits}")


def _fields(found: Config) -> dict[str, object]:
    fields = asdict(found)
    assert isinstance(fields["home"]["path"], Path)
    return fields | {"home": str(found.home.path)}


def _origins(traced: Traced) -> dict[str, object]:
    return {
        path: {"value": value_at(traced.config, path), "origin": place.origin, "source": place.source, "live": path in LIVE}
        for path, place in traced.places.items()
    }


def _origin_lines(traced: Traced) -> list[str]:
    settings = {path: f"{path} = {json.dumps(value_at(traced.config, path), ensure_ascii=False)}" for path in traced.places}
    width = min(56, max(map(len, settings.values())))
    return [f"{settings[path]:<{width}}  {place.source}{'' if path in LIVE else '  (next start)'}" for path, place in traced.places.items()]


def _reload_lines(answer: Mapping[str, Mapping[str, Mapping[str, object]]]) -> list[str]:
    changed, waiting = answer["changed"], answer["needs_restart"]
    lines = [f"changed: {path}: {_shown(each['before'])} -> {_shown(each['now'])}" for path, each in changed.items()]
    lines += [f"needs a restart: {path}: {_shown(each['running'])} runs, {_shown(each['found'])} found" for path, each in waiting.items()]
    return [*(lines or ["nothing has changed"]), f"unchanged: {len(answer['unchanged'])} keys"]


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
