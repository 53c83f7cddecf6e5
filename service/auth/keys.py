"""API keys: who may do what.

A key is stored as its SHA-256 only. Scopes are ordered: ``read`` < ``submit`` < ``admin``; each
includes those before it. Options after the name bind a key or give it a larger share.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echocast.service.errors import MissingKey, MissingScope, StartRefused

if TYPE_CHECKING:
    from echocast.service.settings import ServiceSettings
    from echocast.workers.jobs.job import Job

SCOPES = ("read", "submit", "admin")
MOST_WEIGHT = 100
SHA256 = re.compile(r"[0-9a-f]{64}")


OPTION = re.compile("(jobs|streams|weight)=")
WRITTEN = "'<sha256 hex> <read|submit|admin> <name> [jobs=own] [streams=a,b] [weight=2]'"


@dataclass(frozen=True)
class Key:
    """One key: the hash of its secret, what it may do, and a name for the log.

    Args:
        sha256: Of the secret.
        scope: One of ``SCOPES``.
        name: Callers with keys of one name are one caller.
        own_jobs: Whether it sees only jobs that its caller asked for.
        streams: Names of the streams that it may use; None: all.
        weight: Its share of what all callers want, relative to the shares of others.
    """

    sha256: str
    scope: str
    name: str
    own_jobs: bool = False
    streams: frozenset[str] | None = None
    weight: float = 1.0

    @classmethod
    def parse(cls, line: str) -> Key:
        """The key that ``<sha256> <scope> <name> <options>`` describes.

        Raises:
            StartRefused: The line is written otherwise.
        """
        sha256, _, rest = line.strip().partition(" ")
        scope, _, rest = rest.strip().partition(" ")
        words = rest.split()
        options: dict[str, str] = dict(word.split("=", 1) for word in words if OPTION.match(word))
        name = " ".join(word for word in words if not OPTION.match(word))
        if not SHA256.fullmatch(sha256.lower()) or scope not in SCOPES:
            raise StartRefused(
                f"A key must be written {WRITTEN},"
                f" but one has {len(sha256)} characters of hash and the scope {scope!r}."
            )
        if SHA256.search(name.lower()):
            raise StartRefused(
                "Keys are separated by ';' (in a file: by lines), but one's name holds another."
            )
        streams = options.get("streams")
        return cls(
            sha256.lower(),
            scope,
            name or sha256[:8],
            own_jobs=_own_jobs(options.get("jobs", "all")),
            streams=None if streams is None else frozenset(filter(None, streams.split(","))),
            weight=_weight(options.get("weight", "1")),
        )

    def sees(self, job: Job) -> bool:
        """True where this key may know of a job: by its stream, or by who asked for it."""
        if job.stream:
            return self.may_use(job.stream)
        return not self.own_jobs or self.name in job.callers

    def may_use(self, stream: str) -> bool:
        """True where this key is bound to no streams, or to this one among others."""
        return self.streams is None or stream in self.streams

    def covers(self, scope: str) -> bool:
        """True where this key includes ``scope``."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


def _own_jobs(text: str) -> bool:
    if text not in ("own", "all"):
        raise StartRefused(f"A key's option 'jobs' is 'own' or 'all', not {text!r}.")
    return text == "own"


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not MOST_WEIGHT >= weight >= 1 / MOST_WEIGHT:
        raise StartRefused(
            f"A key's option 'weight' is a number from {1 / MOST_WEIGHT:g} to {MOST_WEIGHT:g},"
            f" not {text!r}."
        )
    return weight


class KeyRing:
    """All keys of a gateway. An empty ring lets everybody in (loopback only)."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self.keys = tuple(keys)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def check(self, secret: str | None, scope: str) -> Key | None:
        """The key behind ``secret``, or None on an open ring.

        Raises:
            MissingKey: The secret is absent or unknown.
            MissingScope: The key does not cover ``scope``.
        """
        if not self.keys:
            return None
        key = self._find(secret)
        if key is None:
            raise MissingKey("This service needs an API key, and none that it knows was sent.")
        if not key.covers(scope):
            raise MissingScope(f"This needs the scope '{scope}', but the key has '{key.scope}'.")
        return key

    def _find(self, secret: str | None) -> Key | None:
        offered = hashlib.sha256((secret or "").encode()).hexdigest()
        match = None
        for key in self.keys:  # all of them, so that the time it takes reveals nothing
            if hmac.compare_digest(key.sha256, offered):
                match = key
        return match


def load_keys(settings: ServiceSettings) -> KeyRing:
    """The keys that the settings name.

    Raises:
        StartRefused: A key is malformed, the file is unreadable, or there are none although the
            address can be reached from elsewhere.
    """
    lines = settings.keys.split(";")
    if settings.keys_file is not None:
        lines += _read_lines(settings)
    meant = (line.partition("#")[0].strip() for line in lines)
    ring = KeyRing(Key.parse(line) for line in meant if line)
    if not ring and not settings.is_loopback:
        raise StartRefused(
            f"Listening on {settings.host} without API keys is refused: everybody could submit."
            " Set ECHOCAST_KEYS or ECHOCAST_KEYS_FILE ('echocast key' makes a key),"
            " or listen on 127.0.0.1."
        )
    return ring


def _read_lines(settings: ServiceSettings) -> list[str]:
    assert settings.keys_file is not None
    try:
        return settings.keys_file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"The key file {settings.keys_file} cannot be read: {error}.") from error


def new_key(scope: str, name: str) -> tuple[str, str]:
    """A fresh secret and the line to store for it."""
    secret = "echocast_" + secrets.token_urlsafe(32)
    return secret, f"{hashlib.sha256(secret.encode()).hexdigest()} {scope} {name}"
