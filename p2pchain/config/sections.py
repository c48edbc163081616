"""Every key of `node.toml`: its default, its kind and its explanation, said once.

Loading, the commented file and the environment names are all derived from these classes, so they cannot drift apart.
A key's type annotation must fit its kind's `check`; a test holds them together.
"""

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from p2pchain.config.home import Home
from p2pchain.config.kinds import Announced, Choice, Endpoint, Kind, NodeKeys, PeerAddresses, Text, Truth, WebOrigins, Whole

_Value = TypeVar("_Value")

_PATH = Text(r"[^\x00-\x1f\x7f]{0,4095}", "a path without control characters, or nothing")


def _key(default: _Value, kind: Kind, explanation: str) -> _Value:
    value: _Value = field(default=default, metadata={"kind": kind, "explanation": explanation})
    return value


@dataclass(frozen=True, slots=True)
class NodeSection:
    """What this node is."""

    name: str = _key(
        "",
        Text(r"[^\x00-\x1f\x7f]{0,64}", "at most 64 characters, none of them a control character"),
        "A name for people, shown to peers and in the status. It proves nothing: peers know each other by key.",
    )
    role: str = _key(
        "delegate",
        Choice(("delegate", "observer")),
        "A delegate signs blocks and votes with the key of [delegate], when it is elected. An observer never signs.",
    )


@dataclass(frozen=True, slots=True)
class P2pSection:
    """The links to other nodes. They are always encrypted, and each node proves its node key on them (p2pchain keys show node)."""

    listen: str = _key("0.0.0.0:28656", Endpoint(0), "Where peers reach this node. Port 0 takes a free one.")
    seeds: tuple[str, ...] = _key(
        (),
        PeerAddresses(),
        "Nodes to dial while outbound peers are missing, and to ask for others. A DNS name stands for all its addresses, asked anew.",
    )
    persistent_peers: tuple[str, ...] = _key(
        (), PeerAddresses(), "Nodes to stay connected with: they are dialled again for ever, after every loss."
    )
    exchange: bool = _key(
        True, Truth(), "Whether to ask peers for further nodes, to tell them of some, and to dial what was learned. False: the lists alone."
    )
    announce: str = _key(
        "",
        Announced(),
        "Where others are told to reach this node; a name is resolved anew. Empty: what peers"
        " and interfaces show. never: it stays out of address books.",
    )
    seed_only: bool = _key(
        False, Truth(), "Only hand out addresses: whoever connects is given some and let go, and the chain is not followed."
    )
    delegate_peers: tuple[str, ...] = _key(
        (), NodeKeys(), "Node keys of the delegates' nodes: a place of peers_in_max is kept for each, so no crowd can take it."
    )
    unconditional_peers: tuple[str, ...] = _key((), NodeKeys(), "Node keys that no limit counts.")
    private_peers: tuple[str, ...] = _key((), NodeKeys(), "Node keys of nodes that are never told to others.")
    allowed_peers: tuple[str, ...] = _key(
        (),
        NodeKeys(),
        "If any: only these nodes are let in or dialled, and those that another list names by key. Everybody else is refused.",
    )
    peers_in_max: int = _key(64, Whole(0, 1_000), "At most this many peers that dialled this node.")
    peers_out_max: int = _key(16, Whole(0, 1_000), "At most this many peers that this node dialled.")
    peers_in_per_group_max: int = _key(
        16,
        Whole(1, 1_000),
        "At most this many that dialled this node from one network of addresses (IPv4 /16, IPv6 /32). Private addresses are not counted.",
    )
    peers_out_per_group_max: int = _key(
        2, Whole(1, 1_000), "At most this many of one network of addresses are dialled from the address book. Private ones are not counted."
    )
    backoff_max_ms: int = _key(
        2_000, Whole(500, 600_000), "The longest pause before a lost peer is dialled again; the pauses grow up to it."
    )


@dataclass(frozen=True, slots=True)
class ApiSection:
    """The HTTP interface for applications and operators."""

    enabled: bool = _key(True, Truth(), "Whether there is an HTTP interface at all.")
    listen: str = _key(
        "127.0.0.1:28657",
        Endpoint(0),
        "Where it listens. It knows no passwords: beyond loopback, put a reverse proxy before it.",
    )
    body_bytes_max: int = _key(4_194_304, Whole(1_024, 268_435_456), "The largest request body, in bytes; larger ones are refused unread.")
    connections_max: int = _key(
        512, Whole(16, 65_536), "At most this many connections at once, each with a file descriptor; event streams take up to half."
    )
    requests_per_s: int = _key(
        0,
        Whole(0, 100_000),
        "At most this many requests a second of one client, with a burst of two seconds; probes and metrics are not counted. 0: any number."
        " Behind a proxy all clients look like one: let the proxy count.",
    )
    cors_origins: tuple[str, ...] = _key(
        (), WebOrigins(), "Origins of web pages whose scripts may read the answers (CORS). Empty: none but the API's own."
    )


@dataclass(frozen=True, slots=True)
class MempoolSection:
    """Transactions that wait for a block. Each limit bounds memory."""

    transactions_max: int = _key(50_000, Whole(1, 10_000_000), "At most this many transactions.")
    bytes_max: int = _key(67_108_864, Whole(65_536, 17_179_869_184), "At most this many bytes of transactions.")
    per_account_max: int = _key(4_096, Whole(1, 10_000_000), "At most this many of one account, so that nobody fills the pool alone.")


@dataclass(frozen=True, slots=True)
class StorageSection:
    """Blocks and state on disk."""

    path: str = _key("", _PATH, "Where the chain is stored; a relative path starts at the home. Empty: data/ there.")
    flush_blocks: int = _key(
        20, Whole(1, 1_000), "State rows are written once per this many blocks; a restart replays at most two or three times so many."
    )
    free_bytes_low: int = _key(
        0,
        Whole(0, 1 << 60),
        "With less than this free on the volume the node makes no blocks of its own, until there is room again. 0: 5% of the volume.",
    )
    free_bytes_end: int = _key(
        0, Whole(0, 1 << 60), "With less than this free on the volume the node ends in order, with exit status 74. 0: 1% of the volume."
    )
    bytes_max: int = _key(
        1 << 40,
        Whole(64 << 20, 1 << 46),
        "The chain may take at most this much of the disk. The file grows as needed; when 5% of this are left the node makes no"
        " blocks, at 1% it ends with exit status 74.",
    )


@dataclass(frozen=True, slots=True)
class DelegateSection:
    """The key that signs blocks and votes. Never give two running nodes the same one."""

    key: str = _key(
        "delegate",
        Text(r"[a-z0-9_-]{1,64}", 'a key name: 1 to 64 of a-z, 0-9, "_" and "-"'),
        "Its name in the keystore (keys/ of the home).",
    )
    passphrase_file: str = _key(
        "",
        _PATH,
        "A file that holds its passphrase; a relative path starts at the home. Empty: the systemd credential"
        " p2pchain-passphrase, or a question on the terminal.",
    )


@dataclass(frozen=True, slots=True)
class LogSection:
    """What the node tells, on standard error."""

    level: str = _key("info", Choice(("debug", "info", "warning", "error")), "The least important events to log.")
    format: str = _key("auto", Choice(("auto", "console", "json")), "For people or one JSON object a line; auto: people on a terminal.")


@dataclass(frozen=True, slots=True)
class Config:
    home: Home
    node: NodeSection = NodeSection()
    p2p: P2pSection = P2pSection()
    api: ApiSection = ApiSection()
    mempool: MempoolSection = MempoolSection()
    storage: StorageSection = StorageSection()
    delegate: DelegateSection = DelegateSection()
    log: LogSection = LogSection()

    @property
    def data_path(self) -> Path:
        return self.home.path / Path(self.storage.path).expanduser() if self.storage.path else self.home.data

    @property
    def passphrase_file(self) -> Path | None:
        name = self.delegate.passphrase_file
        return self.home.path / Path(name).expanduser() if name else None


SECTIONS: dict[str, Any] = {each.name: each.default for each in fields(Config) if each.name != "home"}
"""Each section by name, with its defaults."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one section, with the names that its sources use."""

    section: str
    name: str
    default: object
    kind: Kind
    explanation: str

    @property
    def path(self) -> str:
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        return f"P2PCHAIN_{self.section}_{self.name}".upper()


def _keys() -> Iterator[Key]:
    for section, defaults in SECTIONS.items():
        of_section: tuple[Field[Any], ...] = fields(defaults)
        for each in of_section:
            yield Key(section, each.name, each.default, each.metadata["kind"], each.metadata["explanation"])


KEYS: dict[str, Key] = {key.path: key for key in _keys()}
"""Every key by its path, `section.name`."""
