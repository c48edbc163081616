"""`completion`: what a shell needs to complete verbs, options and choices."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_P2PCHAIN_COMPLETE"
"""With it in the environment the program answers the shell instead of running; the name is click's."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: p2pchain completion bash > ~/.local/share/bash-completion/completions/p2pchain
    zsh:  p2pchain completion zsh > DIR/_p2pchain, where DIR is one of $fpath
    fish: p2pchain completion fish > ~/.config/fish/completions/p2pchain.fish
    """  # noqa: D301 - click wants the character itself
    click.echo(script_for(context.find_root().command, shell), nl=False)


def script_for(program: click.Command, shell: str) -> str:
    kind = get_completion_class(shell)
    assert kind is not None, f"click knows no {shell}"
    maker = kind(program, {}, "p2pchain", VARIABLE)
    # not `source()`, which looks at the version of the shell of this machine: the script may be for another one
    return (maker.source_template % maker.source_vars()).rstrip("\n") + "\n"
