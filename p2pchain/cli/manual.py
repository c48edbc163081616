"""The man page, made from the same commands, words and options as `--help`: `python -m p2pchain.cli.manual`.

One page for the whole program, so that `man p2pchain` and a search in it find every verb.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from p2pchain import __version__

_EXIT_STATUS = (
    ("0", "done"),
    ("1", "failed"),
    ("2", "wrong use: of the command, or mistakes in the configuration or the genesis"),
    ("74", "run: the disk failed or is full"),
    ("76", "run: the network takes a newer protocol version"),
)
_ENVIRONMENT = (
    ("P2PCHAIN_HOME", "The home of the node; --home says otherwise."),
    ("P2PCHAIN_NODE", "The API that is asked; --node says otherwise."),
    ("P2PCHAIN_SECTION_KEY", "Overrides a key of node.toml, for example P2PCHAIN_LOG_LEVEL."),
)
_FILES = (
    ("config/node.toml", "The configuration; every key is explained in it, and in docs/configuration.md."),
    ("config/genesis.toml", "The network."),
    ("keys/", "Keys, for their owner alone."),
    ("signing/", "What the delegate has signed: in no backup, and never copied."),
    ("data/", "The chain, and the log of a node in the background."),
    ("run/admin.sock", "Where the operator of this machine speaks to the running node."),
)


def render_manual(program: click.Group) -> str:
    root = click.Context(program, info_name="p2pchain")
    parts = [
        f'.TH P2PCHAIN 1 "" "p2pchain {__version__}" "User Commands"',
        f".SH NAME\np2pchain \\- {_roff(_one_line(program.help))}",
        ".SH SYNOPSIS\n.B p2pchain\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR]...",
        ".SH OPTIONS\n" + "\n".join(_options(program, root)),
        ".SH COMMANDS",
        *_commands(program, root),
        ".SH EXIT STATUS\n" + _listed(_EXIT_STATUS),
        ".SH ENVIRONMENT\n" + _listed(_ENVIRONMENT),
        ".SH FILES\nIn the home, ~/.p2pchain or that of --home:\n" + _listed(_FILES),
    ]
    return "\n".join(parts) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        own = click.Context(command, info_name=name, parent=context)
        usage = " ".join(command.collect_usage_pieces(own))
        yield f".SS {_roff(own.command_path)} {_roff(usage)}\n{_paragraphs(command.help or '')}"
        yield from _options(command, own)
        if isinstance(command, click.Group):
            yield from _commands(command, own)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1] and "--help" not in parameter.opts:
            yield f".TP\n\\fB{_roff(record[0])}\\fR\n{_roff(record[1])}"


def _paragraphs(text: str) -> str:
    """As click reads them: a blank line parts, and a paragraph that begins with a backspace keeps its lines."""
    paragraphs = [paragraph for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]
    return "\n.PP\n".join(map(_paragraph, paragraphs))


def _paragraph(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    if lines[0] == "\b":
        return ".nf\n" + "\n".join(map(_roff, lines[1:])) + "\n.fi"
    return _roff(" ".join(lines))


def _listed(rows: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f".TP\n\\fB{_roff(name)}\\fR\n{_roff(text)}" for name, text in rows)


def _one_line(text: str | None) -> str:
    return (text or "").partition("\n")[0].rstrip(".")


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha")
    # a dot or a quote at the beginning of a line would be an order to the formatter
    return re.sub(r"(?m)^([.'])", r"\\&\1", escaped)


if __name__ == "__main__":
    from p2pchain.cli.program import program

    print(render_manual(program), end="")  # noqa: T201 - its purpose
