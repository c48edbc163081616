"""Attacks on a real link layer in this process, and on servers that do not behave: those must be found out."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from p2pchain.badpeers import witness
from p2pchain.badpeers.answers import Silent
from p2pchain.badpeers.attack import Attack, JoinedAttack
from p2pchain.badpeers.campaign import Report, Size, run_campaign
from p2pchain.badpeers.catalogue import CATALOGUE
from p2pchain.badpeers.peer import BadPeer
from p2pchain.badpeers.targets import Target
from p2pchain.badpeers.witness import NoWitness
from p2pchain.config import split_endpoint
from p2pchain.wire.errors import Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import Goodbye, Hello, Ping, Pong
from tests.net.fakes import CHAIN, Stranger, World, handshake_of, hello_of

AT_ONCE = [name for name, attack in CATALOGUE.items() if attack.FAULT in ("F17", "F18") and attack.LEAST_S == 0]
"""Provable lies.  Those that only a node with a chain can judge need one: see `tests/e2e/test_attacks.py`."""
NEEDS_A_CHAIN = {"bad-signature", "forged-voice", "no-such-thing", "block-of-a-stranger"}
SECONDS = 20.0


async def attacked(attack: Attack, target: Target, seconds: float = SECONDS, connections: int | None = None) -> Report:
    return await run_campaign(attack, target, CHAIN, Size(seconds, connections or attack.CONNECTIONS))


@pytest.fixture
async def world(nursery: trio.Nursery) -> World:
    return World(nursery)


@pytest.mark.parametrize("name", [name for name in AT_ONCE if name not in NEEDS_A_CHAIN | {"bomb"}])
async def test_the_link_layer_behaves_under(world: World, name: str) -> None:
    node = await world.start(1)
    report = await attacked(CATALOGUE[name](), Target(*split_endpoint(node.address)))
    assert report.findings == []
    assert sum(count.times for count in report.counts.values()) == report.size.connections


Behave = Callable[[Stranger], Awaitable[None]]


@asynccontextmanager
async def server(after_hello: Behave) -> AsyncIterator[Target]:
    """Accepts, shakes hands, says hello, and does as it pleases; with a witness, which comes first, it is always honest."""
    seen: list[int] = []

    async def serve(stream: trio.SocketStream) -> None:
        end = Stranger(stream, handshake_of(3, dials=False), hello_of(3))
        seen.append(1)
        is_witness = len(seen) == 1
        while not end.secure.is_secure:
            end.secure.shake_hands(await end._receive())
            if not end.secure.is_secure:
                await stream.send_all(end.secure.take())
        end._heard = end.secure.receive(b"")
        assert isinstance(await end.hear(), Hello)
        await end.send(end.connection.greeting())
        await (be_honest(end) if is_witness else after_hello(end))

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield Target(*listeners[0].socket.getsockname()[:2])
        nursery.cancel_scope.cancel()


async def be_honest(end: Stranger) -> None:
    while data := await end.stream.receive_some():
        for each in end.secure.receive(bytes(data)):
            if isinstance(each, Ping):
                await end.say(Pong(each.token))


async def shrug(_end: Stranger) -> None:
    await trio.sleep_forever()


async def blame_wrongly(end: Stranger) -> None:
    await end.send(encode_frame(Goodbye(int(Reason.TOO_SLOW), "you are slow")))
    await trio.sleep_forever()


async def talk_nonsense(end: Stranger) -> None:
    await end.stream.send_all(bytes(100))
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("behaviour", "wanted"),
    [
        (shrug, "ended with held (until the time was over), wanted protocol_violation"),
        (blame_wrongly, "ended with too_slow (you are slow), wanted protocol_violation"),
        (talk_nonsense, "ended with broke_rules"),
    ],
)
async def test_a_server_that_does_not_behave_is_found_out(behaviour: Behave, wanted: str) -> None:
    async with server(behaviour) as target:
        report = await attacked(CATALOGUE["second-hello"](), target, seconds=1.0, connections=1)
    (finding,) = report.findings
    assert wanted in finding


async def test_who_does_not_speak_the_language_is_not_attacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "MEET_S", 0.5)

    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(partial(trio.serve_tcp, hang_up, 0, host="127.0.0.1"))
        with pytest.raises(NoWitness, match=r"an honest peer cannot join within 0\.5 s: closed"):
            await attacked(CATALOGUE["garbage"](), Target(*listeners[0].socket.getsockname()[:2]))
        nursery.cancel_scope.cancel()


async def test_a_node_that_stops_answering_honest_peers_is_found_out(world: World) -> None:
    node = await world.start(1)

    class StopsTheNode(JoinedAttack):
        NAME, SUMMARY, FAULT = "stops-the-node", "in its own process", "F19"
        ANSWERS = frozenset({*Reason, Silent.CLOSED, Silent.HELD})

        async def strike(self, peer: BadPeer) -> None:
            assert peer.ending is None
            await node.stop()

    report = await attacked(StopsTheNode(), Target(*split_endpoint(node.address)), connections=1)
    (finding,) = report.findings
    assert finding == "an honest peer lost its connection: shutting_down (this node is stopping)"
