"""The packages, built, compared, installed where nothing was, and run.  Minutes, and they ask a package index: `pytest -m long`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from p2pchain import __version__
from tests.e2e.ports import free_port
from tests.packages.conftest import REPOSITORY, build_deb, build_wheel, call

pytestmark = pytest.mark.long


def test_a_second_build_gives_the_same_bytes(wheel: Path, deb: Path, tmp_path: Path) -> None:
    again = build_wheel(tmp_path)
    build_deb(tmp_path)
    first, second = (
        {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} for folder in (wheel.parent, again.parent)
    )
    assert len(first) == 3
    assert [name for name in first if first[name] != second.get(name)] == []


def test_wheel_and_source_carry_the_commit_and_no_rubbish(wheel: Path) -> None:
    commit = call("git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+").strip()
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("p2pchain/commit.txt").decode().strip() == commit
        names = archive.namelist()
        assert not [
            name for name in names if not name.startswith(("p2pchain/", f"p2pchain-{__version__}.dist-info/")) or "__pycache__" in name
        ]
    (source,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(source) as archive_of_source:
        inside = {name.partition("/")[2] for name in archive_of_source.getnames()}
    wanted = {"p2pchain/commit.txt", "config/packages/deb.py", "systemd/p2pchain.service", "requirements.lock", "Makefile", "LICENSE"}
    assert wanted <= inside


def test_a_wheel_in_an_empty_environment_is_a_node(wheel: Path, tmp_path: Path) -> None:
    call(sys.executable, "-m", "venv", tmp_path / "venv")
    lock = tmp_path / "runtime.lock"
    read_lock = subprocess.run(
        [sys.executable, "config/packages/runtime_lock.py"],
        input=(REPOSITORY / "requirements.lock").read_text(),
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    lock.write_text(read_lock.stdout)
    pip: list[str | Path] = [tmp_path / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    call(*pip, "--require-hashes", "-r", lock)
    call(*pip, "--no-deps", wheel)
    assert call(tmp_path / "venv/bin/pip", "check").strip() == "No broken requirements found."
    live_and_stop([tmp_path / "venv/bin/p2pchain"], tmp_path / "home")


def live_and_stop(program: list[str | Path], home: Path) -> None:
    """Version, home, start, status, stop: all with the installed program alone."""
    assert call(*program, "--version").startswith(f"p2pchain {__version__} (commit ")
    place = ("--home", home)
    sets = [f"--set={each}" for each in (f"p2p.listen=127.0.0.1:{free_port()}", f"api.listen=127.0.0.1:{free_port()}")]
    call(*program, "init", "--delegate", "--open", *place, *sets)
    call(*program, "start", *place)
    try:
        assert json.loads(call(*program, "status", "--json", *place))["producing"] is True
        assert "nothing has changed" in call(*program, "config", "reload", *place)
    finally:
        call(*program, "stop", *place)


IN_A_SYSTEM = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
cp "$2" "$1/root/tmp/p2pchain.deb"
exec chroot "$1/root" /bin/sh -ec "$3"
"""
"""This machine's system with everything that is written going to memory: what is installed there is nowhere else."""

INSTALL = "dpkg -i /tmp/p2pchain.deb"
AS_USER = "setpriv --reuid=p2pchain --regid=p2pchain --clear-groups env -i PATH=/usr/bin:/bin P2PCHAIN_HOME=/var/lib/p2pchain"


@pytest.fixture
def system(deb: Path, tmp_path: Path) -> Path:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("installing needs root and mount namespaces")
    place = tmp_path / "system"
    place.mkdir()
    probe = ["unshare", "--mount", "--pid", "--fork", "/bin/sh", "-c", IN_A_SYSTEM, "sh", str(place), str(deb), "true"]
    found = subprocess.run(probe, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"this machine lays no overlay over its own system: {found.stderr.strip()}")
    package = call("dpkg-deb", "--field", deb, "Depends").partition(",")[0]
    if "install ok installed" not in subprocess.run(["dpkg", "-s", package], capture_output=True, text=True, check=False).stdout:
        pytest.skip(f"{package} is not installed here, on which the package depends")
    return place


def inside(system: Path, deb: Path, script: str) -> str:
    """Its output, of a shell that stops at the first failure; its processes end with it."""
    return call("unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", IN_A_SYSTEM, "sh", system, deb, script)


def test_the_debian_package_is_installed_runs_as_its_user_and_starts_nothing_unasked(system: Path, deb: Path) -> None:
    p2p, api = free_port(), free_port()
    told = inside(
        system,
        deb,
        f"""
        {INSTALL} > /dev/null 2>&1
        ps -eo args= | grep -c '[p]2pchain run' || echo "nothing runs"
        ls /etc/systemd/system/multi-user.target.wants | grep -c p2pchain || echo "nothing is enabled"
        stat -c '%U %a' /var/lib/p2pchain
        systemd-analyze verify p2pchain.service p2pchain@one.service
        run="{AS_USER} p2pchain"
        $run --version
        $run init --delegate --open --set p2p.listen=127.0.0.1:{p2p} --set api.listen=127.0.0.1:{api} > /dev/null
        $run start
        $run status --json
        $run config reload
        $run stop
        """,
    ).splitlines()
    assert told[:5] == ["0", "nothing runs", "0", "nothing is enabled", "p2pchain 700"]
    assert told[5].startswith(f"p2pchain {__version__} (commit ")
    assert json.loads(told[7])["producing"] is True
    assert "nothing has changed" in told
    assert told[-1].startswith("stopped process ")


def test_what_belongs_to_it_is_where_a_system_looks_and_gone_after_a_purge_but_for_the_keys(system: Path, deb: Path) -> None:
    told = inside(
        system,
        deb,
        f"""
        {INSTALL} > /dev/null 2>&1
        man -w p2pchain
        bash -c '. /usr/share/bash-completion/completions/p2pchain; complete -p p2pchain'
        env _P2PCHAIN_COMPLETE=bash_complete COMP_WORDS='p2pchain conf' COMP_CWORD=1 p2pchain
        dpkg --verify p2pchain
        {AS_USER} p2pchain init --delegate --open > /dev/null
        {INSTALL} > /dev/null 2>&1
        dpkg --verify p2pchain
        dpkg --purge p2pchain 2>&1 | grep -v '^('
        ls /var/lib/p2pchain
        find /usr /etc -name '*p2pchain*' -not -path '*/src/*'
        """,
    ).splitlines()
    assert told[0] == "/usr/share/man/man1/p2pchain.1.gz"
    assert told[1].endswith(" -F _p2pchain_completion p2pchain")
    assert told[2] == "plain,config"
    assert "p2pchain: /var/lib/p2pchain stays, with keys and chain; remove it by hand if you are sure" in told
    assert told[-5:] == ["config", "data", "keys", "run", "signing"] or told[-4:] == ["config", "data", "keys", "signing"]
