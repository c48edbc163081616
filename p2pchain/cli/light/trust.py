"""What the user trusts: a genesis, and blocks by their hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from p2pchain.chain.genesis import Genesis
from p2pchain.cli.options import current_home
from p2pchain.client import TrustError
from p2pchain.client.light.light_client import parse_trusted
from p2pchain.config import Home
from p2pchain.genesis_file import load_genesis

F = TypeVar("F", bound=Callable[..., Any])


class TrustedBlock(click.ParamType[str]):
    """`HEIGHT:HASH`, kept as text."""

    name = "HEIGHT:HASH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parse_trusted(str(value))
        except TrustError as error:
            self.fail(str(error), param, ctx)
        return str(value)


def genesis_option(verb: F) -> F:
    option = click.option(
        "--genesis", "genesis_file", type=click.Path(path_type=Path), help="The network's genesis file [that of the home]."
    )
    return option(verb)


def own_genesis(genesis_file: Path | None) -> Genesis | None:
    """The genesis that was named, else that of the home; None where there is neither."""
    found = genesis_file or Home(current_home()).genesis_file
    return load_genesis(found) if genesis_file is not None or found.exists() else None
