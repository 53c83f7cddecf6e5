"""What can go wrong between a request and its finished job.

EchocastError
├── QueueFull              more jobs wait than the limit allows
│   └── CallerQueueFull    more jobs of one caller do
├── IdempotencyConflict    one key, two bodies
├── StreamConflict         a stream or a frame of it is there already, and differs
├── Superseded             a newer frame of the stream is there, which alone is forecast
├── EngineUnavailable      no Redis or Valkey answers
├── AnotherStore           the engine's jobs have their files elsewhere
├── EngineError            the embedded engine could not be started, and may be later
│   └── EngineRefused      wrong configuration: starting it again would not help
├── Shortage               this machine is short of something: elsewhere or later it may go
│   ├── OutOfMemory        memory, of the machine or its GPU
│   ├── NoFileHandles      open files
│   └── DiskFull           disk space, or the disk can only be read (an ArchiveError, too)
└── ArchiveError           the archive can't give or take what it was asked for
    └── NotInArchive       nothing is stored under that name
        ├── ArchiveDamaged what is stored is not what was written
        └── UnknownStream  no stream was declared under that name
"""

from __future__ import annotations

import errno
import os
import resource
from typing import Final

from echocast.model.errors import EchocastError, is_out_of_memory


class QueueFull(EchocastError):
    """More jobs wait than the limit allows; the caller may try again later."""


class CallerQueueFull(QueueFull):
    """More jobs of one caller wait than one caller may have; those of others are accepted."""


class IdempotencyConflict(EchocastError):
    """An idempotency key came a second time with another body."""


class StreamConflict(EchocastError):
    """A stream was declared differently before, or a frame came with other values."""


class EngineUnavailable(EchocastError):
    """No Redis or Valkey answers at the configured address."""


class AnotherStore(EchocastError):
    """The engine's jobs have their files in another archive than ours."""


class EngineError(EchocastError):
    """The embedded engine could not be started; another try may succeed."""


class EngineRefused(EngineError):
    """The configuration is wrong: the engine can't be started, however often it is tried."""


class Shortage(EchocastError):
    """This machine is short of something; the same work may succeed elsewhere or later."""


class OutOfMemory(Shortage):
    """Memory ran out: that of the machine, or that of its GPU for one job alone."""


class NoFileHandles(Shortage):
    """As many files are open as may be."""


class DeadlinePassed(EchocastError):
    """The job waited longer than its deadline allows."""


class ClaimLost(EchocastError):
    """The job was cancelled or given to another worker; this worker stops working on it."""


class ArchiveError(EchocastError):
    """The archive can't give or take what it was asked for."""


class DiskFull(ArchiveError, Shortage):
    """Too little free space is left to accept work, or the disk can only be read."""


class NotInArchive(ArchiveError):
    """Nothing is stored under that name."""


class ArchiveDamaged(NotInArchive):
    """What is stored under that name is damaged: it counts as gone."""


class Superseded(EchocastError):
    """A newer frame of the stream is there, and only the newest is forecast."""


class UnknownStream(NotInArchive):
    """No stream was declared under that name."""


DISK_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
FILE_HANDLE_ERRORS: Final = (errno.EMFILE, errno.ENFILE)


def shortage_of(error: BaseException) -> Shortage | None:
    """What the machine was short of, where that is behind an error; else None."""
    cause: BaseException | None = error
    while cause is not None:
        if shortage := _shortage(cause):
            return shortage
        cause = cause.__cause__
    return None


def _shortage(error: BaseException) -> Shortage | None:
    if isinstance(error, EchocastError):  # the text may be that of a caller
        return error if isinstance(error, Shortage) else None
    number = error.errno if isinstance(error, OSError) else None
    if number in DISK_ERRORS:
        return DiskFull(f"The disk can't be written to: {os.strerror(number or 0)}.")
    if number in FILE_HANDLE_ERRORS:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return NoFileHandles(f"Too many files are open; this process may open {limit}.")
    if isinstance(error, Exception) and is_out_of_memory(error):
        return OutOfMemory(f"Memory ran out: {str(error) or type(error).__name__}.")
    return None
