"""A running hash over everything that was delivered and everything that followed from it, in order.

Two runs with one hash were the same run: this is how "same seed, same world" is checked, under any PYTHONHASHSEED.
"""

from __future__ import annotations

import hashlib

from p2pchain.node.effects import (
    BlockFinal,
    Commit,
    ContradictionSeen,
    Effects,
    HeadChanged,
    Noted,
    ProtocolOutgrown,
    Publication,
    SignBallot,
    SignBlock,
    SlotMissed,
)


class Trace:
    """Grows with each event and each effect."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def delivered(self, now_ms: int, source: int, target: int, frame: bytes) -> None:
        self._hash.update(b"d%d %d %d " % (now_ms, source, target) + frame)

    def sent(self, source: int, frame: bytes) -> None:
        self._hash.update(b"s%d " % source + frame)

    def happened(self, now_ms: int, node: int, what: str) -> None:
        """Anything that is no message: a crash, a peer that joined, the time."""
        self._hash.update(f"h{now_ms} {node} {what}".encode())

    def decided(self, node: int, effects: Effects) -> None:
        """What an engine wants done, but for messages: those are hashed as they leave."""
        parts = [b"e%d" % node]
        if effects.commit:
            parts += _commit_parts(effects.commit)
        for request in effects.sign:
            match request:
                case SignBlock():
                    parts.append(b"b" + request.header)
                case SignBallot():
                    parts.append(b"v%d %d " % (request.kind, request.subject.slot) + request.subject.block)
        for keep in effects.keep:
            parts += [transaction.id for transaction in keep.transactions]
        for answer in effects.answer:
            parts += [f"a{result.status}{result.code}".encode() for result in answer.results]
        for published in effects.publish:
            parts.append(_publication_part(published))
        self._hash.update(b" ".join(parts))

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _commit_parts(commit: Commit) -> list[bytes]:
    parts: list[bytes] = [stored.changes.state_root for stored in commit.blocks]
    parts += [b"c" + certificate.raw for certificate in commit.certificates]
    parts += [b"f" + block for block in commit.final]
    parts += [b"x" + block for block in commit.dropped]
    parts += [certificate.raw for certificate in commit.confirms]
    return parts


def _publication_part(published: Publication) -> bytes:
    match published:
        case BlockFinal():
            return b"F%d " % published.latency_ms + published.block.id
        case HeadChanged():
            return b"H" + published.subject.block
        case ContradictionSeen():
            return b"C%d " % published.offence.slot + published.offence.key
        case SlotMissed():
            return f"M{published.slot} {published.reason.value} {published.code}".encode() + published.delegate
        case ProtocolOutgrown():
            return b"P%d %d" % (published.version, published.height)
        case Noted():
            return f"N{published.event}{sorted(published.fields.items(), key=lambda item: item[0])}".encode()
