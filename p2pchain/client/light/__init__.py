"""The light client: what is true of a network, from nodes that nobody trusts.

It trusts a genesis or one final block, and that fewer than a third of the delegates of each set are dishonest; of every
answer it believes what it can prove from there.  It holds a point (a final block and the set above it) and one answer at a
time, however long the chain is.
"""
