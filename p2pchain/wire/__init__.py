"""The language that nodes speak, without any I/O: messages, frames, the handshake, the state of one connection.

Bytes go in, messages and errors come out.  Decides what is well-formed and when it may be said; never what is done
about it, and never whether a signature is right.
"""
