"""What `make dist` builds, built once for all tests here, into a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
EPOCH = "1700000000"
BUILD_S = 300.0
Build = Callable[[Path], Path]


def call(*command: str | Path, timeout_s: float = BUILD_S, **environ: str) -> str:
    """Its output; a failure shows all that was said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("P2PCHAIN_", "PYTHON"))}
    found = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
        env=kept | environ,
        cwd=REPOSITORY,
    )
    assert found.returncode == 0, f"{command}: exit {found.returncode}\n{found.stdout}"
    return found.stdout


def build_wheel(out: Path) -> Path:
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, SOURCE_DATE_EPOCH=EPOCH)
    (wheel,) = out.glob("*.whl")
    return wheel


def build_deb(out: Path) -> Path:
    """Beside its wheel."""
    call(sys.executable, "config/packages/deb.py", "--out", out, SOURCE_DATE_EPOCH=EPOCH)
    (deb,) = out.glob("*.deb")
    return deb


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def deb(wheel: Path) -> Path:
    for tool in ("dpkg", "dpkg-deb"):
        if shutil.which(tool) is None:
            pytest.skip(f"this machine has no {tool}: a Debian package can neither be built nor installed")
    if not Path("/usr/bin/python3").exists():
        pytest.skip("this machine has no /usr/bin/python3, for which the package is built")
    return build_deb(wheel.parent)
