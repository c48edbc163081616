"""What one look at a node shows, for a terminal of ordinary width: short names, rates instead of sums, the important first.

`--json` without `--watch` has everything in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from p2pchain.cli.showing import table
from p2pchain.client.answers import Json


class Look(NamedTuple):
    answer: Json
    at_s: float


Picture: TypeAlias = Callable[[Look, Look | None], list[str]]
"""Of a look and the one before."""


def picture_of_peers(look: Look, before: Look | None) -> list[str]:
    earlier = {peer["node_id"]: peer for peer in before.answer["peers"]} if before is not None else {}
    seconds = look.at_s - before.at_s if before is not None else 0.0
    rows = [_peer_row(peer, earlier.get(peer["node_id"]), seconds, look.at_s) for peer in look.answer["peers"]]
    dialled = sum(bool(peer["outbound"]) for peer in look.answer["peers"])
    refused = look.answer["refused"]
    lines = [f"{len(rows)} peers, {dialled} dialled by this node; {len(refused)} refused lately", *_rows(rows, "no peers")]
    return [*lines, *(f"refused {each['address']}: {each['message']} ({each['times']} times)" for each in refused[-3:])]


def _peer_row(peer: Json, earlier: Json | None, seconds: float, now_s: float) -> Mapping[str, object]:
    return {
        "node": peer["node_id"][:12],
        "address": peer["address"],
        "way": "out" if peer["outbound"] else "in",
        "for": span(now_s - peer["connected_ms"] / 1000),
        "in": _rate(peer, earlier, "bytes_in", seconds),
        "out": _rate(peer, earlier, "bytes_out", seconds),
        "final": (peer["final"] or {}).get("height"),
        "head": (peer["head"] or {}).get("height"),
        "agent": peer["agent"][:32],
    }


def picture_of_delegates(look: Look, before: Look | None) -> list[str]:
    delegates = look.answer["delegates"]
    earlier = {each["address"]: each for each in before.answer["delegates"]} if before is not None else {}
    total = sum(int(each["stake"]) for each in delegates) or 1
    rows = [_delegate_row(each, earlier.get(each["address"]), total) for each in delegates]
    active = sum(bool(each["active"]) for each in delegates)
    return [f"{active} active of {len(rows)} delegates", *_rows(rows, "no delegates")]


def _delegate_row(each: Json, earlier: Json | None, total: int) -> Mapping[str, object]:
    miss = each["last_miss"]
    return {
        "rank": each["rank"],
        "delegate": short(each["address"]),
        "stake": f"{100 * int(each['stake']) / total:.1f}%",
        "standing": each["standing"],
        "produced": _grown(each, earlier, "produced"),
        "missed": _grown(each, earlier, "missed"),
        "in a row": each["missed_in_row"],
        "voted in slot": each["last_ballot_slot"],
        "last miss": "-" if miss is None else f"{miss['slot']}: {miss['reason']}",
    }


def picture_of_mempool(look: Look, before: Look | None) -> list[str]:
    pool = look.answer
    change = pool["transactions"] - before.answer["transactions"] if before is not None else 0
    head = (
        f"{pool['transactions']:,} transactions ({change:+,}) of {pool['transactions_max']:,},"
        f" {size(pool['bytes'])} of {size(pool['bytes_max'])}; a fee of {pool['fee_per_byte_min']} a byte gets in"
    )
    return [head, *_rows([_waiting_row(item) for item in pool["items"]], "nothing waits")]


def _waiting_row(item: Json) -> Mapping[str, object]:
    return {
        "transaction": item["id"][:16],
        "sender": short(item["sender"]),
        "nonce": item["nonce"],
        "fee": item["fee"],
        "bytes": item["bytes"],
        "valid until": item["valid_until"],
        "does": ", ".join(action["kind"] for action in item["actions"]),
    }


def _rows(rows: Sequence[Mapping[str, object]], nothing: str) -> list[str]:
    return table(rows) if rows else [nothing]


def _grown(each: Json, earlier: Json | None, name: str) -> str:
    grown = each[name] - earlier[name] if earlier is not None else 0
    return f"{each[name]} (+{grown})" if grown else str(each[name])


def _rate(peer: Json, earlier: Json | None, name: str, seconds: float) -> str:
    """Unknown at the first look, and where the connection is a new one."""
    if earlier is None or seconds <= 0 or earlier["connected_ms"] != peer["connected_ms"]:
        return "-"
    return f"{size((peer[name] - earlier[name]) / seconds)}/s"


def short(address: str) -> str:
    return address if len(address) <= 18 else f"{address[:10]}..{address[-6:]}"


def size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1_000:
            return f"{count:.0f} {unit}"
        count /= 1_000
    return f"{count:.1f} GB"


def span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
