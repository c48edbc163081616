"""Bad peers: nodes that speak the true language, up to the point where they do not.

For our tests and for whoever runs a network and wants to see how it bears the worst (`p2pchain attack`).  An attack is a
class that says what it does and what a node must answer; the rest is shared.  It knows the rules and the language and
nothing of a node: what it finds, it finds on a real socket.

    targets   which address may be attacked: this machine and private networks, unless told otherwise in words
    peer      one link, with its handshake, frame by frame or byte by byte
    attack    what an attack is, and what counts as a right answer
    campaign  some links of one attack at once, bounded in time and count, beside an honest witness
    catalogue all of them, by name

The simulator's dishonest delegates (`sim.byzantine`) are another thing: they lie with the key of a delegate, inside the engine.
These have no key that anybody knows.
"""
