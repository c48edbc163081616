"""`docs/tutorial.md`, done as it says: every command of the page, in its order, in one shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from p2pchain.config import Home
from tests.e2e.network import command, environment
from tests.e2e.ports import free_port

PAGE = Path(__file__).parent.parent.parent / "docs" / "tutorial.md"
PAGE_S = 120.0


def commands_of_page() -> str:
    """All blocks that are marked as shell, with ports that are free here instead of those of the page."""
    found = "\n".join(re.findall(r"(?ms)^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8")))
    ports = {port: str(free_port()) for port in sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", found)))}
    assert len(ports) == 10
    return re.sub(r"127\.0\.0\.1:(\d+)", lambda match: f"127.0.0.1:{ports[match[1]]}", found)


@pytest.mark.long
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    try:
        found = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands_of_page()],
            cwd=tmp_path,
            env=environment() | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PAGE_S,
            check=False,
        )
    finally:
        for home in (Home(tmp_path / name) for name in "abcde"):
            if (home.data / "node.pid").exists():
                command("stop", "--home", str(home.path), expect=None)
    assert found.returncode == 0, found.stdout
    told = found.stdout
    # the first look may come before that node has the block
    assert re.findall(r"(?m)^balance\s+(\d+)$", told)[-1] == "1000250"
    assert "in step: final height" in told
    assert "changed: p2p.peers_in_max: 64 -> 32" in told
    assert told.count("stopped process") == 6
