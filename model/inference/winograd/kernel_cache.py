"""Compiled kernels on disk, apart by their source: code of an earlier version is never taken."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import config, njit

HERE = Path(__file__).parent
SOURCES = (
    "microkernel.py",
    "kernels.py",
    "simd.py",
)  # numba itself looks at the caller's file only


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled code of a function, kept below ``NUMBA_CACHE_DIR`` or beside the source.

    Where neither may be written it is compiled anew by every process.
    """
    options = {"nogil": True, "error_model": "numpy"}
    before = config.CACHE_DIR
    config.CACHE_DIR = str(Path(before or HERE / "__pycache__") / f"kernels-{digest()}")
    try:
        cached: Callable[..., Any] = njit(cache=True, **options)(function)
    except (RuntimeError, OSError):  # no such folder
        return njit(**options)(function)  # type: ignore[no-any-return]
    finally:
        config.CACHE_DIR = before
    return cached


def digest() -> str:
    """What the sources of the kernels are."""
    text = b"".join((HERE / name).read_bytes() for name in SOURCES)
    return hashlib.sha256(text).hexdigest()[:12]
