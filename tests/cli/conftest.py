from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from p2pchain.cli import program
from tests.fakes.http_node import FakeNode, fake_node

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`p2pchain` in this process, its home in the test's folder; the answer's `exit_code`, `stdout` and `stderr`."""

    def call(*arguments: object, text: str | None = None, **environ: str) -> Result:
        environment = {"P2PCHAIN_HOME": str(tmp_path / "home"), "P2PCHAIN_NODE": None, "CREDENTIALS_DIRECTORY": None} | environ
        result = CliRunner().invoke(program, [str(argument) for argument in arguments], input=text, env=environment, prog_name="p2pchain")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return call


@pytest.fixture
def node() -> Iterator[FakeNode]:
    with fake_node() as found:
        yield found
