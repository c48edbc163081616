"""What of a running node can be changed without a restart, and how: all of it or nothing.

The configuration is read and checked whole before anything is touched, and what is then applied cannot fail: settings
are replaced by settings.  Everything here runs between two tasks' steps and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TextIO

from structlog.typing import FilteringBoundLogger

from p2pchain import __version__
from p2pchain.api.ports import BadConfigError, ReloadAnswer, ReloadProblem
from p2pchain.api.server import ApiServer
from p2pchain.api.settings import ApiSettings
from p2pchain.chain.mempool import Limits
from p2pchain.config import Config, ConfigError, Problem, split_endpoint
from p2pchain.config.live import changes_between, taken_up, value_at, with_values
from p2pchain.config.sections import KEYS
from p2pchain.daemon.pruning import Pruner
from p2pchain.log import configure_logging
from p2pchain.net.network import PeerNetwork
from p2pchain.net.settings import NetworkSettings
from p2pchain.node.keeping import Keep
from p2pchain.runtime.loop import NodeLoop
from p2pchain.storage import LmdbStore, Marks


class Applies(NamedTuple):
    """The parts that take new settings."""

    loop: NodeLoop
    store: LmdbStore
    pruner: Pruner
    fixed: NetworkSettings
    """Of the network: what is not live is taken from here."""
    network: PeerNetwork
    api: ApiServer | None

    def apply(self, config: Config) -> None:
        self.loop.change_limits(limits_of(config))
        self.store.set_marks(marks_of(config))
        self.pruner.adopt(keep_of(config))
        self.network.adopt(live_network_settings(self.fixed, config))
        if self.api is not None:
            self.api.adopt(api_settings(config))


class Knobs:
    """`api.ports.Adjusts` of this process."""

    def __init__(
        self,
        config: Config,
        apply: Callable[[Config], None],
        logger: FilteringBoundLogger,
        stream: TextIO,
        read: Callable[[], Config],
    ) -> None:
        """`apply` hands settings that have been checked to the parts; `read` finds the configuration as a start would.

        The log goes to `stream`.
        """
        self._stream = stream
        self.running = config
        """What is in force."""
        self._apply = apply
        self._logger = logger
        self._read = read
        self._had_file = config.home.config_file.exists()

    def reload(self) -> ReloadAnswer:
        try:
            found = self._found()
        except ConfigError as error:
            problems = [ReloadProblem(each.source, each.key, each.found, each.wanted) for each in error.problems]
            self._logger.warning("configuration not reloaded", problems=[str(each) for each in error.problems])
            raise BadConfigError(f"nothing has changed: {error}", problems) from None
        changes = changes_between(self.running, found)
        answer = ReloadAnswer(
            changed={change.path: (change.running, change.found) for change in changes if change.is_live},
            waiting={change.path: (change.running, change.found) for change in changes if not change.is_live},
            unchanged=sorted(KEYS.keys() - {change.path for change in changes}),
        )
        self._take_up(taken_up(self.running, found))
        # after it, so that a level that was lowered shows its own change, and values stay out: a list may be long
        self._logger.info("configuration reloaded", changed=sorted(answer.changed), needs_restart=sorted(answer.waiting))
        return answer

    def set_log_level(self, level: str) -> None:
        self._take_up(with_values(self.running, {"log.level": level}))
        self._logger.warning("log level set by hand", level=level)

    def in_force(self) -> dict[str, object]:
        return {path: value_at(self.running, path) for path in KEYS}

    def _found(self) -> Config:
        file = self.running.home.config_file
        if self._had_file and not file.exists():
            raise ConfigError([Problem(str(file), "", "no file", "the file that was there at the start")])
        return self._read()

    def _take_up(self, config: Config) -> None:
        if config.log != self.running.log:
            configure_logging(config.log.format, config.log.level, self._stream)
        self._apply(config)
        self.running = config


def limits_of(config: Config) -> Limits:
    return Limits(config.mempool.transactions_max, config.mempool.bytes_max, config.mempool.per_account_max)


def marks_of(config: Config) -> Marks:
    return Marks(config.storage.free_bytes_low, config.storage.free_bytes_end)


def keep_of(config: Config) -> Keep:
    return Keep(config.storage.keep_blocks, config.storage.keep_days)


def api_settings(config: Config) -> ApiSettings:
    host, port = split_endpoint(config.api.listen)
    api = config.api
    return ApiSettings(
        host=host,
        port=port,
        body_bytes_max=api.body_bytes_max,
        connections_max=api.connections_max,
        requests_per_s=api.requests_per_s,
        cors_origins=api.cors_origins,
    )


def live_network_settings(fixed: NetworkSettings, config: Config) -> NetworkSettings:
    """Of `config` what can change while the network runs, of `fixed` the rest."""
    p2p = config.p2p
    return replace(
        fixed,
        agent=f"p2pchain/{__version__} {config.node.name}".strip()[:64],
        seeds=p2p.seeds,
        persistent_peers=p2p.persistent_peers,
        peers_in_max=p2p.peers_in_max,
        peers_out_max=p2p.peers_out_max,
        backoff_max_ms=p2p.backoff_max_ms,
        peers_in_per_group_max=p2p.peers_in_per_group_max,
        peers_out_per_group_max=p2p.peers_out_per_group_max,
        delegate_peers=_keys(p2p.delegate_peers),
        unconditional_peers=_keys(p2p.unconditional_peers),
        private_peers=_keys(p2p.private_peers),
        allowed_peers=_keys(p2p.allowed_peers),
    )


def _keys(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, texts))
