"""The links to other nodes: listening, dialling, handshakes, and the one socket of each peer.

Decides which connections live (limits, duplicates, silence, slowness) and in which order queued frames leave; never
what a message means.  It knows the node through `node.ports.Inlet` alone, and the node knows it as `node.ports.Network`.

The keys of each handshake and the deadlines come from here; what is done with the bytes is `wire.secure_connection`'s.

    the operator's lists -> Dialler --+
    address book -> Outbound ---------+-> Session -> Room, Roster -> the node
         ^                                   |
         +------- Exchange <-----------------+
"""
