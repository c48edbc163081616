"""The golden vector of a link: a handshake with every key fixed, and records on both sides of a new key."""

from __future__ import annotations

from p2pchain.wire import messages as wire
from p2pchain.wire.channel import KEY_AGE_MS_MAX, KEY_RECORDS_MIN
from p2pchain.wire.errors import Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.handshake import Credentials, Handshake, make_credentials
from tests.vectors.showing import Json
from tests.vectors.world import CHAIN_ID, key, seed


def link_file() -> Json:
    dials, accepts = _end("node-1"), _end("node-2")
    dialler, acceptor = Handshake(dials, seed("node-1 ephemeral"), dials=True), Handshake(accepts, seed("node-2 ephemeral"), dials=False)
    first = dialler.take()
    acceptor.receive(first)
    second = acceptor.take()
    dialler.receive(second)
    third = dialler.take()
    acceptor.receive(third)
    assert dialler.channel is not None
    assert acceptor.channel is not None
    ping, goodbye = encode_frame(wire.Ping(7)), encode_frame(wire.Goodbye(Reason.SHUTTING_DOWN, "this node is stopping"))
    records = [("dialler", ping, dialler.channel.seal(ping, 0)), ("acceptor", goodbye, acceptor.channel.seal(goodbye, 0))]
    for _ in range(KEY_RECORDS_MIN - 1):
        dialler.channel.seal(b"\x00", 0)
    return {
        "protocol": wire.PROTOCOL_VERSION,
        "chain_id": CHAIN_ID.hex(),
        "preamble": dials.preamble.hex(),
        "prologue": dials.prologue.hex(),
        "dialler": _show_end("node-1", dials),
        "acceptor": _show_end("node-2", accepts),
        "flights": [flight.hex() for flight in (first, second, third)],
        "records": [{"from": name, "content": content.hex(), "record": record.hex()} for name, content, record in records],
        "new_key": {
            "from": "dialler",
            "records_before": KEY_RECORDS_MIN,
            "content": ping.hex(),
            "records": dialler.channel.seal(ping, KEY_AGE_MS_MAX).hex(),
        },
    }


def _end(name: str) -> Credentials:
    return make_credentials(key(name), CHAIN_ID, seed(f"{name} link"))


def _show_end(name: str, end: Credentials) -> Json:
    return {
        "node_seed": seed(name).hex(),
        "node_key": end.node_key.hex(),
        "link_secret": end.static.secret.hex(),
        "link_key": end.static.public.hex(),
        "ephemeral_secret": seed(f"{name} ephemeral").hex(),
        "signature": end.signature.hex(),
    }
