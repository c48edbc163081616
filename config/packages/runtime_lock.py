"""Of `requirements.lock` the part that runs: what p2pchain needs itself, with the hashes, without the tools of development."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==\S+")


def runtime_lock(lock: str) -> str:
    """The blocks of the lock that p2pchain, without its extras, leads to."""
    blocks = {canonicalize_name(name): block for name, block in _blocks(lock)}
    wanted = sorted(_closure("p2pchain", (), {}))
    missing = [name for name in wanted if name not in blocks]
    if missing:
        raise SystemExit(f"packages: found no {', '.join(missing)} in requirements.lock; write it anew: make lock")
    return "".join(blocks[name] for name in wanted)


def _blocks(lock: str) -> Iterator[tuple[str, str]]:
    name, lines = "", list[str]()
    for line in [*lock.splitlines(keepends=True), "end==0\n"]:
        if (found := _PINNED.match(line)) is not None:
            if name:
                yield name, "".join(lines)
            name, lines = found["name"], []
        if not line.lstrip().startswith("#"):
            lines.append(line)


def _closure(name: str, extras: tuple[str, ...], seen: dict[tuple[str, str], None]) -> Mapping[str, None]:
    """By what is installed here, and by the markers of this machine: a package is for the kind of machine that it is built on."""
    found: dict[str, None] = {}
    for text in requires(name) or ():
        requirement = Requirement(text)
        key = (canonicalize_name(requirement.name), ",".join(sorted(requirement.extras)))
        applies = requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        if not applies or key in seen:
            continue
        seen[key] = None
        found |= {key[0]: None, **_closure(requirement.name, tuple(requirement.extras), seen)}
    return found


if __name__ == "__main__":
    print(runtime_lock(sys.stdin.read()), end="")
