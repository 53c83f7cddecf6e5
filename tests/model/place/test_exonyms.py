"""Names of towns in other languages are those that GeoNames has, each of one town."""

from __future__ import annotations

import lzma
from collections import defaultdict

import pytest

from echocast.model.place.exonyms import LEAST_PEOPLE, all_exonyms, name_in
from echocast.model.place.towns import BAR, TOWNS_PATH, GeographicBox, Town, all_towns, folded

WORLD = GeographicBox()


@pytest.mark.parametrize(
    ("sought", "language", "name"),
    [
        ("munich", "de", "München"),
        ("milano", "de", "Mailand"),
        ("milano", "fr", "Milan"),
        ("geneva", "de", "Genf"),
        ("geneva", "fr", "Genève"),
        ("luzern", "fr", "Lucerne"),
        ("luzern", "de", "Luzern"),
        ("munich", "en", "Munich"),
        ("munich", None, "Munich"),
    ],
)
def test_a_town_has_the_name_of_the_language(sought: str, language: str | None, name: str) -> None:
    (town,) = all_towns().named(sought, WORLD, 1)
    assert name_in(town, language) == name


def test_a_small_town_of_the_same_name_is_not_meant() -> None:
    assert name_in(Town("Nice", 0.0, 0.0, "FR", LEAST_PEOPLE - 1), "de") == "Nice"
    assert name_in(Town("Nice", 0.0, 0.0, "FR", LEAST_PEOPLE), "de") == "Nizza"


def test_each_is_a_name_that_geonames_has_of_one_town() -> None:
    known = defaultdict(list)
    for line in lzma.decompress(TOWNS_PATH.read_bytes()).decode().splitlines():
        town = Town.of_line(line)
        if town.population >= LEAST_PEOPLE:
            names = {folded(name) for name in line.partition("\t")[0].split(BAR)}
            known[town.country, town.name].append(names)
    for (language, country, name), exonym in all_exonyms().items():
        of_that_name = known[country, name]
        assert len(of_that_name) == 1, (language, country, name)
        assert folded(exonym).replace("ß", "ss") in of_that_name[0], (language, exonym)
        assert exonym != name
