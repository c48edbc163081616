"""Faults of links: each plans, from its own chance, what will happen to which links and when."""

from __future__ import annotations

from p2pchain.sim.scene import Scene


def delay(scene: Scene) -> None:
    """Some directions are slow: up to several slots."""
    high = scene.chance.choice((50, 200, 400, 1_000, 3_000))
    share = scene.chance.random()
    slow = [lane for lane in scene.lanes() if scene.chance.random() < share]
    for lane in slow:
        lane.delay_ms = (1, high)


def loss(scene: Scene) -> None:
    """Frames vanish, on each direction at a rate of its own: who hears little decides what others never learn."""
    rates = scene.chance.choice(((0.01, 0.05), (0.05, 0.15, 0.3), (0.0, 0.0, 0.1, 0.5, 0.8)))
    for lane in scene.lanes():
        lane.loss = scene.chance.choice(rates)


def duplicate(scene: Scene) -> None:
    """Frames come twice."""
    rate = scene.chance.choice((0.05, 0.3))
    for lane in scene.lanes():
        lane.duplicate = rate


def reorder(scene: Scene) -> None:
    """Frames overtake one another."""
    rate = scene.chance.choice((0.1, 0.5, 1.0))
    for lane in scene.lanes():
        lane.reorder = rate


def bandwidth(scene: Scene) -> None:
    """Some directions carry few bytes a second."""
    rate = scene.chance.choice((5_000, 20_000, 100_000))
    for lane in scene.lanes():
        if scene.chance.random() < 0.5:
            lane.bytes_per_s = rate


def partition(scene: Scene) -> None:
    """Two sides that hear nothing of each other."""
    for cause, (start, end) in enumerate(scene.episodes(15, 8)):
        side = _side(scene)
        rest = [node for node in scene.everybody() if node not in side]
        ways = [way for a in side for b in rest for way in ((a, b), (b, a))]
        scene.cut(ways, start, end, _cause("partition", cause))


def oneway(scene: Scene) -> None:
    """One side is heard by the other and hears nothing."""
    for cause, (start, end) in enumerate(scene.episodes(15, 8)):
        side = _side(scene)
        rest = [node for node in scene.everybody() if node not in side]
        scene.cut([(a, b) for a in side for b in rest], start, end, _cause("oneway", cause))


def bridge(scene: Scene) -> None:
    """Two sides with one node that hears both."""
    for cause, (start, end) in enumerate(scene.episodes(20, 10)):
        side = _side(scene)
        rest = [node for node in scene.everybody() if node not in side]
        both = scene.chance.choice(rest) if rest else -1
        ways = [way for a in side for b in rest if b != both for way in ((a, b), (b, a))]
        scene.cut(ways, start, end, _cause("bridge", cause))


def blink(scene: Scene) -> None:
    """A few directions are dead for a part of a slot, again and again: one message reaches some, the next one others."""
    struck = set(scene.nodes)
    ways = [way for way in scene.links.lanes if struck & set(way)]
    at, number = scene.start_ms, 0
    while ways and at < scene.end_ms:
        end = min(at + scene.chance.randint(5, scene.slot_ms), scene.end_ms)
        scene.cut(scene.chance.sample(ways, scene.chance.randint(1, len(ways))), at, end, _cause("blink", number))
        at, number = at + scene.chance.randint(5, 2 * scene.slot_ms), number + 1


def favour(scene: Scene) -> None:
    """In many slots one node hears nothing, and from some moment on one other alone hears the rest: what quorums fear most."""
    struck = set(scene.nodes)
    ways = [way for way in scene.links.lanes if struck & set(way)]
    for number, start in enumerate(range(scene.start_ms, scene.end_ms, scene.slot_ms)):
        deaf, favoured = scene.chance.sample(scene.everybody(), 2) if len(scene.processes) > 1 else (0, 0)
        moment = start + scene.chance.randint(5, scene.slot_ms // 3)
        if ways and scene.chance.random() < 0.5:
            end = start + scene.slot_ms
            scene.cut([way for way in ways if way[1] == deaf], start, end, _cause("favour", 2 * number))
            scene.cut([way for way in ways if way[1] != favoured], moment, end, _cause("favour", 2 * number + 1))


def flap(scene: Scene) -> None:
    """A connection that breaks again and again."""
    struck = set(scene.nodes)
    pairs = [pair for pair in scene.links.pairs if struck & set(pair)]
    for start, end in scene.episodes(10, 6):
        if not pairs:
            return
        low, high = scene.chance.choice(pairs)
        at = start
        while at < end:
            scene.agenda.at(at, _break, scene, low, high)
            at += scene.chance.randint(200, 3_000)


def _break(scene: Scene, low: int, high: int) -> None:
    connection = scene.links.connection(low, high)
    if connection is not None:
        scene.links.close(connection)


def _side(scene: Scene) -> list[int]:
    most = max(1, min(len(scene.nodes), len(scene.everybody()) - 1))
    return sorted(scene.chance.sample(scene.nodes, scene.chance.randint(1, most)))


_KINDS = {"partition": 0, "oneway": 1, "bridge": 2, "blink": 3, "favour": 4}


def _cause(kind: str, number: int) -> int:
    """A number that no other cut has."""
    return number * len(_KINDS) + _KINDS[kind]
