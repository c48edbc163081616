"""The kinds of values that a key may have, each with its check and the words that describe it.

`check` takes what a TOML file or a caller gives, `from_text` what an environment variable or a flag gives; both return
the value as the node uses it or raise `UnfitError`. The caller adds where the value was found and `wanted`.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Protocol

from p2pchain.chain.errors import shown

_WHOLE = re.compile(r"-?[0-9]+")
_ENDPOINT = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]+)):(?P<port>[0-9]{1,5})")
_DOTTED_NUMBERS = re.compile(r"[0-9.]+")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_NODE_KEY = re.compile(r"[0-9A-Fa-f]{64}")
_WEB_ORIGIN = re.compile(r"\*|https?://(?:[a-z0-9_.-]{1,253}|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
"""In lower case, as browsers send it."""
_PORT_MAX = 65_535


class UnfitError(ValueError):
    """The value is not of the wanted kind."""


class Kind(Protocol):
    @property
    def wanted(self) -> str: ...

    def check(self, value: object) -> object: ...

    def from_text(self, text: str) -> object: ...


@dataclass(frozen=True, slots=True)
class Text:
    pattern: str
    wanted: str

    def check(self, value: object) -> str:
        if not isinstance(value, str) or re.fullmatch(self.pattern, value) is None:
            raise UnfitError
        return value

    from_text = check


@dataclass(frozen=True, slots=True)
class Choice:
    names: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return "one of " + ", ".join(f'"{name}"' for name in self.names)

    def check(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.names:
            raise UnfitError
        return value

    from_text = check


@dataclass(frozen=True, slots=True)
class Truth:
    wanted: str = "true or false"

    def check(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise UnfitError
        return value

    def from_text(self, text: str) -> bool:
        try:
            return {"true": True, "false": False}[text.lower()]
        except KeyError:
            raise UnfitError from None


@dataclass(frozen=True, slots=True)
class Whole:
    minimum: int
    maximum: int

    @property
    def wanted(self) -> str:
        return f"a whole number from {self.minimum} to {self.maximum}"

    def check(self, value: object) -> int:
        # bool is an int to Python, and to nobody else
        if not isinstance(value, int) or isinstance(value, bool) or not self.minimum <= value <= self.maximum:
            raise UnfitError
        return value

    def from_text(self, text: str) -> int:
        # the length first: int() of a very long text is slow, and refused with other words
        if len(text) > 20 or _WHOLE.fullmatch(text) is None:
            raise UnfitError
        return self.check(int(text))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`host:port`; port 0, to listen on a free one, only where `port_min` says so."""

    port_min: int = 1

    @property
    def wanted(self) -> str:
        return f'"host:port" with a port from {self.port_min} to {_PORT_MAX} (IPv6 as "[::1]:28656")'

    def check(self, value: object) -> str:
        if not isinstance(value, str) or split_endpoint(value)[1] < self.port_min:
            raise UnfitError
        return value

    from_text = check


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """`host:port`, or `NODE_KEY@host:port` where only the node with this key will do."""

    endpoint: Endpoint = Endpoint()

    @property
    def wanted(self) -> str:
        return f"{self.endpoint.wanted}, if wished after NODE_KEY@, the 64 hex digits of the key that the node must prove"

    def check(self, value: object) -> str:
        if not isinstance(value, str):
            raise UnfitError
        key, at, endpoint = value.rpartition("@")
        if at and _NODE_KEY.fullmatch(key) is None:
            raise UnfitError
        self.endpoint.check(endpoint)
        return value

    from_text = check


@dataclass(frozen=True, slots=True)
class PeerAddresses:
    each: PeerAddress = PeerAddress()

    @property
    def wanted(self) -> str:
        return f"a list of {self.each.wanted}"

    def check(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise UnfitError
        return tuple(self.each.check(item) for item in value)

    def from_text(self, text: str) -> tuple[str, ...]:
        return self.check([part for item in text.split(",") if (part := item.strip())])


@dataclass(frozen=True, slots=True)
class Announced:
    """`host:port`, `never`, or nothing."""

    endpoint: Endpoint = Endpoint()

    @property
    def wanted(self) -> str:
        return f'{self.endpoint.wanted}, or "never", or nothing'

    def check(self, value: object) -> str:
        if isinstance(value, str) and value in {"", "never"}:
            return value
        return self.endpoint.check(value)

    from_text = check


@dataclass(frozen=True, slots=True)
class NodeKeys:
    wanted: str = "a list of node keys of 64 hex digits each (p2pchain keys show node)"

    def check(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and _NODE_KEY.fullmatch(item) for item in value):
            raise UnfitError
        return tuple(value)

    def from_text(self, text: str) -> tuple[str, ...]:
        return self.check([part for item in text.split(",") if (part := item.strip())])


@dataclass(frozen=True, slots=True)
class WebOrigins:
    """`*`, or what browsers send as the origin of a page: a scheme, a host, a port where it is not the usual one; nothing behind it."""

    wanted: str = 'a list of "https://HOST" or "http://HOST:PORT", without a path, or "*"'

    def check(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and _WEB_ORIGIN.fullmatch(item) for item in value):
            raise UnfitError
        return tuple(value)

    def from_text(self, text: str) -> tuple[str, ...]:
        return self.check([part for item in text.split(",") if (part := item.strip())])


def split_endpoint(text: str) -> tuple[str, int]:
    """`"host:port"` as host (an IPv6 address without its brackets) and port; UnfitError if it is none."""
    match = _ENDPOINT.fullmatch(text)
    if match is None or int(match["port"]) > _PORT_MAX or not _is_host(match["ipv6"], match["host"]):
        raise UnfitError(f'found {shown(text)}, wanted "host:port" (IPv6 as "[::1]:28656")')
    return match["ipv6"] or match["host"], int(match["port"])


def _is_host(ipv6: str | None, host: str) -> bool:
    if ipv6 is not None:
        return _parses_as(IPv6Address, ipv6)
    if _DOTTED_NUMBERS.fullmatch(host):  # 10.0.0.256 is no host name either
        return _parses_as(IPv4Address, host)
    return _HOST_NAME.fullmatch(host) is not None


def _parses_as(address: type[IPv4Address] | type[IPv6Address], host: str) -> bool:
    try:
        address(host)
    except AddressValueError:
        return False
    return True
