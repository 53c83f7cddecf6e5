"""Towns by name and by place: the largest first, those of the map before others."""

from __future__ import annotations

import json

import pytest

from echocast.model.place.towns import TOWNS_PATH, GeographicBox, Town, Towns, all_towns, file_text
from tools.vendor_page import RECORD, sha512
from tools.vendor_towns import other_names

ALPS = GeographicBox(46, 5.9, 48.1, 10.9)
FEW = (
    (Town("Sankt Gallen", 47.424, 9.377, "CH", 70_000), ["St. Gallen", "Saint-Gall"]),
    (Town("Galle", 6.054, 80.221, "LK", 99_000), []),
    (Town("Gallarate", 45.660, 8.793, "IT", 52_000), []),
    (Town("Zürich", 47.367, 8.550, "CH", 440_000), ["Zurigo"]),
    (Town("Suva", -18.142, 178.442, "FJ", 77_000), []),
)


@pytest.fixture
def towns() -> Towns:
    return Towns(file_text(FEW))


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("zurich", ["Zürich"]),
        ("ZÜR", ["Zürich"]),
        ("Zurigo", ["Zürich"]),
        ("saint-gall", ["Sankt Gallen"]),
        ("Galle", ["Galle"]),  # of "St. Gallen" it is a part, but no name begins so
        ("gall", ["Galle", "Gallarate"]),
        ("  suva ", ["Suva"]),
        ("|", []),
        ("CH", []),
        ("nowhere", []),
    ],
)
def test_a_name_is_found_by_its_beginning(towns: Towns, name: str, names: list[str]) -> None:
    assert [one.name for one in towns.named(name, GeographicBox(), 9)] == names


def test_those_within_the_box_come_first(towns: Towns) -> None:
    north_of_italy = GeographicBox(45, 8, 46, 9)
    assert [one.name for one in towns.named("gal", north_of_italy, 9)] == ["Gallarate", "Galle"]
    assert [one.name for one in towns.named("galle", north_of_italy, 1)] == ["Galle"]


def test_a_box_has_its_largest_towns(towns: Towns) -> None:
    assert [one.name for one in towns.within(ALPS, 9)] == ["Zürich", "Sankt Gallen"]
    assert [one.name for one in towns.within(ALPS, 1)] == ["Zürich"]
    across_the_date_line = GeographicBox(-30, 170, 0, 190)
    assert [one.name for one in towns.within(across_the_date_line, 9)] == ["Suva"]
    assert towns.within(GeographicBox(-30, -190, 0, -170), 9) == towns.within(
        across_the_date_line, 9
    )


def test_the_towns_of_the_package_are_those_that_were_written() -> None:
    folder = TOWNS_PATH.parent
    written = json.loads((folder / RECORD).read_text())
    assert written.keys() == {"geonames.LICENSE", "towns.tsv.xz"}
    assert {name: sha512((folder / name).read_bytes()) for name in written} == written
    towns = all_towns()
    for name in ("Luzern", "Lucerne", "lucerna"):
        assert towns.named(name, ALPS, 1) == [Town("Luzern", 47.05, 8.306, "CH", 81_691)]
    assert {one.name for one in towns.within(ALPS, 10)} >= {"Zürich", "Basel", "Bern"}


def test_other_names_are_in_latin_letters_and_of_large_towns() -> None:
    names = ["Munich", "MÜNCHEN", "München", "munchen", "Мюнхен", "MUC", "Monaco di Baviera"]
    city = {"name": "Munich", "population": 15_000, "alternatenames": names}
    assert list(other_names(city)) == ["MÜNCHEN", "Monaco di Baviera"]
    assert list(other_names({**city, "population": 14_999})) == []
