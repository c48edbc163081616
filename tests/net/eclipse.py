"""How often an attacker who filled the address book has a restarted node to itself: `.venv/bin/python -m tests.net.eclipse`.

The real book and the real choice, without sockets.  One trial:

1. A node knows `HONEST` honest nodes in half as many groups of addresses; two thirds of them it has met; four are its anchors.
2. The attacker, with as many addresses as it likes in some groups, has all the time in the world: it comes in from each of its
   groups, announces itself under ever new keys, is met by feelers wherever the book took it in, and from its addresses
   tells junk of all groups, too.  Honest nodes go on telling of each other meanwhile.
3. A tenth of the honest nodes is gone.  The node restarts from its file, dials `PLACES` peers by anchors (or without them) and book.

Eclipsed is a node all of whose outbound peers are the attacker's.  Nothing configured helps it: no seed, no persistent peer.
"""

from __future__ import annotations

import sys
from random import Random
from typing import NamedTuple

from p2pchain.net.book.book import AddressBook
from p2pchain.net.book.entry import Entry
from p2pchain.net.choosing import choose_outbound
from p2pchain.net.groups import Group, group_of_host
from p2pchain.wire.peer_record import LIFE_MS, PeerRecord, RecordEndpoint

HONEST = 60
PLACES = 16
PER_GROUP = 2
ANCHORS = 4
ADDRESSES_PER_GROUP = 400
"""Told and met of each of the attacker's groups; one may take 512 places among the new, and 128 among the tried."""
JUNK_PER_GROUP = 100
GONE = 0.1
NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 3_600_000
TRIALS = 1_000
RESTARTS = 10
"""Of each filled book, which costs the most of a trial; each with other nodes gone and other choices."""


class Attack(NamedTuple):
    name: str
    groups: int
    share: float = 1.0
    """Of the trials: the wider attacks cost more of them and are no part of the promise."""
    is_local: bool = False
    """On a private network: the attacker holds whole subnets beside that of the honest nodes."""


ATTACKS = (
    Attack("4 groups", 4),
    Attack("15 groups", 15),
    Attack("4 subnets of a private network", 4, is_local=True),
    Attack("32 groups", 32, 0.2),
    Attack("64 groups", 64, 0.2),
)


class Trial:
    def __init__(self, attack: Attack, seed: int, *, addresses: int = ADDRESSES_PER_GROUP) -> None:
        self.random = Random(f"{attack} {seed}")
        self.attack = attack
        self.addresses = addresses
        self.keys = 0
        self.honest: dict[bytes, PeerRecord] = {}
        self.attackers: set[bytes] = set()
        self.book = AddressBook(self.random.randbytes(32))

    def run(self, restarts: int = 1) -> tuple[int, int]:
        """How many of so many restarts end in an eclipse without its anchors, and with them."""
        self.meet_honest()
        self.fill()
        without = sum(self.is_eclipsed(with_anchors=False) for _ in range(restarts))
        return without, sum(self.is_eclipsed(with_anchors=True) for _ in range(restarts))

    def is_eclipsed(self, *, with_anchors: bool) -> bool:
        peers = self.restart(with_anchors=with_anchors)
        return bool(peers) and all(key in self.attackers for key in peers)

    def meet_honest(self) -> None:
        prefixes = ["10.1.1"] if self.attack.is_local else [self.public_group() for _ in range(HONEST // 2)]
        for _ in range(HONEST):
            host = f"{self.random.choice(prefixes)}.{self.random.randrange(1, 255)}"
            record = self.record(host if self.attack.is_local else f"{host}.1")
            self.honest[record.node_key] = record
        self.tell_honest(NOW_MS)
        for record in self.random.sample(list(self.honest.values()), 2 * HONEST // 3):
            self.book.met(record.node_key, record.endpoints[0], NOW_MS)
        met = [entry.node_key for entry in self.book.entries() if entry.is_tried]
        self.book.keep_anchors(self.random.sample(met, ANCHORS))

    def fill(self) -> None:
        later_ms = NOW_MS + DAY_MS
        for prefix in [f"10.2.{number}" if self.attack.is_local else self.public_group() for number in range(self.attack.groups)]:
            for number in range(self.addresses):
                host = f"{prefix}.{number % 254 + 1}" if self.attack.is_local else f"{prefix}.{number // 250}.{number % 250 + 1}"
                record = self.record(host)
                self.attackers.add(record.node_key)
                self.book.add(record, host, later_ms)
                self.book.met(record.node_key, record.endpoints[0], later_ms)
                self.settle_contest(later_ms)
            for _ in range(JUNK_PER_GROUP if not self.attack.is_local else 0):
                self.book.add(self.record(f"{self.public_group()}.1.1"), f"{prefix}.1.1", later_ms)
        self.tell_honest(later_ms)

    def settle_contest(self, now_ms: int) -> None:
        """Feelers: whoever holds a place that the attacker would like is tested; a twentieth happens to be away just then."""
        holder = self.book.to_test()
        if holder is None:
            return
        if holder.node_key in self.attackers or self.random.random() > 0.05:
            assert holder.met_at is not None
            self.book.met(holder.node_key, holder.met_at, now_ms)
        else:
            self.book.failed(holder.node_key, now_ms)

    def restart(self, *, with_anchors: bool) -> list[bytes]:
        gone = {key for key in self.honest if self.random.random() < GONE}
        book = AddressBook(self.book.salt, self.book.entries(), self.book.anchors)
        dialled: set[bytes] = set()
        peers: dict[bytes, Group] = {}
        if with_anchors:
            dialled.update(book.anchors)
            peers.update({key: group_of_host(self.honest[key].endpoints[0].host) for key in book.anchors if key not in gone})

        def is_wanted(entry: Entry) -> bool:
            return entry.node_key not in dialled

        while len(peers) < PLACES and (entry := choose_outbound(book, self.random, is_wanted, list(peers.values()), PER_GROUP)):
            dialled.add(entry.node_key)
            is_there = entry.node_key in self.attackers or (entry.node_key in self.honest and entry.node_key not in gone)
            if is_there:
                peers[entry.node_key] = group_of_host(entry.endpoints[0].host)
        return list(peers)

    def tell_honest(self, now_ms: int) -> None:
        for record in self.honest.values():
            teller = self.random.choice(list(self.honest.values()))
            self.book.add(record, teller.endpoints[0].host, now_ms)

    def record(self, host: str) -> PeerRecord:
        """As its node would have signed it."""
        self.keys += 1
        return PeerRecord(b"", self.keys.to_bytes(32, "big"), (RecordEndpoint(host, 28_656),), NOW_MS, NOW_MS + LIFE_MS)

    def public_group(self) -> str:
        return f"{self.random.randrange(20, 90)}.{self.random.randrange(256)}"


def count(attack: Attack, trials: int) -> tuple[int, int]:
    """Trials of so many that end in an eclipse, without anchors and with them."""
    ends = [Trial(attack, seed).run(RESTARTS) for seed in range(trials // RESTARTS)]
    return sum(without for without, _ in ends), sum(with_anchors for _, with_anchors in ends)


def tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    tell(f"eclipsed after a restart; {HONEST} honest nodes, {PLACES} outbound places; trials, without anchors, with anchors")
    for attack in ATTACKS:
        wanted = max(RESTARTS, round(trials * attack.share))
        without, with_anchors = count(attack, wanted)
        tell(f"| {attack.name} | {wanted} | {without} | {with_anchors} |")


if __name__ == "__main__":
    main()
