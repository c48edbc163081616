"""Whole networks of the real engine in one process, without Trio, sockets, disks or clocks.

A seed makes a world: its nodes, its links, its faults and its traffic.  Everything that a node decides is decided by
`node.engine` over real bytes; the simulator only plays what lies outside of it.  The same seed gives the same world,
event by event, which the trace hash shows.  Checkers outside of the engine judge each run.

It imports the pure packages alone.  Chance comes from `random.Random` instances that are seeded from the seed, one for
each concern; time is what the agenda says; nothing is read, written or printed here.
"""
