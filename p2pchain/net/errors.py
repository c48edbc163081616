"""What goes wrong at the edge of the machine, named by what it means here.  Foreign errors are mapped to these, once."""


class ListenError(Exception):
    """The node cannot accept connections at the address it was told to; one line that says what to do."""


class LinkLost(Exception):  # noqa: N818  (a lost link is an event of every day)
    """The link to a peer is gone: closed, reset, or never there."""


class Unreachable(Exception):  # noqa: N818  (as above)
    """No connection to an address came about."""
