"""New wishes of the operator, while the links stand."""

from __future__ import annotations

from dataclasses import replace

import trio

from p2pchain.wire.errors import Reason
from tests.net.fakes import Node, World, key_of


def change(node: Node, **changes: object) -> None:
    node.network.adopt(replace(node.settings, **changes))  # type: ignore[arg-type]


async def test_an_address_that_is_new_is_dialled_and_one_that_is_gone_is_not_dialled_again(world: World) -> None:
    a, b, c = await world.start(1), await world.start(2), await world.start(3)
    change(a, persistent_peers=(b.address,))
    await b.joined()
    change(a, persistent_peers=(c.address,))
    await c.joined()
    await a.joined(2)  # the connection itself harms nobody
    await b.stop()
    await a.joined(1)
    again = await world.start(2, listen=b.address)
    await c.stop()
    back = await world.start(3, listen=c.address)
    await back.joined()
    assert again.inlet.joined == {}, "it is not on the list any more"


async def test_a_seed_that_becomes_persistent_and_one_named_twice_are_dialled_once(world: World) -> None:
    a, b = await world.start(1), await world.start(2)
    change(a, seeds=(b.address,))
    await b.joined()
    change(a, seeds=(b.address,), persistent_peers=(b.address,))
    change(a, seeds=(), persistent_peers=(b.address,))
    await b.joined()
    await a.joined()


async def test_whoever_is_not_allowed_any_more_is_told_goodbye_and_the_others_stay(world: World) -> None:
    a = await world.start(1)
    b, c = await world.start(2, persistent_peers=(a.address,)), await world.start(3, persistent_peers=(a.address,))
    await a.joined(2)
    change(a, allowed_peers=(key_of(2),))
    await a.joined(1)
    await c.joined(0)
    await b.joined(1)
    await world.until(lambda: [refusal.reason for refusal in c.network.refusals()][-1:] == [Reason.NOT_ALLOWED.name.lower()])
    change(a)
    await a.joined(2)


async def test_with_fewer_places_the_newest_go_and_with_more_they_come_back(world: World) -> None:
    a = await world.start(1)
    b = await world.start(2, persistent_peers=(a.address,))
    await b.joined()
    c = await world.start(3, persistent_peers=(a.address,))
    await c.joined()
    await a.joined(2)
    change(a, peers_in_max=1)
    await c.joined(0)
    await b.joined(1)
    change(a, peers_in_max=1, unconditional_peers=(key_of(3),))
    await c.joined(1)


async def test_of_outbound_peers_those_go_that_are_not_persistent(world: World) -> None:
    a, b, c = await world.start(1), await world.start(2), await world.start(3)
    change(a, seeds=(b.address,))
    await b.joined()
    change(a, seeds=(b.address,), persistent_peers=(c.address,))
    await a.joined(2)
    change(a, seeds=(b.address,), persistent_peers=(c.address,), peers_out_max=1)
    await b.joined(0)
    await c.joined(1)


async def test_a_node_whose_lists_change_before_it_starts_reads_the_new_ones(world: World, nursery: trio.Nursery) -> None:
    b = await world.start(2)
    a = world.make(1)
    change(a, persistent_peers=(b.address,))
    await nursery.start(a.run)
    await b.joined()
