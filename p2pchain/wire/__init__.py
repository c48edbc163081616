"""The language that nodes speak, without any I/O: messages, frames, the encrypted channel, the state of one connection.

Bytes go in, messages and errors come out.  Decides what is well-formed, when it may be said, and who is at the other end
(the one signature that is checked here); never what is done about it, and never whether a block or ballot is right.

    noise -> channel -> handshake -----+
                                       +-> secure_connection: what a socket carries
    messages -> framing -> connection -+
"""
