"""What large towns are called in other languages: Munich is München, and Milan is Mailand.

`exonyms.tsv` was written by hand: language, country, name in the list of towns, and the name in
that language, where it is in common use and GeoNames has it among the other names of the town.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from echocast.model.place.towns import Town

EXONYMS_PATH: Final = Path(__file__).with_name("exonyms.tsv")
LEAST_PEOPLE: Final = 10_000  # of smaller towns of the same name none is meant


def name_in(town: Town, language: str | None) -> str:
    """A town's name in a language.

    Args:
        town: A town.
        language: Two letters (ISO 639), or None.

    Returns:
        Its name there; where it has none of its own, or the language is not known, as GeoNames
        writes it.
    """
    if language is None or town.population < LEAST_PEOPLE:
        return town.name
    return all_exonyms().get((language, town.country, town.name), town.name)


@cache
def all_exonyms() -> Mapping[tuple[str, str, str], str]:
    """Language, country and name -> the name in that language."""
    rows = [line.split("\t") for line in EXONYMS_PATH.read_text("utf-8").splitlines()]
    return {(language, country, name): exonym for language, country, name, exonym in rows}
