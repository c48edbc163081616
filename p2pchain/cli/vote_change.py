"""`delegate vote-change`: a delegate's vote for new parameters or the next protocol version."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Unpack

import click

from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.changing import SLOT_MS_NUMBER
from p2pchain.chain.params import find_out_of_bounds, parameter_names
from p2pchain.cli.options import current_node
from p2pchain.cli.sending import SendOptions, send, send_options
from p2pchain.client import NodeClient
from p2pchain.client.answers import Json


@click.command("vote-change")
@click.option("--height", type=click.IntRange(1), metavar="H", help="First block that is judged by the new terms.")
@click.option("--version", type=click.IntRange(1), metavar="V", help="Protocol version from there on [as before].")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="New value of a parameter; may be repeated.")
@click.option("--withdraw", is_flag=True, help="Take back the open vote instead.")
@send_options
def vote_change(
    height: int | None, version: int | None, settings: Sequence[str], *, withdraw: bool, **options: Unpack[SendOptions]
) -> None:
    """Vote for a change of the terms with the account of --from, an active delegate.

    More than two thirds of the delegates must vote for exactly the same change; 'p2pchain params' shows who wants what.
    A delegate has one open vote: voting for another change moves it. A change without --version and --set cancels what is
    scheduled for its height.
    """
    if withdraw:
        if height is not None or version is not None or settings:
            raise click.UsageError("--withdraw takes back whatever vote is open: give it without --height, --version and --set")
        send(lambda _spec, _account: [VoteChange.withdrawal()], options)
        return
    if height is None:
        raise click.UsageError("--height is missing: the first block that is judged by the new terms")
    values = read_values(settings)
    with NodeClient(current_node()) as client:
        terms = client.terms()
    _require_notice(terms, height)
    wanted = _version_at(terms, height) if version is None else version
    send(lambda _spec, _account: [VoteChange(height, wanted, values)], options)


def read_values(settings: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """`NAME=VALUE` texts as (number, value), ascending; `BadParameter` names what was found and wanted."""
    names = parameter_names()
    values: dict[int, int] = {}
    for text in settings:
        name, separator, value = text.partition("=")
        if not separator:
            raise _bad(f"found {text!r}, wanted NAME=VALUE")
        if name not in names:
            near = get_close_matches(name, names, n=1)
            raise _bad(
                f"no parameter is called {name!r}" + (f": did you mean {near[0]}?" if near else f", one of {', '.join(names)} wanted")
            )
        number = names.index(name) + 1
        if number == SLOT_MS_NUMBER:
            raise _bad("slot_ms never changes, because slots are counted from the genesis")
        if number in values:
            raise _bad(f"{name} is given twice, once wanted")
        found = int(value) if value.isascii() and value.isdigit() else value
        if wrong := find_out_of_bounds(number, found):
            raise _bad(str(wrong))
        values[number] = int(value)
    return tuple(sorted(values.items()))


def _require_notice(terms: Json, height: int) -> None:
    """The next block is the first that could hold the vote."""
    notice, head = terms["params"]["notice_blocks"], terms["height"]
    earliest = head + 1 + notice
    if height < earliest:
        raise click.BadParameter(
            f"{height} is too soon: at least {earliest} wanted (the head is at {head}, notice_blocks is {notice})", param_hint="--height"
        )


def _version_at(terms: Json, height: int) -> int:
    """What is in force there if nobody votes for another."""
    version: int = terms["version"]
    return max([version, *(int(change["version"]) for change in terms["scheduled"] if change["height"] < height)])


def _bad(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="--set")
