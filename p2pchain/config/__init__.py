"""How one node is configured: what may be set, where it is read from, and what a home looks like.

Later sources win: the defaults of `sections`, then `config/node.toml`, then `P2PCHAIN_SECTION_KEY` in the environment,
then the flags. All of them pass the same checks and all mistakes are told at once. Nothing here opens the network or
the keys, and nobody but the daemon and the command line reads it.
"""

from p2pchain.config.home import Home, find_home
from p2pchain.config.kinds import split_endpoint
from p2pchain.config.loading import Place, Traced, load_config, load_traced
from p2pchain.config.problems import ConfigError, Problem
from p2pchain.config.rendering import render_default_config
from p2pchain.config.sections import Config

__all__ = [
    "Config",
    "ConfigError",
    "Home",
    "Place",
    "Problem",
    "Traced",
    "find_home",
    "load_config",
    "load_traced",
    "render_default_config",
    "split_endpoint",
]
