"""The library: the sources of this package, and those of the operator's own folder."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from echocast.model.errors import short
from echocast.service.sources.errors import SourceUnusable, UnknownSource
from echocast.service.sources.source import RadarSource

SHIPPED = Path(__file__).parent / "library"


def load_source(path: Path) -> RadarSource:
    """The source that a TOML file describes.

    Raises:
        SourceUnusable: The file is no TOML, or says something that no source can be.
    """
    try:
        return RadarSource(name=path.stem, **tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        why = short(first["msg"].removeprefix("Value error, "))
        raise SourceUnusable(f"{path}: {where}: {why}.") from error
    except (ValueError, TypeError) as error:
        raise SourceUnusable(f"{path} is no file of a source: {short(error)}.") from error


def all_sources(own: Path | None = None) -> dict[str, RadarSource]:
    """All sources by name.

    Args:
        own: Folder with more files, the operator's own; None: none.

    Raises:
        SourceUnusable: A file is damaged, two have one name, or there is no such folder.
    """
    paths = sorted(SHIPPED.glob("*.toml"))
    if own is not None:
        if not own.is_dir():
            raise SourceUnusable(f"There is no folder {own} (ECHOCAST_SOURCES_DIR).")
        paths += sorted(own.glob("*.toml"))
    sources: dict[str, RadarSource] = {}
    for path in paths:
        if path.stem in sources:
            raise SourceUnusable(f"There is a source {path.stem!r} already; rename {path}.")
        sources[path.stem] = load_source(path)
    return sources


def source_named(name: str, sources: Mapping[str, RadarSource]) -> RadarSource:
    """The source of a name.

    Raises:
        UnknownSource: There is none; the message names the nearest.
    """
    if name in sources:
        return sources[name]
    nearest = get_close_matches(name, sources, 1)
    meant = f"Did you mean {nearest[0]}?" if nearest else "`echocast sources` lists them."
    raise UnknownSource(f"There is no source {short(name)!r}. {meant}")
