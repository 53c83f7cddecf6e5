"""Addresses on which a process of the service listens, and free ones."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from echocast.service.errors import StartRefused

FREE_PORT_ATTEMPTS = 20


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        StartRefused: The address cannot be bound.
    """
    try:
        with ExitStack() as undone:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listener = undone.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            undone.pop_all()
    except OSError as error:
        raise StartRefused(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
    return listener


@contextmanager
def reserved_ports(addresses: Iterable[tuple[str, int]]) -> Iterator[None]:
    """Keep ports from other programs, and for processes of ours that listen on them later.

    They are bound and nobody listens: Linux gives such a port to no other program that asks for any
    one or connects, and to :func:`bound_socket` whenever it asks. Other systems would refuse us,
    too; there nothing is kept.

    Args:
        addresses: Host and port of each.

    Raises:
        StartRefused: One is taken.
    """
    with ExitStack() as listeners:
        for host, port in addresses if sys.platform == "linux" else ():
            listeners.enter_context(bound_socket(host, port))
        yield


def url_of(host: str, port: int) -> str:
    """Base URL of a gateway, as a caller on this machine writes it."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def free_port(host: str, in_a_row: int = 1) -> int:
    """A TCP port that is free now, and so are the next ones.

    Raises:
        StartRefused: The host is not ours, or no such ports were found.
    """
    for _ in range(FREE_PORT_ATTEMPTS):
        with ExitStack() as listeners:
            port: int = listeners.enter_context(bound_socket(host, 0)).getsockname()[1]
            with suppress(StartRefused, OverflowError):
                for following in reversed(range(port + 1, port + in_a_row)):  # the last may be none
                    listeners.enter_context(bound_socket(host, following))
                return port
    raise StartRefused(f"No {in_a_row} free TCP ports in a row were found on {host}.")
