"""The page's libraries and coastlines: fetched once by npm, checked, cut, committed.

``python -m tools.vendor_page`` writes `service/page/static/vendor/` and, as pictures show coasts
too, `model/place/world/`; with ``--check`` it only says whether the files there are those that were
written. Nothing of it runs where the service does.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
VENDOR = ROOT / "service" / "page" / "static" / "vendor"
WORLD = ROOT / "model" / "place" / "world"
RECORD = "vendored.json"  # file -> SHA-512 of what was written
CELLS = 36_000  # of a circle of latitude: 0.01 degrees, finer than the 1:50m coast is drawn


class Package(NamedTuple):
    """A package of npm.

    Args:
        name: Of the registry.
        version: Exactly.
        sha512: Of the archive, in base64, as npm's lock files write it.
        files: Path in the package -> our file; several may follow each other in one.
        folder: Where they go.
    """

    name: str
    version: str
    sha512: str
    files: dict[str, str]
    folder: Path = VENDOR


PACKAGES = (
    Package(
        "leaflet",
        "1.9.4",
        "nxS1ynzJOmOlHp+iL3FyWqK89GtNL8U8rvlMOsQdTTssxZwCXh8N2NB3GDQOL+YR3XnWyZAxwQixURb+FA74PA==",
        {"dist/leaflet.js": "map.js", "dist/leaflet.css": "vendor.css"},
    ),
    Package(
        "uplot",
        "1.6.32",
        "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        {"dist/uPlot.iife.min.js": "uplot.js", "dist/uPlot.min.css": "vendor.css"},
    ),
    Package(
        "topojson-client",
        "3.1.0",
        "605uxS6bcYxGXw9qi62XyrV6Q3xwbndjachmNxu8HWTtVPxZfEJN9fd/SZS1Q54Sn2y0TMyMxFj/cJINqGHrKw==",
        {"dist/topojson-client.min.js": "map.js"},
    ),
    Package(
        "world-atlas",
        "2.0.2",
        "IXfV0qwlKXpckz1FhwXVwKRjiIhOnWttOskm5CtxMsjgE/MXAYRHWJqgXOpM8IkcPBoXnyTU5lFHcYa5ChG0LQ==",
        {"countries-50m.json": "world.json"},
        WORLD,
    ),
)
SOURCE_MAP = b"//# sourceMappingURL="  # a request that would not be answered


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description="The page's libraries and coastlines.")
    parser.add_argument("--check", action="store_true", help="Write nothing.")
    if parser.parse_args(arguments).check:
        wrong = [sentence for folder in (VENDOR, WORLD) for sentence in differences(folder)]
        print("\n".join(wrong) or "All vendored files are as they were written.")
        return 1 if wrong else 0
    for folder in (VENDOR, WORLD):
        write(folder)
    return 0


def write(folder: Path) -> None:
    """Fetch the packages of a folder and write what is needed of them, with their licences."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for package in (one for one in PACKAGES if one.folder == folder):
        for name, content in parts(package):
            with (folder / name).open("ab") as file:
                file.write(content)
    hashes = {path.name: sha512(path.read_bytes()) for path in sorted(files(folder))}
    (folder / RECORD).write_text(json.dumps(hashes, indent=1) + "\n")


def differences(folder: Path) -> Iterator[str]:
    """A sentence for each file that is not what was written."""
    recorded = json.loads((folder / RECORD).read_text())
    there = {path.name: sha512(path.read_bytes()) for path in files(folder)}
    for name in sorted(recorded.keys() | there.keys()):
        if name not in there:
            yield f"{folder / name} is missing."
        elif there[name] != recorded.get(name):
            yield f"{folder / name} is not the file that was written: its hash differs."


def files(folder: Path) -> list[Path]:
    """What is vendored."""
    return [path for path in folder.iterdir() if path.name != RECORD]


def parts(package: Package) -> Iterator[tuple[str, bytes]]:
    """Our name and content of each file that is needed of a package."""
    with tempfile.TemporaryDirectory() as place, tarfile.open(fetched(package, place)) as archive:
        licence = archive.extractfile("package/LICENSE")
        assert licence is not None
        yield f"{package.name}.LICENSE", licence.read()
        for path, name in package.files.items():
            member = archive.extractfile(f"package/{path}")
            assert member is not None
            yield name, prepared(name, member.read())


def fetched(package: Package, place: str) -> Path:
    """The archive of a package, with the hash that we know."""
    exact = f"{package.name}@{package.version}"
    command = ["npm", "pack", "--silent", "--pack-destination", place, exact]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    path = Path(place, name)
    if sha512(path.read_bytes()) != package.sha512:
        sys.exit(f"{exact} has another SHA-512 than the one in {__file__}: nothing of it is used.")
    return path


def sha512(content: bytes) -> str:
    """In base64."""
    return base64.b64encode(hashlib.sha512(content).digest()).decode()


def prepared(name: str, content: bytes) -> bytes:
    """A file as the page needs it."""
    if name == "world.json":
        return json.dumps(cut(json.loads(content)), separators=(",", ":")).encode()
    return content.partition(SOURCE_MAP)[0]


def cut(world: dict[str, Any]) -> dict[str, Any]:
    """A TopoJSON without names, on a grid of 0.01 degrees."""
    scale, translate = world["transform"]["scale"], world["transform"]["translate"]
    cell = 360 / CELLS
    return {
        "type": "Topology",
        "transform": {"scale": [cell, cell], "translate": [-180, -90]},
        "objects": {name: bare(world["objects"][name]) for name in ("countries", "land")},
        "arcs": [
            deltas([rounded(point, cell) for point in points(arc, scale, translate)])
            for arc in world["arcs"]
        ],
    }


def bare(collection: dict[str, Any]) -> dict[str, Any]:
    """Geometries without properties."""
    geometries = [
        {n: one[n] for n in ("type", "arcs") if n in one} for one in collection["geometries"]
    ]
    return {"type": "GeometryCollection", "geometries": geometries}


def points(
    arc: Sequence[Sequence[int]], scale: Sequence[float], translate: Sequence[float]
) -> Iterator[tuple[float, float]]:
    """Longitude and latitude of an arc's points, in degrees."""
    x = y = 0
    for step_x, step_y in arc:
        x, y = x + step_x, y + step_y
        yield x * scale[0] + translate[0], y * scale[1] + translate[1]


def rounded(point: tuple[float, float], cell: float) -> tuple[int, int]:
    """The grid point that is nearest."""
    return round((point[0] + 180) / cell), round((point[1] + 90) / cell)


def deltas(path: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Each point less the one before it, without repetitions; at least two points."""
    steps = [list(path[0])]
    for before, this in pairwise(path):
        if this != before:
            steps.append([this[0] - before[0], this[1] - before[1]])
    return steps if len(steps) > 1 else [*steps, [0, 0]]


if __name__ == "__main__":
    sys.exit(main())
