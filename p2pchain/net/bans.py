"""Who is shut out and until when: values and rules, without a clock, a file or a socket.

What is banned is a node key, because it is what a peer has proven.  A *lie* bans it, twice as long each time; a ban ends
by itself, and so does its memory.  A *violation* keeps it out for a short while that is never written down.

Keys are free, so an address from which several different keys lied must wait too, whatever its next key: shortly, growing,
soon forgotten, and never while a key of it is one that the operator named.  Honest nodes behind the same address wait
with it, unless they are named, connected already, or dialled by us; that is why it stays short.

Every table here is bounded: a flood of keys pushes out what ends first, and never what an operator put there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum, unique
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Generic, NamedTuple, TypeVar, assert_never

from p2pchain.chain.consequences import Consequence

MINUTE_MS = 60_000
LIE_MS = 10 * MINUTE_MS
"""The first ban; each further one lasts twice as long as the one before."""
BAN_MS_MAX = 24 * 60 * MINUTE_MS
"""Of those that nobody asked for: even a mistake of ours ends within a day."""
STRIKE_FORGOTTEN_MS = 24 * 60 * MINUTE_MS
"""After a ban has ended, one lie is forgotten for each day without another."""
VIOLATION_MS = 10_000
VIOLATION_MS_MAX = 10 * MINUTE_MS
VIOLATION_FORGOTTEN_MS = 10 * MINUTE_MS
KEYS_FREE = 2
"""Keys of one address that may be banned before it has to wait: a neighbour may be a liar, or lie again under a new key."""
COOLING_MS = 15_000
COOLING_MS_MAX = 10 * MINUTE_MS
KEY_FORGOTTEN_MS = 30 * MINUTE_MS
"""After an address need not wait any more, one banned key of it is forgotten each half hour."""
BANS_MAX = 1_024
"""Of each kind; 300 bytes each.  More than the connections a node can have."""
BY_HAND_MAX = 1_024
TEXT_MAX = 200


@unique
class Kind(StrEnum):
    LIE = "lie"
    VIOLATION = "violation"
    BY_HAND = "by_hand"
    ADDRESS = "address"
    """Several banned keys came from there."""


class Ban(NamedTuple):
    """Somebody who has to wait; kept on when the wait is over, until it is forgotten."""

    who: str
    """A node key in hex, or an address or network."""
    kind: Kind
    since_ms: int
    until_ms: int
    strikes: int
    why: str
    address: str
    """Where the key was met; empty where it was not."""


class _Scale(NamedTuple):
    first_ms: int
    most_ms: int
    forgotten_ms: int
    free: int = 0

    def strike(self, old: Ban | None, now_ms: int) -> tuple[int, int]:
        """How many there are with one more, and how long to wait for them."""
        strikes = 1 if old is None else max(0, old.strikes - max(0, now_ms - old.until_ms) // self.forgotten_ms) + 1
        wait_ms = min(self.first_ms << min(max(0, strikes - 1 - self.free), 32), self.most_ms)
        return strikes, wait_ms if strikes > self.free else 0

    def is_forgotten(self, ban: Ban, now_ms: int) -> bool:
        return now_ms >= ban.until_ms + ban.strikes * self.forgotten_ms


SCALES = {
    Kind.LIE: _Scale(LIE_MS, BAN_MS_MAX, STRIKE_FORGOTTEN_MS),
    Kind.VIOLATION: _Scale(VIOLATION_MS, VIOLATION_MS_MAX, VIOLATION_FORGOTTEN_MS),
    Kind.BY_HAND: _Scale(0, 1 << 62, 1),
    Kind.ADDRESS: _Scale(COOLING_MS, COOLING_MS_MAX, KEY_FORGOTTEN_MS, KEYS_FREE),
}


def source_of(host: str) -> str | None:
    """What shares the fate of an address: itself, or its /64 in IPv6.  None for this machine, and for what is no address."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback or address.is_unspecified:
        return None
    return str(ip_network((int(address) >> 64 << 64, 64))) if isinstance(address, IPv6Address) else str(address)


K = TypeVar("K")


class _Shelf(Generic[K]):
    """Bans of one kind, at most so many; the one that ends first makes room."""

    def __init__(self, kind: Kind, size_max: int = BANS_MAX) -> None:
        self.scale = SCALES[kind]
        self._size_max = size_max
        self._bans: dict[K, Ban] = {}

    def __len__(self) -> int:
        return len(self._bans)

    def get(self, who: K, now_ms: int) -> Ban | None:
        """The memory of somebody, whether the wait is over or not."""
        ban = self._bans.get(who)
        if ban is not None and now_ms < ban.since_ms:  # the clock was set back: it waits as long as it was told to, and no longer
            ban = self._bans[who] = ban._replace(since_ms=now_ms, until_ms=now_ms + ban.until_ms - ban.since_ms)
        return ban

    def put(self, who: K, ban: Ban) -> None:
        self._bans.pop(who, None)
        if len(self._bans) >= self._size_max:
            del self._bans[min(self._bans, key=lambda each: self._bans[each].until_ms)]
        self._bans[who] = ban

    def drop(self, who: K) -> bool:
        return self._bans.pop(who, None) is not None

    def items(self, now_ms: int) -> Iterator[tuple[K, Ban]]:
        """All that are remembered; who is forgotten leaves now."""
        for who in list(self._bans):
            ban = self.get(who, now_ms)
            assert ban is not None
            if self.scale.is_forgotten(ban, now_ms):
                del self._bans[who]
            else:
                yield who, ban


class Bans:
    """All of them.  `now_ms` is Unix time, because bans outlive the process."""

    def __init__(self, is_spared: Callable[[bytes], bool] = lambda _key: False) -> None:
        """`is_spared` says which keys the operator named: they never wait because of their address."""
        self._is_spared = is_spared
        self._lies = _Shelf[bytes](Kind.LIE)
        self._violations = _Shelf[bytes](Kind.VIOLATION)
        self._by_hand = _Shelf[bytes | str](Kind.BY_HAND, BY_HAND_MAX)
        self._sources = _Shelf[str](Kind.ADDRESS)

    def spare(self, is_spared: Callable[[bytes], bool]) -> None:
        """From now on these."""
        self._is_spared = is_spared

    def is_banned(self, key: bytes, now_ms: int) -> bool:
        """Whether a node is neither to be dialled nor let in."""
        return self.of_key(key, now_ms) is not None

    def of_key(self, key: bytes, now_ms: int) -> Ban | None:
        """What keeps a node out now: of several the one that lasts longest."""
        found = (shelf.get(key, now_ms) for shelf in (self._lies, self._violations, self._by_hand))
        return _last(ban for ban in found if ban is not None and ban.until_ms > now_ms)

    def of_link(self, key: bytes, host: str, now_ms: int) -> Ban | None:
        """As `of_key`, and what keeps out its address because the operator said so."""
        source = source_of(host)
        by_hand = self._by_hand.get(source, now_ms) if source is not None else None
        found = (self.of_key(key, now_ms), by_hand)
        return _last(ban for ban in found if ban is not None and ban.until_ms > now_ms)

    def of_newcomer(self, key: bytes, host: str, now_ms: int) -> Ban | None:
        """As `of_link`, and what keeps out whoever comes from an address of liars."""
        banned, source = self.of_link(key, host, now_ms), source_of(host)
        if banned is not None or source is None or self._is_spared(key):
            return banned
        cooling = self._sources.get(source, now_ms)
        return cooling if cooling is not None and cooling.until_ms > now_ms else None

    def punish(self, key: bytes, host: str, consequence: Consequence, why: str, now_ms: int) -> Ban | None:
        """What a node did over a connection, and where it came from (empty where we dialled it); the ban that follows, if any."""
        match consequence:
            case Consequence.LIE:
                if self._lies.get(key, now_ms) is None:  # one liar that comes back is one liar
                    self._blame_source(key, host, now_ms)
                return _strike(self._lies, Kind.LIE, key, key.hex(), why, host, now_ms)
            case Consequence.VIOLATION:
                return _strike(self._violations, Kind.VIOLATION, key, key.hex(), why, host, now_ms)
            case Consequence.NOBODY | Consequence.OURS:
                return None
            case _:
                assert_never(consequence)

    def ban(self, who: bytes | str, duration_ms: int, why: str, now_ms: int) -> Ban | None:
        """By hand: a node key, or what `source_of` gave; None where there are too many already."""
        if len(self._by_hand) >= BY_HAND_MAX and self._by_hand.get(who, now_ms) is None:
            list(self._by_hand.items(now_ms))
            if len(self._by_hand) >= BY_HAND_MAX:
                return None
        ban = Ban(who.hex() if isinstance(who, bytes) else who, Kind.BY_HAND, now_ms, now_ms + duration_ms, 0, why[:TEXT_MAX], "")
        self._by_hand.put(who, ban)
        return ban

    def lift(self, who: bytes | str) -> bool:
        """Forget all that is held against a node key or an address; whether there was anything."""
        if isinstance(who, bytes):
            dropped = [shelf.drop(who) for shelf in (self._lies, self._violations, self._by_hand)]
        else:
            dropped = [self._by_hand.drop(who), self._sources.drop(who)]
        return any(dropped)

    def listed(self, now_ms: int) -> list[Ban]:
        """Who has to wait now, the last to be let in first."""
        waiting = [ban for ban in self._all(now_ms) if ban.until_ms > now_ms]
        return sorted(waiting, key=lambda ban: (-ban.until_ms, ban.who))

    def kept(self, now_ms: int) -> list[Ban]:
        """What must outlive the process: bans by hand and for lies, and what is remembered of them.

        Violations are not: perhaps this node is the one to be mended, and then it starts anew without a grudge.
        """
        return [ban for ban in self._all(now_ms) if ban.kind is not Kind.VIOLATION]

    def restore(self, bans: list[Ban]) -> None:
        """What `kept` gave, perhaps of another process."""
        for ban in bans:
            match ban.kind:
                case Kind.LIE:
                    self._lies.put(bytes.fromhex(ban.who), ban)
                case Kind.VIOLATION:
                    self._violations.put(bytes.fromhex(ban.who), ban)
                case Kind.BY_HAND:
                    self._by_hand.put(bytes.fromhex(ban.who) if is_key(ban.who) else ban.who, ban)
                case Kind.ADDRESS:
                    self._sources.put(ban.who, ban)
                case _:
                    assert_never(ban.kind)

    def _all(self, now_ms: int) -> Iterator[Ban]:
        for shelf in (self._by_hand, self._lies, self._violations, self._sources):
            yield from (ban for _, ban in shelf.items(now_ms))

    def _blame_source(self, key: bytes, host: str, now_ms: int) -> None:
        source = source_of(host)
        if source is not None and not self._is_spared(key):
            _strike(self._sources, Kind.ADDRESS, source, source, "several banned node keys came from here", "", now_ms)


def describe_ban(ban: Ban, now_ms: int) -> str:
    """What a banned peer is told: how long still, and why."""
    left_s = max(1, -(-(ban.until_ms - now_ms) // 1000))
    what = "your address must wait" if ban.kind is Kind.ADDRESS else "banned"
    return f"{what} for {left_s} s more: {ban.why}"[:TEXT_MAX]


def is_key(text: str) -> bool:
    return len(text) == 64 and not text.strip("0123456789abcdef")


def parse_who(text: str) -> bytes | str | None:
    """A node key of 64 hex digits, or what `source_of` makes of an address or of what it gave; None where it is neither."""
    if is_key(text.lower()):
        return bytes.fromhex(text)
    host, _, bits = text.partition("/")
    return source_of(host) if bits in ("", "64") else None


def _strike(shelf: _Shelf[K], kind: Kind, at: K, who: str, why: str, address: str, now_ms: int) -> Ban:
    strikes, wait_ms = shelf.scale.strike(shelf.get(at, now_ms), now_ms)
    ban = Ban(who, kind, now_ms, now_ms + wait_ms, strikes, why[:TEXT_MAX], address)
    shelf.put(at, ban)
    return ban


def _last(bans: Iterator[Ban]) -> Ban | None:
    return max(bans, key=lambda ban: ban.until_ms, default=None)
