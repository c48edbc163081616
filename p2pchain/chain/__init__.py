"""The rules of the ledger and of consensus, as pure functions over values.

Decides what a transaction, a block, a vote and a certificate are, when each is valid, what a block does to the
state, who may produce in which slot, and when a block is certified and final.  Never reads a clock, a socket, a
file or a random source, never logs: everything it needs is an argument, everything it finds out is a return value
or an error of `p2pchain.chain.errors`.
"""
