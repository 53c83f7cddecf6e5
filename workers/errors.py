"""What can go wrong between a request and its finished job.

EchocastError
├── QueueFull              more jobs wait than the limit allows
├── IdempotencyConflict    one key, two bodies
├── StreamConflict         a stream or a frame of it is there already, and differs
├── EngineUnavailable      no Redis or Valkey answers
├── AnotherStore           the engine's jobs have their files elsewhere
├── EngineError            the embedded engine could not be started, and may be later
│   └── EngineRefused      wrong configuration: starting it again would not help
└── ArchiveError           the archive can't give or take what it was asked for
    ├── DiskFull           too little free space to accept work
    └── NotInArchive       nothing is stored under that name
        └── UnknownStream  no stream was declared under that name
"""

from __future__ import annotations

from echocast.model.errors import EchocastError


class QueueFull(EchocastError):
    """More jobs wait than the limit allows; the caller may try again later."""


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


class OutOfMemory(EchocastError):
    """One job alone does not fit into the memory of the device."""


class DeadlinePassed(EchocastError):
    """The job waited longer than its deadline allows."""


class ClaimLost(EchocastError):
    """The job was cancelled or given to another worker; this worker stops working on it."""


class ArchiveError(EchocastError):
    """The archive can't give or take what it was asked for."""


class DiskFull(ArchiveError):
    """Too little free space is left to accept work."""


class NotInArchive(ArchiveError):
    """Nothing is stored under that name."""


class UnknownStream(NotInArchive):
    """No stream was declared under that name."""
