"""What encryption costs, in CPU of one core: `.venv/bin/python -m tests.net.figures`.  The best of five runs each."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from time import perf_counter, process_time

import trio
from nacl.signing import SigningKey

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import BlockId, ChainId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject
from p2pchain.net.link import Link
from p2pchain.net.settings import SEAL_BYTES
from p2pchain.wire.channel import SecureChannel
from p2pchain.wire.connection import Connection
from p2pchain.wire.framing import FrameReader, encode_frame
from p2pchain.wire.handshake import Handshake, make_credentials
from p2pchain.wire.messages import BY_TYPE, BallotMessage, BlockMessage, Hello, Tips
from p2pchain.wire.secure_connection import SecureConnection

CHAIN = ChainId(bytes(32))
ENDS = [make_credentials(KeySigner(SigningKey.generate()), CHAIN, secrets.token_bytes(32)) for _ in range(2)]
READ_BYTES = 65_536
"""What Trio reads at once."""
RUNS = 5
HANDSHAKES = 200
MIB = 1 << 20
SUBJECT = Subject(Slot(1), Height(1), BlockId(bytes(32)))
VOTE = encode_frame(BallotMessage(Ballot(Kind.VOTE, SUBJECT, PublicKey(bytes(32)), Signature(bytes(64)))))
HELLO = Hello("figures/1", 0, Tips(SUBJECT, SUBJECT))


def main() -> None:
    tell("handshake, CPU of the dialling side", f"{best(dialler_s) * 1e3:.2f} ms")
    tell("handshake, CPU of the accepting side", f"{best(acceptor_s) * 1e3:.2f} ms")
    tell("a stranger's first flight answered", f"{best(first_flight_s) * 1e3:.2f} ms")
    for name, frame, frames in (("frames of 64 KB", block(65_536), 1), ("frames of 200 bytes in batches of 64", block(200), 64)):
        batch = frame * frames
        for what, cost_s in (("sealed", seal_s), ("opened", open_s), ("opened and read as messages", receive_s), ("read in clear", read_s)):
            seconds = best(lambda cost_s=cost_s, batch=batch: cost_s(batch))  # type: ignore[misc]
            tell(f"{name}, {what}", f"{len(batch) / seconds / 1e6:,.0f} MB/s, {seconds / frames * 1e6:.1f} us a frame")
    seal, opening = best(lambda: seal_s(VOTE)), best(lambda: open_s(VOTE))
    tell(f"a vote of {len(VOTE)} bytes, sealed and opened", f"{(seal + opening) * 1e6:.1f} us more, 18 bytes more")
    clear, secure = best(lambda: trio.run(loopback_s, False)), best(lambda: trio.run(loopback_s, True))
    tell("a vote there and one back over loopback", f"{clear * 1e6:.0f} us in clear, {secure * 1e6:.0f} us encrypted")


def tell(what: str, figure: str) -> None:
    print(f"{what:<55} {figure}")  # noqa: T201


def best(cost_s: Callable[[], float]) -> float:
    return min(cost_s() for _ in range(RUNS))


def block(size: int) -> bytes:
    return encode_frame(BlockMessage(secrets.token_bytes(size)))


def ends() -> tuple[Handshake, Handshake]:
    return Handshake(ENDS[0], secrets.token_bytes(32), dials=True), Handshake(ENDS[1], secrets.token_bytes(32), dials=False)


def channels() -> tuple[SecureChannel, SecureChannel]:
    dialler, acceptor = ends()
    acceptor.receive(dialler.take())
    dialler.receive(acceptor.take())
    acceptor.receive(dialler.take())
    assert dialler.channel is not None
    assert acceptor.channel is not None
    return dialler.channel, acceptor.channel


# --- handshakes


def dialler_s() -> float:
    return handshake_s(is_dialler=True)


def acceptor_s() -> float:
    return handshake_s(is_dialler=False)


def handshake_s(*, is_dialler: bool) -> float:
    """Everything that one side does for one handshake."""
    spent = 0.0
    for _ in range(HANDSHAKES):
        before = process_time()
        dialler = Handshake(ENDS[0], secrets.token_bytes(32), dials=True)
        first = dialler.take()
        between = process_time()
        acceptor = Handshake(ENDS[1], secrets.token_bytes(32), dials=False)
        acceptor.receive(first)
        second = acceptor.take()
        then = process_time()
        dialler.receive(second)
        third = dialler.take()
        after = process_time()
        acceptor.receive(third)
        end = process_time()
        spent += (between - before + after - then) if is_dialler else (then - between + end - after)
    return spent / HANDSHAKES


def first_flight_s() -> float:
    first = ends()[0].take()
    before = process_time()
    for _ in range(HANDSHAKES):
        Handshake(ENDS[1], secrets.token_bytes(32), dials=False).receive(first)
    return (process_time() - before) / HANDSHAKES


# --- streams


def seal_s(batch: bytes) -> float:
    """As a session seals what it sends, for one batch."""
    channel, _ = channels()
    count = repeats(batch)
    before = process_time()
    for _ in range(count):
        for start in range(0, len(batch), SEAL_BYTES):
            channel.seal(batch[start : start + SEAL_BYTES], 0)
    return (process_time() - before) / count


def open_s(batch: bytes) -> float:
    sends, receives = channels()
    reads = cut(sends, batch)
    before = process_time()
    for data in reads:
        for _ in receives.open(data):
            pass
    return (process_time() - before) / repeats(batch)


def receive_s(batch: bytes) -> float:
    dialler, acceptor = ends()
    sends, receives = SecureConnection(dialler, Connection(HELLO)), SecureConnection(acceptor, Connection(HELLO))
    receives.shake_hands(sends.take())
    sends.shake_hands(receives.take())
    receives.shake_hands(sends.seal(encode_frame(HELLO), 0))
    list(receives.receive(b""))
    assert dialler.channel is not None
    reads = cut(dialler.channel, batch)
    before = process_time()
    for data in reads:
        for _ in receives.receive(data):
            pass
    return (process_time() - before) / repeats(batch)


def read_s(batch: bytes) -> float:
    """What the frames alone cost."""
    stream = batch * repeats(batch)
    reader, allowed = FrameReader(), frozenset(BY_TYPE)
    before = process_time()
    for start in range(0, len(stream), READ_BYTES):
        reader.feed(stream[start : start + READ_BYTES])
        while reader.next_message(allowed) is not None:
            pass
    return (process_time() - before) / repeats(batch)


def repeats(batch: bytes) -> int:
    return max(1, 32 * MIB // len(batch)) if len(batch) > 1_000 else 20_000


def cut(sends: SecureChannel, batch: bytes) -> list[bytes]:
    stream = b"".join(sends.seal(batch, 0) for _ in range(repeats(batch)))
    return [stream[start : start + READ_BYTES] for start in range(0, len(stream), READ_BYTES)]


# --- a vote there and back


async def loopback_s(is_secure: bool) -> float:  # noqa: FBT001  (trio.run passes no keywords)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    ours = Link(await trio.open_tcp_stream(*listener.socket.getsockname()[:2]))
    theirs = Link(await listener.accept())
    near, far = channels() if is_secure else (None, None)
    rounds = 2_000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo, theirs, far, rounds)
        before = perf_counter()
        for _ in range(rounds):
            await say(ours, near, VOTE)
            await hear(ours, near)
        spent = perf_counter() - before
    for link in (ours, theirs):
        await link.close()
    await listener.aclose()
    return spent / rounds


async def echo(link: Link, channel: SecureChannel | None, rounds: int) -> None:
    for _ in range(rounds):
        await say(link, channel, await hear(link, channel))


async def say(link: Link, channel: SecureChannel | None, frame: bytes) -> None:
    await link.send(frame if channel is None else channel.seal(frame, 0))


async def hear(link: Link, channel: SecureChannel | None) -> bytes:
    data = b""
    while len(data) < len(VOTE):
        received = await link.receive()
        data += received if channel is None else b"".join(channel.open(received))
    return data


if __name__ == "__main__":
    main()
