"""The keys of a gateway: those of its settings, and of a file that is read again as it changes."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from echocast.service.auth.keys import Key
from echocast.service.errors import MissingKey, MissingScope, StartRefused

if TYPE_CHECKING:
    from echocast.service.settings import ServiceSettings

LOOK_EVERY_SECONDS = 1.0
NO_KEY = (
    "This service needs an API key, and none was sent. Send it as the header"
    " 'Authorization: Bearer KEY' or 'X-API-Key: KEY'; 'echocast watch' and 'replay' read it from"
    " ECHOCAST_KEY or --key-file."
)
WRONG_KEY = (
    "The API key that was sent is none of this service's: it was copied incompletely, revoked, or"
    " belongs to another service. Its operator gives new ones."
)
log = logging.getLogger("echocast.keys")


class KeyRing:
    """All keys of a gateway. One that began without any lets everybody in (loopback only).

    Keys of a file come and go without a restart. A ring that had keys never opens to everybody, and
    a file that can't be read, or holds nonsense, changes nothing.

    Args:
        keys: Those that never change.
        file: Holds more of them, one a line.
        clock: Seconds that only grow.

    Raises:
        StartRefused: The file is unreadable or has a malformed key.
    """

    def __init__(
        self,
        keys: Iterable[Key] = (),
        file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._constant, self._file, self._clock = tuple(keys), file, clock
        self._version = _version(file)
        self.keys = (*self._constant, *(read_keys(file) if file else ()))
        self._open = not self.keys
        self._looked = clock()

    def __bool__(self) -> bool:
        return not self._open

    def check(self, secret: str | None, scope: str) -> Key | None:
        """The key behind ``secret``, or None on an open ring.

        Raises:
            MissingKey: The secret is absent, unknown, or has expired.
            MissingScope: The key does not cover ``scope``.
        """
        self._look()
        if self._open:
            return None
        if not secret:
            raise MissingKey(NO_KEY)
        key = self._find(secret)
        if key is None:
            raise MissingKey(WRONG_KEY)
        if key.has_expired(datetime.now(UTC)):
            raise MissingKey(f"The API key that was sent expired at {key.expires:%Y-%m-%d %H:%MZ}.")
        if not key.covers(scope):
            raise MissingScope(f"This needs the scope '{scope}', but the key has '{key.scope}'.")
        return key

    def _find(self, secret: str) -> Key | None:
        offered = hashlib.sha256(secret.encode()).hexdigest()
        match = None
        for key in self.keys:  # all of them, so that the time it takes reveals nothing
            if hmac.compare_digest(key.sha256, offered):
                match = key
        return match

    def _look(self) -> None:
        """Read the file again where it changed, and not more often than once a second."""
        if self._file is None or self._clock() - self._looked < LOOK_EVERY_SECONDS:
            return
        self._looked = self._clock()
        if (version := _version(self._file)) != self._version:
            self._version = version
            self._read_again(self._file)

    def _read_again(self, file: Path) -> None:
        try:
            keys = (*self._constant, *read_keys(file))
        except StartRefused as error:
            log.error("The keys stay as they were: %s", error)
            return
        self.keys, self._open = keys, self._open and not keys
        log.info("The key file %s was read again: %d keys.", file, len(keys))


def _version(file: Path | None) -> tuple[int, ...]:
    """What differs once a file was written or replaced; empty where there is none."""
    try:
        status = file.stat() if file else None
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns) if status else ()


def read_keys(file: Path) -> list[Key]:
    """The keys of a file, one a line; ``#`` starts a comment.

    Raises:
        StartRefused: It can't be read, or a key is malformed.
    """
    try:
        return keys_of(file.read_text().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"The key file {file} cannot be read: {error}.") from error


def keys_of(lines: Iterable[str]) -> list[Key]:
    """The keys of lines, of which some may be empty or comments.

    Raises:
        StartRefused: A key is malformed.
    """
    meant = (line.partition("#")[0].strip() for line in lines)
    return [Key.parse(line) for line in meant if line]


def load_keys(settings: ServiceSettings) -> KeyRing:
    """The keys that the settings name.

    Raises:
        StartRefused: A key is malformed, the file is unreadable, or there are none although the
            address can be reached from elsewhere.
    """
    ring = KeyRing(keys_of(settings.keys.split(";")), settings.keys_file)
    if not ring and not settings.is_loopback:
        raise StartRefused(
            f"Listening on {settings.host} without API keys is refused: everybody could submit."
            " Set ECHOCAST_KEYS or ECHOCAST_KEYS_FILE ('echocast key' makes a key),"
            " or listen on 127.0.0.1."
        )
    return ring
