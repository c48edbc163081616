"""The commented `node.toml`, made from the same classes that read it."""

from textwrap import wrap

import tomli_w

from p2pchain.config.loading import checked_values
from p2pchain.config.problems import ConfigError, Problem
from p2pchain.config.sections import KEYS, SECTIONS, Key
from p2pchain.config.sources import Setting

_WIDTH = 100
_HEAD = (
    "The configuration of a p2pchain node. Each key is shown with its value; a key that is left out has its default."
    " The environment (P2PCHAIN_SECTION_KEY, lists separated by commas) overrides this file, and flags override both."
    " Check it with: p2pchain config check"
)


def render_default_config(**values: object) -> str:
    """`node.toml` with every key explained; `p2p_listen="127.0.0.1:0"` sets a key as `P2PCHAIN_P2P_LISTEN` would.

    Raises ConfigError for a value that could not be loaded again.
    """
    named = {f"{key.section}_{key.name}": key.path for key in KEYS.values()}
    problems: list[Problem] = []
    settings = [Setting("value given", named.get(name, name), value, is_text=False) for name, value in values.items()]
    chosen = checked_values(settings, problems)
    if problems:
        raise ConfigError(problems)
    return "\n\n".join([_comment(_HEAD), *(_render_section(section, chosen) for section in SECTIONS)]) + "\n"


def _render_section(section: str, chosen: dict[str, object]) -> str:
    keys = [key for key in KEYS.values() if key.section == section]
    head = f"{_comment(str(SECTIONS[section].__doc__))}\n[{section}]"
    return "\n\n".join([head, *(_render_key(key, chosen.get(key.path, key.default)) for key in keys)])


def _render_key(key: Key, value: object) -> str:
    toml_value = list(value) if isinstance(value, tuple) else value
    assignment = tomli_w.dumps({key.name: toml_value}).rstrip("\n")
    return f"{_comment(key.explanation)}\n{_comment(f'Wanted: {key.kind.wanted}.')}\n{assignment}"


def _comment(text: str) -> str:
    return "\n".join(wrap(text, width=_WIDTH, initial_indent="# ", subsequent_indent="# "))
