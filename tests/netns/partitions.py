"""F11 on real machines: cut after cut among four delegates, healed each time, and what must hold checked.

    .venv/bin/python -m tests.netns.partitions [--rounds 20] [--seed 1]

The seed draws the cuts: one machine deaf, dumb or both; two halves; a bridge that alone hears everybody; flapping; loss of 5 to 40 of a
hundred packets.  After each: one block at the greatest height that all have final (S1), final blocks again, and how long
that took (L2: 10 slots, and what TCP takes to send again).
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import click

from tests.e2e.load import quantile
from tests.e2e.waiting import never_within, wait_until
from tests.netns.abilities import why_no_filters
from tests.netns.lab import Machine
from tests.netns.nodes import Scene, scene

HELD_S = (1.0, 4.0)
HEALED_S = 60.0
Cut = Callable[[Scene, Random, list[Machine]], None]


def deaf(_scene: Scene, _random: Random, machines: list[Machine]) -> None:
    machines[0].drop_from(*machines[1:])


def dumb(_scene: Scene, _random: Random, machines: list[Machine]) -> None:
    for other in machines[1:]:
        other.drop_from(machines[0])


def alone(found: Scene, _random: Random, machines: list[Machine]) -> None:
    found.lab.partition(machines[:1], machines[1:])


def halves(found: Scene, _random: Random, machines: list[Machine]) -> None:
    found.lab.partition(machines[:2], machines[2:])


def bridge(found: Scene, _random: Random, machines: list[Machine]) -> None:
    found.lab.partition(machines[1:2], machines[2:])


def flapping(found: Scene, random: Random, machines: list[Machine]) -> None:
    for _ in range(4):
        halves(found, random, machines)
        hold(random.uniform(0.1, 0.6))
        found.lab.heal()
        hold(random.uniform(0.1, 0.6))


def loss(_scene: Scene, random: Random, machines: list[Machine]) -> None:
    for machine in machines:
        machine.lose(random.randint(5, 40))


CUTS: tuple[Cut, ...] = (deaf, dumb, alone, halves, bridge, flapping, loss)


def hold(seconds: float) -> None:
    never_within(lambda: False, seconds, "")


@click.command()
@click.option("--rounds", default=20, show_default=True, help="How many cuts.")
@click.option("--seed", default=1, show_default=True, help="Draws them.")
def main(rounds: int, seed: int) -> None:
    """Cut and heal a network of four machines."""
    if (why := why_no_filters()) is not None:
        raise click.ClickException(why)
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder)) as found:
        found.add_delegates(4)
        found.start_all()
        times = [play(found, Random(f"{seed}/{number}")) for number in range(rounds)]
    ascending = sorted(times)
    click.echo(
        f"{rounds} cuts: one chain; a new final block on every node after p50 {quantile(ascending, 0.5):.1f} s,"
        f" p90 {quantile(ascending, 0.9):.1f} s, at most {ascending[-1]:.1f} s"
    )


def play(found: Scene, random: Random) -> float:
    """One cut; the seconds from its healing until every node has a new final block."""
    nodes = list(found.nodes.values())
    machines = random.sample([node.machine for node in nodes], len(nodes))
    cut = random.choice(CUTS)
    cut(found, random, machines)
    hold(random.uniform(*HELD_S))
    found.lab.heal()
    began, reached = time.monotonic(), max(node.final() for node in nodes)
    wait_until(lambda: min(node.final() for node in nodes) > reached, HEALED_S, f"new final blocks after {cut.__name__}")
    took = time.monotonic() - began
    found.agree(*found.nodes)
    click.echo(f"{cut.__name__:<10}{took:5.1f} s, final height {nodes[0].final()}")
    return took


if __name__ == "__main__":
    main()
