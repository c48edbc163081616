"""What the pages tell people to type: each verb and each option of it exists.  What it does is the business of other tests."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from p2pchain.cli import program

REPOSITORY = Path(__file__).parent.parent.parent
PAGES = ("README.md", "docs/tutorial.md", "docs/operations.md", "docs/configuration.md", "docs/recovery.md")


def commands_on(page: str) -> list[str]:
    """In code blocks and between backticks; what follows a pipe, a redirection or a comment is not ours."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```$", text) + re.findall(r"(?m)^    (.*)$", text)
    lines = [line for block in blocks for line in block.splitlines()] + _quoted(text)
    found = [part for line in lines for part in re.findall(r"(?<!-u )(?<![`\w/.@-])p2pchain( [^|>;&#)]*)", line)]
    return [f"p2pchain{command}".rstrip() for command in found if not command.startswith((" run.", " and"))]


def _quoted(text: str) -> list[str]:
    without_blocks = re.sub(r"(?ms)^```.*?^```$", "", text)
    return re.findall(r"`([^`]+)`", without_blocks.replace("\n", " "))


def words_of(command: str) -> list[str]:
    return shlex.split(command.replace("<", " "))[1:]


def find_wrong(words: list[str]) -> str:
    """The verb, and the options that it does not have."""
    command: click.Command = program
    context = click.Context(program, info_name="p2pchain")
    known: dict[str, click.Parameter | None] = {"-h": None, "--help": None}
    rest = iter(words)
    for word in rest:
        known |= {option: parameter for parameter in command.params for option in parameter.opts}
        if word.startswith("-"):
            name, _, value = word.partition("=")
            if name not in known:
                return f"{context.command_path} has no {word}"
            parameter = known[name]
            if isinstance(parameter, click.Option) and not parameter.is_flag and not value:
                next(rest, "")
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return f"{context.command_path} has no {word}"
            command, context = found, click.Context(found, info_name=word, parent=context)
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_tells_people_to_type_exists(page: str) -> None:
    commands = [command for command in commands_on(page) if command != "p2pchain ..."]
    assert len(commands) >= (4 if page == "docs/configuration.md" else 6), commands
    assert [wrong for command in commands if (wrong := find_wrong(words_of(command)))] == []


@pytest.mark.parametrize(
    "command", ["p2pchain nonsense", "p2pchain config relod", "p2pchain start --wtach", "p2pchain tx transfer --form a"]
)
def test_what_does_not_exist_would_be_noticed(command: str) -> None:
    assert find_wrong(words_of(command))
