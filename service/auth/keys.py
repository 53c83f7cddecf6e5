"""API keys: who may do what.

A key is stored as its SHA-256 only. Scopes are ordered: ``read`` < ``submit`` < ``admin``; each
includes those before it. Options after the name bind a key, give it a larger share or an end.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from echocast.model.errors import short
from echocast.service.errors import StartRefused

if TYPE_CHECKING:
    from echocast.workers.jobs.job import Job

SCOPES = ("read", "submit", "admin")
MOST_WEIGHT = 100
SHA256 = re.compile(r"[0-9a-f]{64}")
OPTIONS = ("jobs", "streams", "weight", "expires")
OPTION = re.compile("[a-z]+=")
LONGEST_NAME = 100
WRITTEN = (
    "'<sha256 hex> <read|submit|admin> <name> [jobs=own] [streams=a,b] [weight=2]"
    " [expires=2027-01-31]'"
)


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
        expires: From when on it opens nothing; None: never.
    """

    sha256: str
    scope: str
    name: str
    own_jobs: bool = False
    streams: frozenset[str] | None = None
    weight: float = 1.0
    expires: datetime | None = None

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
        if unknown := [option for option in options if option not in OPTIONS]:
            raise StartRefused(
                f"The key {short(name)!r} has the option {short(unknown[0])!r}, but options are"
                f" {', '.join(OPTIONS)}; names have no '='."
            )
        streams = options.get("streams")
        return cls(
            sha256.lower(),
            scope,
            name or sha256[:8],
            own_jobs=_own_jobs(options.get("jobs", "all")),
            streams=None if streams is None else frozenset(filter(None, streams.split(","))),
            weight=_weight(options.get("weight", "1")),
            expires=_time(options["expires"]) if "expires" in options else None,
        )

    def sees(self, job: Job) -> bool:
        """True where this key may know of a job: by its stream, or by who asked for it."""
        if job.stream:
            return self.may_use(job.stream)
        return not self.own_jobs or self.name in job.callers

    def may_use(self, stream: str) -> bool:
        """True where this key is bound to no streams, or to this one among others."""
        return self.streams is None or stream in self.streams

    def has_expired(self, now: datetime) -> bool:
        """True from the time on at which it expires."""
        return self.expires is not None and now >= self.expires

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


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise StartRefused(
            f"A key's option 'expires' is a date or time in ISO 8601, not {short(text)!r}."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def new_key(scope: str, name: str) -> tuple[str, str]:
    """A fresh secret and the line to store for it.

    Args:
        scope: One of ``SCOPES``.
        name: Of the owner; options may follow it.

    Raises:
        StartRefused: The line would not be read back as this key.
    """
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME or {*name} & {*";#"}:
        raise StartRefused(
            f"A key's name has 1 to {LONGEST_NAME} printable characters without ';' and '#', which"
            f" separate keys and begin comments; {short(name)!r} has not."
        )
    secret = "echocast_" + secrets.token_urlsafe(32)
    line = f"{hashlib.sha256(secret.encode()).hexdigest()} {scope} {name}"
    if Key.parse(line).name == line[:8]:
        raise StartRefused(f"A key needs a name before its options, but {short(name)!r} has none.")
    return secret, line
