"""Connections to agencies: only to public addresses, and each only for a limited time.

A name is resolved once for a connection, its addresses are checked, and the connection goes to an
address that was checked: a name that means another address a moment later changes nothing. TLS
verifies the name.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import httpcore
import httpx

from echocast.service.fetching.errors import AddressRefused

NAT64 = ip_network("64:ff9b::/96")
ATTEMPT_SECONDS = 10.0  # of one address, where a name has several
Resolve = Callable[[str, int], Sequence[str]]


def addresses_of(host: str, port: int) -> list[str]:
    """The addresses that a name has now, each once."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def is_public(address: str) -> bool:
    """Whether an address is one of the internet: neither private nor loopback, nor of one link."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip.sixtofour or ip.teredo:
            return False  # tunnels, with another address inside
        if inner := ip.ipv4_mapped:
            return is_public(str(inner))
        if ip in NAT64:
            return is_public(str(ip_address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast


class Deadline:
    """When what is under way has to be over."""

    def __init__(self) -> None:
        self._end = float("inf")

    def begin(self, seconds: float) -> None:
        """From now on there are so many seconds."""
        self._end = time.monotonic() + seconds

    def left(self, timeout: float | None) -> float:
        """The timeout, or what is left where that is less.

        Raises:
            ReadTimeout: Nothing is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("it takes longer than all of an answer may")
        return left if timeout is None else min(left, timeout)


class CheckedBackend(httpcore.NetworkBackend):
    """Opens connections to addresses that were checked.

    Args:
        deadline: Of what is under way.
        resolve: Gives the addresses of a name.
        allow_private: Whether addresses may be of this machine and its network.
    """

    def __init__(self, deadline: Deadline, resolve: Resolve, *, allow_private: bool) -> None:
        self._deadline = deadline
        self._resolve = resolve
        self._allow_private = allow_private
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers.

        Raises:
            AddressRefused: None of the addresses is public.
            ConnectError: None answers.
        """
        trouble: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._checked(host, port):
            seconds = self._deadline.left(min(timeout or ATTEMPT_SECONDS, ATTEMPT_SECONDS))
            try:
                stream = self._sockets.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
                return TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble

    def _checked(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(
                f"the name {host} is not found: {error.strerror}"
            ) from error
        allowed = [a for a in addresses if self._allow_private or is_public(a)]
        if addresses and not allowed:
            raise AddressRefused(
                f"{host} has the address {addresses[0]}, which is not public; nothing is fetched"
                " from this machine or its network."
            )
        return allowed


class TimedStream(httpcore.NetworkStream):
    """A connection on which all together takes only until a deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes."""
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection with TLS, where the certificate is of that name."""
        seconds = self._deadline.left(timeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        return TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)


class CheckedTransport(httpx.HTTPTransport):
    """A transport of httpx over checked connections, one at a time.

    Args:
        backend: Opens them.
        context: Verifies certificates.
        proxy: Address of the proxy that connects in our place; empty: none.
    """

    def __init__(
        self, backend: httpcore.NetworkBackend, context: ssl.SSLContext, proxy: str = ""
    ) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool.close()
        common: dict[str, Any] = {
            "ssl_context": context,
            "max_connections": 1,
            "keepalive_expiry": 5.0,
            "network_backend": backend,
        }
        if proxy:
            known = httpx.Proxy(proxy)
            self._pool = httpcore.HTTPProxy(str(known.url), proxy_auth=known.raw_auth, **common)
        else:
            self._pool = httpcore.ConnectionPool(**common)
