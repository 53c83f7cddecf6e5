"""The page's files under one address that changes when any of them does."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from echocast.model.place.world_lines import WORLD_PATH
from echocast.service.page.script import one_script

STATIC: Final = Path(__file__).with_name("static")
ELSEWHERE: Final = {"vendor/world.json": WORLD_PATH}  # pictures show the same coasts
VENDORED_SHEET, SHEET = "vendor/vendor.css", "page.css"  # served as one: a request less
MODULES, SCRIPT = "js", "js/page.js"  # served as one, too
LEVEL: Final = 6  # of zlib: the coasts in 50 ms instead of 370 with its highest, 6 % larger
MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    """One file.

    Args:
        media_type: Its media type.
        content: Its bytes.
    """

    media_type: str
    content: bytes

    @cached_property
    def compressed(self) -> bytes:
        """The same by gzip; computed once."""
        return gzip.compress(self.content, LEVEL, mtime=0)


@dataclass(frozen=True)
class Assets:
    """All files of a folder.

    Args:
        version: Hash of all names and contents: part of every file's address, so that browsers may
            keep a file for ever, and the script finds the others by plain relative paths.
        files: Path in the folder -> file.
    """

    version: str
    files: Mapping[str, Asset]

    @property
    def base(self) -> str:
        """The path below which the files are served."""
        return f"/page/{self.version}"


@cache
def shipped_assets() -> Assets:
    """The files that belong to this version of the package."""
    return assets_of(STATIC, ELSEWHERE)


def assets_of(folder: Path, elsewhere: Mapping[str, Path] = MappingProxyType({})) -> Assets:
    """The files of a folder that browsers may have.

    Args:
        folder: Where they lie.
        elsewhere: Path as if in the folder -> a file that lies outside of it.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    files = {
        name: Asset(MEDIA_TYPES[path.suffix], path.read_bytes())
        for name, path in sorted((paths | dict(elsewhere)).items())
        if path.suffix in MEDIA_TYPES
    }
    files |= _one_sheet(files) | _one_script(files)
    digest = hashlib.sha256()
    for name, asset in files.items():
        digest.update(f"{name} {len(asset.content)}\n".encode())
        digest.update(asset.content)
    return Assets(digest.hexdigest()[:16], MappingProxyType(files))


def _one_sheet(files: dict[str, Asset]) -> dict[str, Asset]:
    """Our style sheet behind that of the libraries, which goes; nothing where there are none."""
    vendored = files.pop(VENDORED_SHEET, None)
    if vendored is None:
        return {}
    return {SHEET: Asset(vendored.media_type, vendored.content + files[SHEET].content)}


def _one_script(files: dict[str, Asset]) -> dict[str, Asset]:
    """All our modules as one, which takes their place; nothing where there are none."""
    paths = [PurePosixPath(name) for name in files if name.startswith(f"{MODULES}/")]
    texts = {path.stem: files.pop(str(path)).content.decode() for path in paths}
    return {SCRIPT: Asset(MEDIA_TYPES[".js"], one_script(texts).encode())} if texts else {}
