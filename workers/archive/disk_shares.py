"""How much of the disk streams, and nowcasts of no stream, may take where no setting says it.

What is left, a fifth of a small disk, is for counts, models, the engine, and the floor that must
stay free.
"""

from __future__ import annotations

from typing import Final

from echocast.workers.archive.files import Files

GB: Final = 10**9  # bytes
STREAMS_SHARE: Final = 0.6  # of the disk, in equal parts
ADHOC_SHARE: Final = 0.2
LARGEST_STREAM_GB: Final = 10.0
LARGEST_ADHOC_BYTES: Final = 20 * 2**30


def stream_limit_gb(files: Files, configured: float | None, streams: int) -> float:
    """GB (10^9 bytes) of frames and forecasts of a stream that declares no limit of its own.

    Args:
        files: On the disk.
        configured: What the settings say; None: nothing.
        streams: How many streams there are.
    """
    if configured is not None:
        return configured
    disk = files.disk_bytes()
    if disk is None:
        return LARGEST_STREAM_GB
    return min(LARGEST_STREAM_GB, STREAMS_SHARE * disk / GB / max(streams, 1))


def adhoc_limit_bytes(files: Files, configured: int | None) -> int:
    """Bytes that nowcasts of no stream may take.

    Args:
        files: On the disk.
        configured: What the settings say; None: nothing.
    """
    if configured is not None:
        return configured
    disk = files.disk_bytes()
    if disk is None:
        return LARGEST_ADHOC_BYTES
    return min(LARGEST_ADHOC_BYTES, round(ADHOC_SHARE * disk))
