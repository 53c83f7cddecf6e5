"""Addresses of apprise: of its many kinds, those that reach one host, which is allowed.

Kinds that show something on this machine, run something, or reach a host that their address does
not name are no part of it. Neither are words of an address that make apprise read files, ask other
hosts, follow redirections or wait: the few that remain say who gets what.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from echocast.model.errors import ContractViolation, short
from echocast.service.errors import StartRefused

SECURE: Final = ("json", "xml", "form", "ntfy", "gotify", "hassio", "mmost", "mailto")
SCHEMES: Final = (*SECURE, *(f"{name}s" for name in SECURE))
WORDS: Final = frozenset(
    {"to", "from", "name", "cc", "bcc", "smtp", "mode", "user", "pass", "priority", "tags"}
    | {"click", "format", "method", "verify"}
)
HEADERS: Final = ("+", "-", ":")  # begin words that become headers, parameters, or members of JSON
MASK: Final = "****"
TIMEOUT_SECONDS: Final = 10.0
RULE: Final = "send-to"
TALKATIVE: Final = ("apprise", "urllib3")  # their lines may repeat addresses


def allowed_hosts(text: str) -> frozenset[str]:
    """The hosts of a setting, in lower case.

    Raises:
        StartRefused: One is none.
    """
    hosts = frozenset(filter(None, (host.strip().lower() for host in text.split(","))))
    for host in sorted(hosts):
        if set(host) & set("/@* ") or "://" in host:
            raise StartRefused(
                f"ECHOCAST_NOTIFY_HOSTS names hosts, separated by ',', without scheme and port, not"
                f" {short(host)!r}."
            )
    return hosts


def masked(address: str) -> str:
    """An address without what may be a secret of it."""
    try:
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.hostname or ''}/{MASK}"
    except ValueError:
        return MASK


def target(address: str, hosts: frozenset[str]) -> Any:
    """Where apprise sends what is sent to an address.

    Args:
        address: In the form of apprise.
        hosts: Those that may be reached.

    Raises:
        ContractViolation: It is none, or of a kind, with words or on a host that is not allowed.
            No sentence repeats more of it than scheme and host.
    """
    scheme = address.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise _refused(f"Messages go to addresses of the kinds {', '.join(SCHEMES)} alone.")
    if MASK in address:
        raise _refused("An address is masked, as answers show it: send the whole of it.")
    place = _instance(address)
    if place is None:
        raise _refused(f"An address of the kind {scheme} is none that apprise can send to.")
    _check_host(str(getattr(place, "smtp_host", "") or place.host or ""), scheme, hosts)
    place.redirects = False
    place.socket_connect_timeout = place.socket_read_timeout = TIMEOUT_SECONDS
    return place


def keep_secret() -> None:
    """Let no log of this process repeat addresses."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def send(address: str, hosts: frozenset[str], title: str, body: str) -> bool:
    """Send a message; whether it was accepted.

    Raises:
        ContractViolation: The address is not allowed.
    """
    return bool(target(address, hosts).notify(body=body, title=title))


def _check_host(host: str, scheme: str, hosts: frozenset[str]) -> None:
    if not host:
        raise _refused(f"An address of the kind {scheme} needs a host, and what it reaches there.")
    if host.lower().strip("[]") not in hosts:
        raise _refused(
            f"Messages may not be sent to {short(host)!r}: ECHOCAST_NOTIFY_HOSTS, which the"
            f" operator sets, allows {', '.join(sorted(hosts)) or 'no host'}."
        )


def _instance(address: str) -> Any:
    """What apprise makes of an address, as it reads the words itself; None: nothing."""
    with warnings.catch_warnings():  # of modules that apprise imports
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise
        from apprise.plugins import url_to_dict

        words = url_to_dict(address)  # type: ignore[no-untyped-call]
        if not words:
            return None
        _check_words(words.get("qsd") or {})
        return Apprise.instantiate(words, suppress_exceptions=True)


def _check_words(words: Iterable[str]) -> None:
    for word in words:
        if word.lower() not in WORDS and not word.startswith(HEADERS):
            raise _refused(
                f"After '?' an address may say {', '.join(sorted(WORDS))}, not {word[:20]!r}."
            )


def _refused(sentence: str) -> ContractViolation:
    return ContractViolation(sentence, rule=RULE)
