"""The key file: keys come and go, one line each; comments and other lines stay as they are."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterable
from pathlib import Path

from echocast.model.atomic_files import move_into_place, write_whole
from echocast.model.errors import short
from echocast.service.auth.folder_lock import folder_lock
from echocast.service.auth.key_ring import keys_of
from echocast.service.auth.keys import Key
from echocast.service.errors import StartRefused

FEWEST_DIGITS = 8  # of a hash that names a key


def store_key(file: Path, line: str) -> None:
    """Add a key; a file that is not there yet is made, for its user only.

    Raises:
        StartRefused: What the file holds already is malformed, or it belongs to another user.
        OSError: It can't be read or written.
    """
    with folder_lock(file.parent):
        lines = file.read_text().splitlines() if file.exists() else []
        keys_of(lines)
        _write(file, [*lines, line])


def revoke_keys(file: Path, name: str) -> list[Key]:
    """Remove the keys of a name, or the one whose hash begins so; those that were removed.

    Args:
        file: One key a line.
        name: Of the keys, or at least 8 digits of a hash.

    Raises:
        StartRefused: There is none, or the file is malformed, or it belongs to another user.
        OSError: It can't be read or written.
    """
    with folder_lock(file.parent):
        lines = file.read_text().splitlines()
        revoked = {line: keys for line in lines if (keys := _named(keys_of([line]), name))}
        if not revoked:
            raise StartRefused(f"{file} has no key {short(name)!r}; 'echocast key list' shows all.")
        _write(file, [line for line in lines if line not in revoked])
    return [key for keys in revoked.values() for key in keys]


def _named(keys: Iterable[Key], name: str) -> list[Key]:
    by_hash = len(name) >= FEWEST_DIGITS
    return [k for k in keys if k.name == name or (by_hash and k.sha256.startswith(name.lower()))]


def _write(file: Path, lines: Iterable[str]) -> None:
    """Replace the file in one step; it has the same owner and readers as before."""
    before = file.stat() if file.exists() else None
    new = file.with_name(f".{file.name}.{uuid.uuid4().hex[:8]}")
    try:
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        write_whole(new, "".join(f"{line}\n" for line in lines).encode())
        if before is not None:
            new.chmod(stat.S_IMODE(before.st_mode))
            _give_to_owner(new, before, file)
        move_into_place(new, file)
    finally:
        new.unlink(missing_ok=True)


def _give_to_owner(new: Path, before: os.stat_result, file: Path) -> None:
    """Root may write the file for a service, which must read it afterwards."""
    try:
        os.chown(new, before.st_uid, before.st_gid)
    except PermissionError:
        raise StartRefused(
            f"{file} belongs to user {before.st_uid}, group {before.st_gid}: change it as that"
            " user, or as root."
        ) from None
