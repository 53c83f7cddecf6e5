"""Where a gateway listens."""

from __future__ import annotations

import socket

from echocast.service.errors import StartRefused


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        StartRefused: The address cannot be had.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise StartRefused(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
    listener.set_inheritable(True)
    return listener
