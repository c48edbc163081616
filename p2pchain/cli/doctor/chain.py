"""The chain on disk: its format, whether its newest blocks hold together, what was left lying beside it, the small files.

A glance, for `verify` is the check: what a start of the node would stumble over, and the last blocks' hashes, links and state
roots.  The node may run meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from p2pchain.care.glance import glance
from p2pchain.care.guarded import DiedError
from p2pchain.care.repair import kept_aside
from p2pchain.chain.genesis import Genesis
from p2pchain.cli.background import pid_file, read_pid
from p2pchain.cli.care_home import in_child
from p2pchain.cli.doctor.finding import Finding, broken, doubtful, well
from p2pchain.config import Config
from p2pchain.genesis_file import GenesisFileError, load_genesis
from p2pchain.storage import StorageError, is_in_use
from p2pchain.storage.environment import NAME

NEWEST_BLOCKS = 200
"""Looked at, or fewer where they are full: `glance` bounds what that takes."""


def look_at_chain(config: Config) -> Iterator[Finding]:
    from p2pchain.care.home_files import check_files  # noqa: PLC0415  (it knows the files of net, which no help must wait for)

    try:
        genesis = load_genesis(config.home.genesis_file)
    except (GenesisFileError, OSError):
        return  # told already
    yield from _lock(config)
    if (config.data_path / NAME).exists():
        yield _blocks(config.data_path, genesis)
    else:
        yield well("chain", "none yet: the node fetches it when it is started")
    for check in check_files(config, genesis):
        if check.problem is None:
            yield well(check.name, check.found)
        else:
            yield (broken if check.is_grave else doubtful)(check.name, check.found, check.problem.todo)
    yield from _aside(config.data_path)


def _lock(config: Config) -> Iterator[Finding]:
    """Who holds the data, as far as it is not the node that is known to run."""
    running, in_use = read_pid(config.home), is_in_use(config.data_path)
    if in_use and running is None:
        holder = (config.data_path / "lock").read_text(errors="replace").strip() or "unknown"
        todo = f"see what it is with ps -fp {holder}; a node started in another way (systemd) is well, anything else: stop it"
        yield doubtful("lock", f"process {holder} has the data, and is not known as this home's node", todo)
    elif running is None and pid_file(config.home).exists():
        yield doubtful(
            "lock", "the node did not end in order (it was killed, or the machine stopped)", "nothing: a start mends that by itself"
        )


def _blocks(data_dir: Path, genesis: Genesis) -> Finding:
    verify = "p2pchain verify says where, p2pchain repair keeps what is sound"
    try:
        seen = in_child(lambda: glance(data_dir, genesis, NEWEST_BLOCKS))
    except StorageError as error:
        found, _, todo = str(error).partition("; ")
        return broken("chain", found, f"{todo}; {verify}" if todo else verify)
    except DiedError as error:
        return broken("chain", f"reading it ends the process that reads ({error})", "p2pchain repair --from-scratch")
    if seen.problem is not None:
        return broken("chain", str(seen.problem), verify)
    words = f"height {seen.final}, the newest {seen.looked_at} blocks hold together"
    if seen.dead_readers:
        words += f"; {seen.dead_readers} readers were on record whose processes are gone, and are forgotten now"
    return well("chain", words)


def _aside(data_dir: Path) -> Iterator[Finding]:
    paths = kept_aside(data_dir)
    if paths:
        size = sum(file.stat().st_size for path in paths for file in path.iterdir() if file.is_file())
        todo = "once the node is in step: p2pchain repair --remove-aside"
        yield doubtful("aside", f"{len(paths)} damaged chains of earlier repairs take {size / 1e6:,.1f} MB in {data_dir}", todo)
