"""Every message of the wire, whatever messages there are: the tables of `wire.messages` and `tests.wire.samples` say."""

from __future__ import annotations

import re
from functools import partial

from p2pchain.chain.errors import Invalid
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import MESSAGES, Message
from tests.fuzz.bombs import BOMBS
from tests.fuzz.claims import is_canonical, read
from tests.fuzz.mutation.formats import mutate_msgpack
from tests.fuzz.target import Target
from tests.wire.samples import SAMPLES


def _check(kind: type[Message], data: bytes) -> str:
    message: Message | str = read(kind.decode, data, Invalid)
    if isinstance(message, str):
        return message
    is_canonical(message.encode(), data)
    encode_frame(message)
    assert kind.decode(data) == message, "decoding twice gives one message"
    return f"accepted {sum(bool(field) for field in message)}"


def _seeds(kind: type[Message]) -> tuple[bytes, ...]:
    return (*(sample.encode() for sample in SAMPLES if type(sample) is kind), *BOMBS)


def _target(kind: type[Message]) -> Target:
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__.removesuffix("Message")).lower()
    claims = f"a {kind.__name__} that encodes to the same bytes and fits a frame, or Invalid"
    return Target(f"message-{name}", claims, partial(_check, kind), partial(_seeds, kind), mutate_msgpack, min(kind.BYTES_MAX + 16, 4_096))


TARGETS = tuple(_target(kind) for kind in MESSAGES)
