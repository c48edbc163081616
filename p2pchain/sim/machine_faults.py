"""Faults of clocks, disks and processes: each plans, from its own chance, what will happen to which nodes and when."""

from __future__ import annotations

from p2pchain.sim.scene import Scene

HOUR_MS = 3_600_000


def drift(scene: Scene) -> None:
    """Every clock is off by up to a quarter of a slot and gains or loses up to two thousandths."""
    for node in scene.nodes:
        process, quarter = scene.processes[node], scene.slot_ms // 4
        process.set_clock(jump_ms=scene.chance.randint(-quarter, quarter), drift_ppm=scene.chance.randint(-2_000, 2_000))


def jump(scene: Scene) -> None:
    """Clocks of nodes that the network can do without jump, by a little or by an hour, and back."""
    for start, end in scene.episodes(12, 8):
        if not scene.weak:
            return
        process = scene.processes[scene.chance.choice(scene.weak)]
        by = scene.chance.choice((1, -1)) * scene.chance.choice((50, scene.slot_ms, 10 * scene.slot_ms, HOUR_MS))
        scene.agenda.at(start, process.jump_clock, by)
        if scene.chance.random() < 0.7:
            scene.agenda.at(end, process.jump_clock, -by)


def lose_unsynced(scene: Scene) -> None:
    """A crash may lose what was written and not synced."""
    for node in scene.nodes:
        scene.processes[node].disk.loses_unsynced = True


def torn_sign_state(scene: Scene) -> None:
    """A crash may tear the record of a signature that has not left."""
    for node in scene.nodes:
        scene.processes[node].disk.tears_sign_state = True


def slow_disk(scene: Scene) -> None:
    """Some disks take up to two slots to sync."""
    high = scene.chance.choice((20, 100, 400, 1_000))
    for node in scene.nodes:
        if scene.chance.random() < 0.5:
            scene.processes[node].disk.sync_ms = (1, high)


def crash(scene: Scene) -> None:
    """One node dies and is started again."""
    for start, end in scene.episodes(8, 6):
        process = scene.processes[scene.chance.choice(scene.nodes)]
        scene.agenda.at(start, process.crash)
        scene.agenda.at(end, process.start)


def restart_storm(scene: Scene) -> None:
    """Several nodes, or all, die again and again within a few slots."""
    for start, end in scene.episodes(25, 5):
        for node in scene.chance.sample(scene.nodes, scene.chance.randint(1, len(scene.nodes))):
            at = start + scene.chance.randint(0, scene.slot_ms)
            while at < end:
                scene.agenda.at(at, scene.processes[node].crash)
                at += scene.chance.randint(10, 2 * scene.slot_ms)
                scene.agenda.at(min(at, end), scene.processes[node].start)
                at += scene.chance.randint(10, 2 * scene.slot_ms)


def pause(scene: Scene) -> None:
    """A process stands still, as under SIGSTOP, and goes on as if nothing had been."""
    for start, end in scene.episodes(10, 4):
        process = scene.processes[scene.chance.choice(scene.nodes)]
        scene.agenda.at(start, process.pause)
        scene.agenda.at(end, process.resume)


def amnesia(scene: Scene) -> None:
    """A node that the network can do without loses the record of what it signed: it must stay silent for a while."""
    for start, end in scene.episodes(20, 4):
        if not scene.weak:
            return
        process = scene.processes[scene.chance.choice(scene.weak)]
        scene.agenda.at(start, process.crash)
        scene.agenda.at(start, process.lose_sign_state)
        scene.agenda.at(end, process.start)
