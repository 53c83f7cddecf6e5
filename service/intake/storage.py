"""Where the archive keeps frames, for the children that read them."""

from __future__ import annotations

from pathlib import Path

from workers.archive import Archive


def frames_file(archive: Archive, sha: str) -> Path:
    """The ``.npy`` file of archived frames; their description lies beside it as ``.json``.

    Raises:
        NotInArchive: They are not stored (any more).
    """
    return archive.path(f"inputs/{sha[:2]}/{sha}.npy").resolve()
