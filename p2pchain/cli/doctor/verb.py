"""`doctor`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from p2pchain.cli.doctor.chain import look_at_chain
from p2pchain.cli.doctor.finding import Finding, State, broken
from p2pchain.cli.doctor.home import look_at_home
from p2pchain.cli.doctor.links import look_at_links
from p2pchain.cli.doctor.node import look_at_node
from p2pchain.cli.doctor.settings import look_at_settings
from p2pchain.cli.options import current_config, current_home, home_option, json_option, settings_option
from p2pchain.config import ConfigError, Home

_MARKS = {State.WELL: "  ", State.DOUBTFUL: "? ", State.BROKEN: "! "}


@click.command()
@settings_option
@json_option
@home_option
def doctor(*, as_json: bool) -> None:
    """Look for what is wrong with the node and its home, and say what to do.  Status 1 where something is broken."""
    findings = []
    for finding in _look():
        findings.append(finding)
        if not as_json:
            click.echo(f"{_MARKS[finding.state]}{finding.check}: {finding.found}")
            if finding.todo:
                click.echo(f"    {finding.todo}")
    is_well = all(finding.state is not State.BROKEN for finding in findings)
    if as_json:
        click.echo(json.dumps({"well": is_well, "findings": [finding._asdict() for finding in findings]}))
    click.get_current_context().exit(0 if is_well else 1)


def _look() -> Iterator[Finding]:
    home = Home(current_home())
    if not home.genesis_file.exists():
        yield broken("home", f"{home.path} is no home of a node", "make one with: p2pchain init, or p2pchain join BUNDLE")
        return
    try:
        config = current_config()
    except ConfigError as error:
        for problem in error.problems:
            yield broken("configuration", str(problem), "correct it, then run: p2pchain config check")
        return
    yield from look_at_home(config)
    yield from look_at_chain(config)
    yield from look_at_node(config)
    yield from look_at_settings(config)
    yield from look_at_links(config)
