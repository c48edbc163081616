"""A group of verbs whose modules are imported when they are used, so that `--help` answers at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from p2pchain.cli.failures import told_in_a_line


class Verb(NamedTuple):
    place: str
    """`module:attribute` of the command."""
    summary: str
    """One line of help, shown without importing the module."""


class LazyGroup(click.Group):
    """Shows its verbs in the order in which they are given."""

    def __init__(self, *, verbs: Mapping[str, Verb], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]
        self._verbs = dict(verbs)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the signature is click's
        verb = self._verbs.get(cmd_name)
        if verb is None:
            return None
        module, attribute = verb.place.split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs without importing them; their options are asked of each when it is typed."""
        named = [CompletionItem(name, help=verb.summary) for name, verb in self._verbs.items() if name.startswith(incomplete)]
        return named if named and not incomplete.startswith("-") else click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the signature is click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in self._verbs.items()])

    def invoke(self, ctx: click.Context) -> object:
        with told_in_a_line():
            return super().invoke(ctx)
