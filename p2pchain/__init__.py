"""p2pchain: a ledger that organisations which do not fully trust each other share, one service each.

The house has a pure core and a shell. `chain` holds the rules, `wire` the language, `node` the
decisions: pure functions over time that touch no clock, disk, socket or randomness. `storage`, `net`,
`api` and `runtime` are the shell around them, `daemon` wires everything in one place, `cli` is the
operator's way in and `client` the application's. Dependencies point one way only, and the test
command enforces it.
"""

__version__ = "0.1.0"
