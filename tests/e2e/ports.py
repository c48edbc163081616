from contextlib import ExitStack

from p2pchain.cli.testnet.ports import reserve_ports


def free_port() -> int:
    """A port of loopback that is free now, outside of the range that the system gives to outgoing connections."""
    with ExitStack() as stack:
        return reserve_ports(1, stack)[0]
