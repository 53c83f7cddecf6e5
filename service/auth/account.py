"""The account that a request is charged to, so that nobody's work makes others wait for long."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from echocast.service.auth.keys import Key

IPV6_CALLER_BITS = 64  # of an address: what one caller is given


@dataclass(frozen=True)
class Account:
    """Who pays for a request.

    Args:
        name: Of the key; without keys, the address of the client.
        key: The key, or None on a service without keys.
    """

    name: str = ""
    key: Key | None = None

    @property
    def weight(self) -> float:
        """The share of what all want, relative to the shares of others."""
        return self.key.weight if self.key else 1.0

    @classmethod
    def of(cls, key: Key | None, address: str) -> Account:
        """The account of a key, or of the address where there are no keys."""
        return cls(key.name, key) if key else cls(_network(address))


def _network(address: str) -> str:
    """The address; of IPv6 the part that tells callers apart."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    host_bits = 128 - IPV6_CALLER_BITS
    return str(IPv6Address(int(parsed) >> host_bits << host_bits))


NOBODY = Account()
current_account: ContextVar[Account] = ContextVar("current_account", default=NOBODY)
"""The account of the request that is being answered; tasks and threads inherit it."""
