"""Judges outside of the engine, a few lines each, named after the invariants that they check.

A checker looks at what honest nodes decided, signed, stored and told; it shares no code with the rule that it checks,
where that can be.  It never changes the run, and a violation never ends it.
"""
