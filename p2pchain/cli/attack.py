"""`p2pchain attack`: bad peers against a node of one's own, to see how it bears them."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click
import trio

from p2pchain.badpeers.answers import name_of
from p2pchain.badpeers.attack import Attack
from p2pchain.badpeers.campaign import CONNECTIONS_MAX, SECONDS_MAX, Report, Size, run_campaign
from p2pchain.badpeers.catalogue import CATALOGUE
from p2pchain.badpeers.floods import Flood
from p2pchain.badpeers.targets import NotAllowed, Target, find_target
from p2pchain.badpeers.witness import NoWitness
from p2pchain.chain.types import HASH_BYTES, ChainId
from p2pchain.cli.failures import FAILED, Failure
from p2pchain.cli.options import current_node, json_option, node_option
from p2pchain.cli.showing import table
from p2pchain.client import NodeClient
from p2pchain.config import split_endpoint

RATE_MAX = 1e6


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--list", "as_list", is_flag=True, help="List the attacks.")
@click.option("--all", "everything", is_flag=True, help="All of them, one after the other.")
@click.option("--target", metavar="HOST:PORT", help="The node's p2p address.")
@click.option("--seconds", type=click.FloatRange(0.1, SECONDS_MAX), help="How long [each attack has its own].")
@click.option("--connections", type=click.IntRange(1, CONNECTIONS_MAX), help="On how many links at once [each attack has its own].")
@click.option("--rate", type=click.FloatRange(0.001, RATE_MAX), help="Of floods: messages a second on each link [as many as it takes].")
@click.option("--chain-id", metavar="HEX", help="Of the target's network [asked of --node].")
@click.option("--i-own-this-node", "is_own", is_flag=True, help="Also a target that is neither this machine nor in a private network.")
@json_option
@node_option
def attack(
    names: tuple[str, ...],
    target: str | None,
    seconds: float | None,
    connections: int | None,
    rate: float | None,
    chain_id: str | None,
    *,
    as_list: bool,
    everything: bool,
    is_own: bool,
    as_json: bool,
) -> None:
    """Attack a node of your own with bad peers, and see whether it behaves.

    An honest peer is connected meanwhile.  Status 0: every link ended as it must, and the honest peer felt nothing.
    """
    if as_list:
        _show_catalogue(as_json=as_json)
        return
    if target is None:
        raise click.UsageError("--target HOST:PORT is wanted, the p2p address of a node of your own")
    chosen = [_sized(_named(name), seconds, rate) for name in (CATALOGUE if everything else names)]
    if not chosen:
        raise click.UsageError(f"an attack is wanted, or --all; p2pchain attack --list names {len(CATALOGUE)}")
    address = _address_of(target, is_own=is_own)
    chain = _chain_id(chain_id)
    reports = [_run(each, address, chain, Size(seconds or each.SECONDS, connections or each.CONNECTIONS)) for each in chosen]
    _tell(reports, as_json=as_json)


def _show_catalogue(*, as_json: bool) -> None:
    rows = [
        {
            "name": each.NAME,
            "fault": each.FAULT,
            "wanted": "|".join(sorted(map(name_of, each.ANSWERS))),
            "seconds": each.SECONDS,
            "connections": each.CONNECTIONS,
            "does": each.SUMMARY,
        }
        for each in CATALOGUE.values()
    ]
    click.echo(json.dumps(rows) if as_json else "\n".join(table(rows)))


def _named(name: str) -> Attack:
    kind = CATALOGUE.get(name)
    if kind is None:
        raise click.UsageError(f"found attack {name!r}, wanted one of: {', '.join(CATALOGUE)}")
    return kind()


def _sized(chosen: Attack, seconds: float | None, rate: float | None) -> Attack:
    if seconds is not None and seconds < chosen.LEAST_S:
        raise click.UsageError(f"{chosen.NAME} needs at least {chosen.LEAST_S:g} s: before, a node has not answered")
    if isinstance(chosen, Flood):
        chosen.rate = rate
    return chosen


def _address_of(target: str, *, is_own: bool) -> Target:
    try:
        host, port = split_endpoint(target)
        return trio.run(lambda: find_target(host, port, is_own=is_own))
    except ValueError:
        raise click.UsageError(f"found target {target!r}, wanted HOST:PORT") from None
    except NotAllowed as refusal:
        raise Failure(f"{refusal} with --i-own-this-node") from None
    except OSError as error:
        raise Failure(f"{target}: {error.strerror or error}") from None


def _chain_id(text: str | None) -> ChainId:
    if text is None:
        with NodeClient(current_node()) as client:
            text = client.status()["chain_id"]
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != HASH_BYTES:
        raise click.UsageError(f"found chain id {text!r}, wanted {2 * HASH_BYTES} hex digits")
    return ChainId(found)


def _run(chosen: Attack, target: Target, chain_id: ChainId, size: Size) -> Report:
    try:
        return trio.run(run_campaign, chosen, target, chain_id, size)
    except NoWitness as refusal:
        raise Failure(f"{target}: {refusal}") from None
    except OSError as error:
        raise Failure(f"{target} does not accept connections: {error.strerror or error}") from None


def _tell(reports: Iterable[Report], *, as_json: bool) -> None:
    found = list(reports)
    if as_json:
        click.echo(json.dumps([_view(report) for report in found]))
    else:
        for report in found:
            click.echo("\n".join(_lines(report)))
    if any(report.findings for report in found):
        raise click.exceptions.Exit(FAILED)


def _view(report: Report) -> dict[str, object]:
    return {
        "attack": report.attack.NAME,
        "target": str(report.target),
        "seconds": round(report.seconds, 3),
        "connections": report.size.connections,
        "not_accepted": report.refused,
        "answers": [
            {"answer": name_of(answer), "times": count.times, "text": count.text, "slowest_s": round(count.slowest_s, 3)}
            for answer, count in report.counts.items()
        ],
        "witness": {
            "pings": report.witness.pings,
            "slowest_ping_s": round(report.witness.slowest_ping_s, 3),
            "final_before": report.witness.before.final.height,
            "final_after": report.witness.after.final.height,
            "lost": report.witness.lost,
        },
        "findings": report.findings,
        "behaved": not report.findings,
    }


def _lines(report: Report) -> list[str]:
    seen = report.witness
    return [
        f"{report.attack.NAME} on {report.target}, {report.size.connections} links, {report.seconds:.1f} s",
        *(
            f"  {name_of(answer):<20}{count.times} times, after {count.slowest_s:.2f} s at most: {count.text}"
            for answer, count in report.counts.items()
        ),
        f"  an honest peer      {seen.pings} pings answered, the slowest after {seen.slowest_ping_s:.2f} s",
        f"  final height        {seen.before.final.height} before, {seen.after.final.height} after",
        *(f"  FOUND               {finding}" for finding in report.findings),
        "  the node behaved" if not report.findings else "  the node did not behave",
    ]
