"""Every word of the page exists in every language, and none is left over."""

from __future__ import annotations

import json
import re

import pytest

from echocast.model.drift.messages import SENTENCES
from echocast.service.page.assets import STATIC

TEXTS = {path.stem: json.loads(path.read_text()) for path in (STATIC / "texts").glob("*.json")}
SOURCES = "".join(
    p.read_text()
    for p in STATIC.rglob("*")
    if p.suffix in (".html", ".js") and "vendor" not in p.parts
)
# Names that are put together: states of jobs, layers of a map, spans of scores.
LISTED = {"cancelled", "expired", "expected", "difference", "in_day", "in_week"}
PLACES = re.compile(r"\{(\w+)\}")


def test_there_are_three_languages() -> None:
    assert TEXTS.keys() == {"en", "de", "fr"}


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_language_has_all_texts_with_the_same_places(language: str) -> None:
    english, other = TEXTS["en"], TEXTS[language]
    assert other.keys() == english.keys()
    for key, text in other.items():
        assert text.strip(), key
        assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(english[key])), key


def test_texts_that_the_page_names_exist_and_all_are_named() -> None:
    used = {
        *re.findall(r'data-(?:t|label)="(\w+)"', SOURCES),
        *re.findall(r'\bt\(\s*"(\w+)"', SOURCES),
    }
    assert used <= TEXTS["en"].keys()
    words = set(re.findall(r"\w+", SOURCES))
    made = ("palette_", "drift_")  # names that are put together of a beginning and an answer
    unused = [key for key in TEXTS["en"] if key not in words | LISTED and not key.startswith(made)]
    assert not unused


def test_each_finding_on_drift_has_words_and_no_other() -> None:
    worded = {key.removeprefix("drift_") for key in TEXTS["en"] if key.startswith("drift_")}
    assert worded == set(SENTENCES)
