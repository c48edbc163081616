"""One attempt to reach an address: resolve its name anew, then try what it stands for, all within one deadline."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import trio

from p2pchain.net.endpoint import Endpoint
from p2pchain.net.errors import Unreachable
from p2pchain.net.settings import CONNECT_S

_HOSTS_MAX = 4
"""Addresses of one name that are tried in one attempt."""
SEED_HOSTS_MAX = 16
"""Addresses of one seed's name that are dialled side by side."""


async def connect(endpoint: Endpoint, resolving: trio.CapacityLimiter) -> trio.SocketStream:
    """A fresh stream; `Unreachable` with the reason in one line.

    `resolving` bounds the threads that wait for the resolver.  They are abandoned at the deadline and keep their
    place until they end, so they have places of their own: a dead resolver must not use up the threads of others.
    """
    with _unreachable_named():
        found = await _resolve(endpoint, resolving)
        return await _try_each(found[:_HOSTS_MAX], endpoint.port)


@contextmanager
def _unreachable_named() -> Iterator[None]:
    """One deadline for all of it, and one name for all that may happen."""
    try:
        with trio.fail_after(CONNECT_S):
            yield
    except trio.TooSlowError:
        raise Unreachable(f"no answer within {CONNECT_S:.0f} s") from None
    except UnicodeError:
        raise Unreachable("not a host name") from None
    except OSError as error:
        raise Unreachable(_innermost(error)) from error


async def resolve(endpoint: Endpoint, resolving: trio.CapacityLimiter) -> list[str]:
    """All addresses of a name, asked now; `Unreachable` where there are none."""
    with _unreachable_named():
        return await _resolve(endpoint, resolving)


def is_address(host: str) -> bool:
    """Whether it needs no resolving."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _resolve(endpoint: Endpoint, resolving: trio.CapacityLimiter) -> list[str]:
    if is_address(endpoint.host):
        return [str(ip_address(endpoint.host))]
    found = await trio.to_thread.run_sync(_look_up, endpoint, abandon_on_cancel=True, limiter=resolving)
    return list(dict.fromkeys(found))


def _look_up(endpoint: Endpoint) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)]


def _innermost(error: OSError) -> str:
    """Trio tells that all attempts failed, and beneath it why each of them did."""
    if isinstance(error.__cause__, ExceptionGroup):
        (error, *_) = (cause for cause in error.__cause__.exceptions if isinstance(cause, OSError))
    number = error.errno or 0
    return os.strerror(number) if number in errno.errorcode else error.strerror or str(error)


async def _try_each(hosts: list[str], port: int) -> trio.SocketStream:
    *others, last = hosts
    for host in others:
        # a host that swallows packets must not use up the time of the next one
        with trio.move_on_after(CONNECT_S / len(hosts)):
            try:
                return await trio.open_tcp_stream(host, port)
            except OSError:
                continue
    return await trio.open_tcp_stream(last, port)
