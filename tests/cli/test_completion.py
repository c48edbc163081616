import shutil
import subprocess
import sys

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_is_a_script_that_the_shell_can_read(run: Run, shell: str) -> None:
    script = run("completion", shell).stdout
    assert "_P2PCHAIN_COMPLETE" in script
    if shutil.which(shell) is not None:
        read = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False, timeout=60)
        assert (read.returncode, read.stderr) == (0, "")


def completed(*words: str) -> list[str]:
    """What bash is told after these words; the last one is being typed."""
    code = "import sys; from p2pchain.cli import main\ntry: main()\nfinally: print('\\n'.join(sys.modules), file=sys.stderr)"
    environ = {"_P2PCHAIN_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("p2pchain", *words)), "COMP_CWORD": str(len(words))}
    found = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stderr
    loaded = found.stderr.splitlines()
    assert not {"trio", "httpx2", "lmdb", "p2pchain.daemon", "p2pchain.client", "p2pchain.storage"} & set(loaded), (
        "a key press must not load a node"
    )
    return [line.partition(",")[2] for line in found.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("conf",), ["config"]),
        (("config", ""), ["check", "log-level", "reload", "show"]),
        (("config", "log-level", "w"), ["warning"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("stop", "--h"), ["--home", "--help"]),
        (("--v",), ["--version"]),
    ],
)
def test_what_is_being_typed_is_completed(words: tuple[str, ...], wanted: list[str]) -> None:
    assert completed(*words) == wanted
