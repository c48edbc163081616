"""`dist/p2pchain_VERSION_ARCH.deb`, made of the wheel and the lock; see docs/decisions/0066.

A virtual environment for the distribution's own Python lies under /usr/lib/p2pchain, filled from wheels whose hashes are in
requirements.lock.  Same sources, same tools and the same SOURCE_DATE_EPOCH give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from runtime_lock import runtime_lock

ROOT = Path(__file__).resolve().parents[2]
DEBIAN = Path(__file__).resolve().parent / "debian"
PREFIX = Path("usr/lib/p2pchain")
LAUNCHER = "#!/usr/lib/p2pchain/bin/python -I\nfrom p2pchain.cli import main\n\nmain()\n"
DOCS = Path("usr/share/doc/p2pchain")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the wheel is, and the package goes")
    parser.add_argument("--python", default="/usr/bin/python3", help="the Python of the distribution")
    options = parser.parse_args()
    for tool in ("dpkg-deb", "dpkg"):
        if shutil.which(tool) is None:
            sys.exit(f"packages: found no {tool}, wanted for a Debian package; on other systems build the wheel alone: make wheel")
    (wheel,) = options.out.glob("p2pchain-*-py3-none-any.whl")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        fill(root, wheel, options.python)
        print(build(root, wheel, options.out, options.python))


def fill(root: Path, wheel: Path, python: str) -> None:
    """Everything that is installed."""
    lay_environment(root, wheel, python)
    write(root / "usr/bin/p2pchain", LAUNCHER, 0o755)
    for source, place in placed_files().items():
        write(root / place, source.read_bytes())
    for place, text in made_texts(wheel).items():
        content = text.encode()
        write(root / place, gzip.compress(content, 9, mtime=0) if place.endswith(".gz") else content)
    subprocess.run(
        [python, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/", str(root / PREFIX)],
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "0"},
    )


def lay_environment(root: Path, wheel: Path, python: str) -> None:
    version = version_of(python)
    site = root / PREFIX / "lib" / f"python{version}" / "site-packages"
    write(root / PREFIX / "pyvenv.cfg", f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n")
    (root / PREFIX / "bin").mkdir()
    (root / PREFIX / "bin" / "python").symlink_to(f"/usr/bin/python{version}")
    lock = root.parent / "runtime.lock"
    lock.write_text(runtime_lock((ROOT / "requirements.lock").read_text()))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-compile",
        "--no-warn-conflicts",
    ]
    only = ["--only-binary=:all:", "--implementation=cp", f"--python-version={version}"]
    subprocess.run([*pip, *only, "--require-hashes", "--target", str(site), "-r", str(lock)], check=True)
    # unpacked, not installed: pip would write down where the wheel lay
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    shutil.rmtree(site / "bin", ignore_errors=True)
    for cache in [*site.rglob("__pycache__")]:
        shutil.rmtree(cache)


def placed_files() -> Mapping[Path, str]:
    units, examples = "usr/lib/systemd/system", f"{DOCS}/examples"
    return {
        ROOT / "systemd/p2pchain.service": f"{units}/p2pchain.service",
        ROOT / "systemd/p2pchain@.service": f"{units}/p2pchain@.service",
        ROOT / "systemd/p2pchain.sysusers": "usr/lib/sysusers.d/p2pchain.conf",
        ROOT / "systemd/p2pchain.tmpfiles": "usr/lib/tmpfiles.d/p2pchain.conf",
        DEBIAN / "copyright": f"{DOCS}/copyright",
        **{ROOT / "config" / name: f"{examples}/{name}" for name in ("node.toml", "genesis.toml", "join-bundle.toml")},
        **{path: f"{examples}/monitoring/{path.name}" for path in sorted((ROOT / "config/monitoring").iterdir())},
        **{path: f"{DOCS}/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))},
    }


def made_texts(wheel: Path) -> Mapping[str, str]:
    """What is made by the program itself, and the changes."""
    completion = {
        "bash": "usr/share/bash-completion/completions/p2pchain",
        "zsh": "usr/share/zsh/vendor-completions/_p2pchain",
        "fish": "usr/share/fish/vendor_completions.d/p2pchain.fish",
    }
    return {
        "usr/share/man/man1/p2pchain.1.gz": of_wheel(wheel, "-m", "p2pchain.cli.manual"),
        f"{DOCS}/changelog.gz": (ROOT / "CHANGELOG.md").read_text(),
        **{place: of_wheel(wheel, "-m", "p2pchain", "completion", shell) for shell, place in completion.items()},
    }


def build(root: Path, wheel: Path, out: Path, python: str) -> Path:
    version, architecture = wheel.name.split("-")[1], asked("dpkg", "--print-architecture")
    package = f"python{version_of(python)}"
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file())
    control = (DEBIAN / "control").read_text()
    for name, value in {"VERSION": version, "ARCH": architecture, "PYTHON": package, "SIZE": str(size // 1024)}.items():
        control = control.replace(f"@{name}@", value)
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    sums = "".join(f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}\n" for path in files)
    write(root / "DEBIAN/control", control)
    write(root / "DEBIAN/md5sums", sums)
    for script in ("postinst", "prerm", "postrm"):
        write(root / "DEBIAN" / script, (DEBIAN / script).read_text(), 0o755)
    settle(root)
    package_file = out / f"p2pchain_{version}_{architecture}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", str(root), str(package_file)],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch())},
    )
    return package_file


def settle(root: Path) -> None:
    """Times and modes that depend on nobody's umask or clock."""
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            is_open = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_open else 0o644)
        os.utime(path, (epoch(), epoch()), follow_symlinks=False)


def epoch() -> int:
    """SOURCE_DATE_EPOCH, else the time of the commit, else of the changelog."""
    named = os.environ.get("SOURCE_DATE_EPOCH", "")
    if named.isdecimal():
        return int(named)
    found = subprocess.run(["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False)
    return int(found.stdout) if found.stdout.strip().isdecimal() else int((ROOT / "CHANGELOG.md").stat().st_mtime)


def version_of(python: str) -> str:
    return asked(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")


def of_wheel(wheel: Path, *arguments: str) -> str:
    """What the program of the wheel prints, with the libraries of this environment."""
    return asked(sys.executable, *arguments, environ=os.environ | {"PYTHONPATH": str(wheel)}) + "\n"


def asked(*command: str, environ: Mapping[str, str] | None = None) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", env=environ).stdout.rstrip("\n")


def write(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


if __name__ == "__main__":
    main()
