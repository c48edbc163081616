"""The decisions of a node as a pure function over time: `engine.handle(event, now) -> effects`.

One writer, one import path, one place where time enters.  Never awaits, never sends, never stores: it says what is to
be stored, signed, sent, answered and published, in that order, and the shell does it.
"""
