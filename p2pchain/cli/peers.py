"""`peers`: who is connected, who is shut out, and shutting out by hand."""

from __future__ import annotations

import re

import click

from p2pchain.cli.administering import admin_client
from p2pchain.cli.options import current_node, home_option, is_node_named, json_option, node_option, refuse_both, watch_option
from p2pchain.cli.showing import show
from p2pchain.client import NodeClient

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Duration(click.ParamType[int]):
    """A whole number and a unit, as seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", str(value))
        if found is None:
            self.fail(f"found {value!r}, wanted a number and one of s, m, h, d, for example 90s or 7d", param, ctx)
        return int(found[1]) * _UNITS_S[found[2]]


@click.group(invoke_without_command=True)
@click.option("--banned", is_flag=True, help="List who is shut out instead; asks the socket in the home.")
@click.option("--book", "with_book", is_flag=True, help="List the address book instead: nodes that were told of or met.")
@watch_option
@json_option
@node_option
@click.pass_context
def peers(context: click.Context, *, banned: bool, with_book: bool, watch: bool, as_json: bool) -> None:
    """List the connected peers and the refused ones; ban and unban."""
    if context.invoked_subcommand is not None:
        return
    refuse_both(watch=watch, as_json=as_json)
    if watch and (banned or with_book):
        raise click.UsageError("--watch shows the connected peers: leave out --banned and --book")
    if watch:
        from p2pchain.cli.live import pictures, watching  # noqa: PLC0415 - what draws, which a single look need not load

        watching.watch(current_node(), NodeClient.peers, pictures.picture_of_peers)
        return
    if banned:
        if is_node_named():
            raise click.UsageError(
                "--banned asks the socket in the home of a node of this machine; --node names a port, which has no such list"
            )
        with admin_client() as admin:
            show(admin.banned(), as_json=as_json)
        return
    with NodeClient(current_node()) as client:
        show(client.address_book() if with_book else client.peers(), as_json=as_json)


@peers.command()
@click.argument("who", metavar="NODE_KEY|ADDRESS")
@click.option("--for", "duration_s", type=Duration(), required=True, metavar="DURATION", help="How long, for example 90s, 30m, 12h or 7d.")
@click.option("--why", default="banned by the operator", show_default=True, help="What the peer is told.")
@json_option
@home_option
def ban(who: str, duration_s: int, why: str, *, as_json: bool) -> None:
    """Shut out a node by its key, or an address (of IPv6 its /64), also if it is connected now."""
    with admin_client() as admin:
        show(admin.ban(who, duration_s, why), as_json=as_json)


@peers.command()
@click.argument("who", metavar="NODE_KEY|ADDRESS")
@json_option
@home_option
def unban(who: str, *, as_json: bool) -> None:
    """Let a node or an address in again, and forget what was held against it."""
    with admin_client() as admin:
        show(admin.unban(who), as_json=as_json)
