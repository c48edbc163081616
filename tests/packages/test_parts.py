"""What goes into the packages, as far as it can be judged without building them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from p2pchain.cli import program
from p2pchain.cli.manual import render_manual
from tests.cli.test_program import commands_of

REPOSITORY = Path(__file__).parent.parent.parent
INSTRUCTIONS = {
    "FROM",
    "ARG",
    "WORKDIR",
    "COPY",
    "RUN",
    "ENV",
    "USER",
    "VOLUME",
    "EXPOSE",
    "STOPSIGNAL",
    "HEALTHCHECK",
    "ENTRYPOINT",
    "CMD",
}


def test_the_lock_of_what_runs_has_every_dependency_with_hashes_and_no_tool() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    found = subprocess.run(
        [sys.executable, "config/packages/runtime_lock.py"], input=lock, capture_output=True, text=True, check=True, cwd=REPOSITORY
    ).stdout
    names = re.findall(r"(?m)^([a-z0-9._-]+)==", found)
    assert {"trio", "msgpack", "pynacl", "lmdb", "hypercorn", "starlette", "click", "rich", "structlog", "cffi", "h11"} <= set(names)
    assert not {"pytest", "mypy", "ruff", "hatchling", "pip", "build"} & set(names)
    assert all("--hash=sha256:" in block for block in re.split(r"(?m)^(?=[a-z0-9])", found) if block)


def test_the_manual_has_every_verb_every_option_and_no_line_that_is_an_order_by_accident() -> None:
    text = render_manual(program)
    for name, command in commands_of(program).items():
        assert f"\n.SS p2pchain {name} ".replace("-", "\\-") in text
        for option in (parameter for parameter in command.params if getattr(parameter, "hidden", False) is False):
            assert all(each.replace("-", "\\-") in text for each in option.opts if each.startswith("--"))
    assert "parent\\-pid" not in text
    orders = {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))}
    assert orders <= {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".nf", ".fi"}


@pytest.mark.skipif(shutil.which("groff") is None, reason="this machine has no groff, which would read the page")
def test_the_formatter_has_nothing_to_say_against_the_manual() -> None:
    found = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww"], input=render_manual(program), capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert "what the delegate has signed" in found.stdout.lower()


def test_the_container_file_is_made_of_known_instructions_and_copies_what_is_there() -> None:
    """No container tool is wanted for this; the file itself is not built in the tests."""
    text = (REPOSITORY / "config" / "packages" / "Containerfile").read_text()
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    lines = [line for line in joined.splitlines() if line]
    assert {line.split()[0] for line in lines} <= INSTRUCTIONS
    assert lines[0].startswith("FROM ")
    assert [line for line in lines if line.startswith("USER ")] == ["USER p2pchain"]
    for line in lines:
        if line.startswith(("ENTRYPOINT ", "CMD ")):
            assert isinstance(json.loads(line.partition(" ")[2]), list)
    stages = [line.split()[-1] for line in lines if line.startswith("FROM ") and " AS " in line]
    assert re.findall(r"--from=(\S+)", joined) == stages
    assert all((REPOSITORY / path).exists() for path in re.findall(r"config/packages/[a-z_]+\.py", text))
