"""Options that many verbs share, each said once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from p2pchain.config import Config, find_home, load_config, split_endpoint

F = TypeVar("F", bound=Callable[..., Any])
_HOME = "p2pchain.home"
_NODE = "p2pchain.node"
_SETTINGS = "p2pchain.settings"


def _remember(name: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def callback(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value:
            context.meta[name] = value

    return callback


def home_option(verb: F) -> F:
    """`--home`, before or after the verb; see `current_home`."""
    option = click.option(
        "--home", metavar="DIR", expose_value=False, callback=_remember(_HOME), help="Home of the node [P2PCHAIN_HOME; ~/.p2pchain]."
    )
    return option(verb)


def node_option(verb: F) -> F:
    """`--node` and `--home`; see `current_node`."""
    option = click.option(
        "--node", metavar="URL", expose_value=False, callback=_remember(_NODE), help="API of the node [P2PCHAIN_NODE; that of the home]."
    )
    return option(home_option(verb))


def json_option(verb: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(verb)


def watch_option(verb: F) -> F:
    return click.option("--watch", is_flag=True, help="Look again every second, as a table for people, until Ctrl-C.")(verb)


def refuse_both(*, watch: bool, as_json: bool) -> None:
    if watch and as_json:
        raise click.UsageError("--watch is for people, --json for programs: use one of them")


def settings_option(verb: F) -> F:
    """`--set SECTION.KEY=VALUE`; see `current_config` and `current_settings`."""
    option = click.option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        multiple=True,
        expose_value=False,
        callback=_remember(_SETTINGS),
        help="Override a key of the configuration; may be repeated.",
    )
    return option(verb)


def current_home() -> Path:
    return find_home(click.get_current_context().meta.get(_HOME), os.environ)


def current_settings() -> dict[str, str]:
    """What `--set` gave, by key path."""
    settings: dict[str, str] = {}
    for text in click.get_current_context().meta.get(_SETTINGS, ()):
        path, separator, value = text.partition("=")
        if not separator:
            raise click.BadParameter(f"found {text!r}, wanted SECTION.KEY=VALUE", param_hint="--set")
        settings[path.strip()] = value
    return settings


def current_config(environ: Mapping[str, str] | None = None) -> Config:
    """The configuration of the home with the environment and `--set` over it."""
    return load_config(current_home(), os.environ if environ is None else environ, current_settings())


def current_node() -> str:
    """`--node`, else `P2PCHAIN_NODE`, else the API of the home."""
    named = click.get_current_context().meta.get(_NODE) or os.environ.get("P2PCHAIN_NODE")
    return str(named) if named else api_url_of(current_config())


def is_node_named() -> bool:
    """Whether `--node` was given."""
    return _NODE in click.get_current_context().meta


def api_url_of(config: Config) -> str:
    """Where the API of this configuration is asked from its own machine."""
    if not config.api.enabled:
        raise click.UsageError(f"the API of {config.home.path} is off (api.enabled); name another node with --node URL")
    host, port = split_endpoint(config.api.listen)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
