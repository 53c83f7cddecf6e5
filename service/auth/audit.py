"""The audit log: who changed what, when, from where; JSON lines that are only ever appended.

Every entry reaches the disk before its request is answered. A file that is full gets the number 1,
older ones the next; the oldest is removed. Promotions that a service makes by itself stand in the
history of its models, like all others.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from echocast.service.auth.account import current_account
from echocast.service.auth.folder_lock import folder_lock
from echocast.service.http.request_id import current_id

OLD_FILES = 9
MACHINE: Final = "this machine"  # who asks where the service has no keys
log = logging.getLogger("echocast.audit")


@dataclass(frozen=True)
class AuditLog:
    """A file that gateways and commands append to.

    Args:
        folder: Where it lies, with the older ones.
        limit_bytes: Size from which on the next one begins.
    """

    folder: Path
    limit_bytes: int

    @property
    def file(self) -> Path:
        """The newest entries, one a line."""
        return self.folder / "audit.jsonl"

    def write(self, what: str, *, who: str, where: str, request_id: str = "", **facts: Any) -> None:
        """Append an entry; where the disk does not take it, the process's own log does.

        Args:
            what: Was done, e.g. ``promote-model``.
            who: Name of a key, or of a user of the machine.
            where: Address of the client, or the machine of a command.
            request_id: Of the request, in its answer too.
            facts: What belongs to it, as JSON.
        """
        time = datetime.now(UTC).isoformat()
        begin = {"time": time, "what": what, "who": who, "where": where, "request_id": request_id}
        line = json.dumps({**begin, **facts}, default=str)
        try:
            with folder_lock(self.folder):
                self._append(f"{line}\n".encode())
        except OSError as error:
            log.error("The audit log can't be written (%s). The entry: %s", error, line)

    def _append(self, line: bytes) -> None:
        with suppress(FileNotFoundError):
            if self.file.stat().st_size + len(line) > self.limit_bytes:
                self._rotate()
        handle = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "ab", buffering=0) as file:
            file.write(line)
            os.fsync(file.fileno())

    def _rotate(self) -> None:
        for number in range(OLD_FILES, 0, -1):
            younger = self._numbered(number - 1) if number > 1 else self.file
            with suppress(FileNotFoundError):
                younger.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self.file.with_suffix(f".jsonl.{number}")


@dataclass(frozen=True)
class RequestAudit:
    """What the caller of one request did."""

    log: AuditLog
    address: str

    async def note(self, what: str, **facts: Any) -> None:
        """Write what was done, once it was."""
        key = current_account.get().key
        who = key.name if key else MACHINE
        write = self.log.write
        request_id = current_id.get()
        await asyncio.to_thread(
            write, what, who=who, where=self.address, request_id=request_id, **facts
        )
