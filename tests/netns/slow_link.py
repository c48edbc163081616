"""A TCP link with a delay, a bandwidth and faults: a proxy before a node.

    python -m tests.netns.slow_link LISTEN:PORT TO:PORT      a JSON object a line sets `Line`; each is echoed

Each direction holds back every chunk for `delay_ms`, in order, and lets `bytes_per_s` through.  While it is stalled
nothing passes and nothing is lost; a cut ends the connections that there are and refuses new ones.
"""

import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import trio

from p2pchain.net.endpoint import parse_endpoint

CHUNK_BYTES = 16 * 1024
UNDER_WAY_BYTES = 4 << 20
"""What one direction holds at most: 1 s of delay at 4 MB/s.  Then it reads no more, as a real line's sender has to wait."""


@dataclass(frozen=True)
class Line:
    delay_ms: float = 0.0
    """One way."""
    bytes_per_s: float | None = None
    """None: unlimited."""
    is_stalled: bool = False
    is_cut: bool = False


class SlowLink:
    def __init__(self, line: Line, connect: Callable[[], Awaitable[trio.abc.HalfCloseableStream]]) -> None:
        self._line = line
        self._connect = connect
        self._changed = trio.Event()
        self._scopes: set[trio.CancelScope] = set()

    def change(self, line: Line) -> None:
        """From now on, also for what is under way: only its delay was decided before."""
        self._line = line
        self._changed.set()
        self._changed = trio.Event()
        if line.is_cut:
            for scope in self._scopes:
                scope.cancel()

    async def carry(self, near: trio.abc.HalfCloseableStream) -> None:
        """One connection until its end."""
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                if not self._line.is_cut:
                    await self._carry(near)
            except OSError:
                pass  # nobody listens behind the link
            finally:
                self._scopes.discard(scope)
                await trio.aclose_forcefully(near)

    async def _carry(self, near: trio.abc.HalfCloseableStream) -> None:
        far = await self._connect()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on, near, far, nursery.cancel_scope)
                nursery.start_soon(self._pass_on, far, near, nursery.cancel_scope)
        finally:
            await trio.aclose_forcefully(far)

    async def _pass_on(self, source: trio.abc.ReceiveStream, sink: trio.abc.HalfCloseableStream, over: trio.CancelScope) -> None:
        send, receive = trio.open_memory_channel[tuple[float, bytes]](UNDER_WAY_BYTES // CHUNK_BYTES)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._take_in, source, send)
                await self._let_out(receive, sink)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            over.cancel()  # reset: for both directions

    async def _take_in(self, source: trio.abc.ReceiveStream, send: trio.MemorySendChannel[tuple[float, bytes]]) -> None:
        with send:
            free_s = 0.0
            while data := await source.receive_some(CHUNK_BYTES):
                line = self._line
                free_s = max(free_s, trio.current_time()) + (len(data) / line.bytes_per_s if line.bytes_per_s else 0.0)
                await send.send((free_s + line.delay_ms / 1000, bytes(data)))

    async def _let_out(self, receive: trio.MemoryReceiveChannel[tuple[float, bytes]], sink: trio.abc.HalfCloseableStream) -> None:
        async for due_s, data in receive:
            await trio.sleep_until(due_s)
            while self._line.is_stalled:
                await self._changed.wait()
            await sink.send_all(data)
        await sink.send_eof()


async def serve(listen: str, to: str) -> None:
    far, near = parse_endpoint(to), parse_endpoint(listen)
    link = SlowLink(Line(), partial(trio.open_tcp_stream, far.host, far.port))
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_tcp, link.carry, near.port, host=near.host))
        nursery.start_soon(_take_orders, link, nursery.cancel_scope)


async def _take_orders(link: SlowLink, over: trio.CancelScope) -> None:
    line = Line()
    async for text in trio.wrap_file(sys.stdin):
        line = replace(line, **json.loads(text))
        link.change(line)
        sys.stdout.write(text)
        sys.stdout.flush()
    over.cancel()


if __name__ == "__main__":
    trio.run(serve, sys.argv[1], sys.argv[2])
