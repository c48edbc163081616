"""`docs/configuration.md`: every key of `node.toml`, made from the same classes that read it."""

from __future__ import annotations

import tomli_w

from p2pchain.config.live import LIVE
from p2pchain.config.sections import KEYS, SECTIONS, Key

_HEAD = """\
# Configuration

Every key of `config/node.toml` in a node's home. This page is made from the code that reads the file
(`python -m p2pchain.config.reference > docs/configuration.md`), and a test compares them.

## Where a value comes from

Later sources win, key by key:

1. the default, as it stands below;
2. `config/node.toml` in the home;
3. the environment: `P2PCHAIN_SECTION_KEY`, so `P2PCHAIN_P2P_LISTEN` for `listen` in `[p2p]`. Lists are separated by commas,
   truth is `true` or `false`;
4. flags: `--set p2p.listen=0.0.0.0:28656`.

| command | does |
|---|---|
| `p2pchain config check` | tells all mistakes of all sources and of the genesis at once: file, line, found, wanted, nearest name |
| `p2pchain config show` | prints every key as a start would take it; with `--origin` also where its value was set |
| `p2pchain config show --running` | prints what the running node has in force, and where a start would differ |
| `p2pchain config reload` | makes the running node read its configuration again; lists what changed and what waits for the next start |
| `p2pchain config log-level LEVEL` | how much the running node logs, until its next start or reload |

## What a running node takes up

`p2pchain config reload`, SIGHUP to the process, and `systemctl reload p2pchain` do the same; the first and the last fail with
all mistakes where the file is wrong, and a signal logs them. **A wrong file changes nothing.** The environment and the flags are
those with which the node was started. A file that was there at the start and is missing now is a mistake too, not a wish for the defaults.

Keys marked *live* below are taken up at once. All others keep the value with which the node was started, until it is started again:
they belong to open sockets, the open store, or loaded keys. The answer names them each time.
"""


def render_reference() -> str:
    return "\n\n".join([_HEAD.rstrip("\n"), *map(_section, SECTIONS)]) + "\n"


def _section(section: str) -> str:
    keys = [key for key in KEYS.values() if key.section == section]
    return "\n\n".join([f"## [{section}]", " ".join(str(SECTIONS[section].__doc__).split()), *map(_key, keys)])


def _key(key: Key) -> str:
    default = tomli_w.dumps({key.name: list(key.default) if isinstance(key.default, tuple) else key.default}).strip()
    when = f"*live*: {LIVE[key.path]}" if key.path in LIVE else "at the next start"
    rows = {"default": f"`{default}`", "wanted": key.kind.wanted, "environment": f"`{key.variable}`", "taken up": when}
    listed = "\n".join(f"- {name}: {text}" for name, text in rows.items())
    return f"### {key.path}\n\n{key.explanation}\n\n{listed}"


if __name__ == "__main__":
    print(render_reference(), end="")  # noqa: T201 - its purpose
