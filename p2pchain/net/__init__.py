"""The links to other nodes: listening, dialling, handshakes, and the one socket of each peer.

Decides which connections live (limits, duplicates, silence, slowness) and in which order queued frames leave; never
what a message means.  It knows the node through `node.ports.Inlet` alone, and the node knows it as `node.ports.Network`.

Places that are kept free:

- Encryption and proof of identity lie between frames and socket: a `trio.abc.HalfCloseableStream` around the socket's
  stream (as `trio.SSLStream` is one), put in where `network` wraps a fresh stream in a `Link`; nothing else changes.
- The address book and peer exchange are a source of addresses for `Dialler` and a consumer of `peers()`; today's
  sources are the two lists of the settings.
"""
