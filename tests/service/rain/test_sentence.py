"""The sentence about a place: worked examples in three languages."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echocast.model.errors import ContractViolation
from echocast.service.rain.rain_at_places import PlaceRain, rain_answer
from echocast.service.rain.schemas import RainAnswer
from echocast.service.rain.wording import (
    LANGUAGES,
    Language,
    Wording,
    preferred_language,
    texts,
    zone_of,
)
from echocast.service.streams.places import ObservedPoint
from echocast.service.streams.schemas import PointForecast

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
STEP = timedelta(minutes=5)
PLACES = re.compile(r"\{(\w+)\}")


def answer(
    *rates: float | None,
    chance: float | None = 0.72,
    after: float = 3,
    behind: int = 0,
    threshold: float = 0.1,
    language: Language = "en",
    zone: str | None = "Etc/UTC",
) -> RainAnswer:
    """Of rates, the newest image first, so many minutes after it."""
    leads = range(1, len(rates))
    point = PointForecast(
        stream="radar",
        forecast_reference_time=NOON - behind * STEP,
        latitude=47,
        longitude=8,
        row=3,
        column=4,
        valid_times=[NOON + lead * STEP for lead in leads],
        lead_minutes=[5.0 * (lead + behind) for lead in leads],
        lead_sources=["network" for _ in leads],
        reflectivity_dbz=[None for _ in leads],
        extrapolation_dbz=[None for _ in leads],
        expected_dbz=[],
        expected_rain_rate_mm_h=[],
        rain_rate_mm_h=list(rates[1:]),
        zr={"a": 200, "b": 1.6},
        exceedance_probability={"20": [chance for _ in leads], "30": [0.1 for _ in leads]},
        radar_coverage=[rate is not None for rate in rates[1:]],
        quality={},
        not_stored=[],
    )
    observed = ObservedPoint(NOON, rates[0], "An agency", "CC-BY-4.0")
    rain = PlaceRain(point, observed, STEP, NOON + timedelta(minutes=after))
    return rain_answer(rain, threshold, Wording(language, zone_of(zone)))


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        (
            (0, 0, 0, 2, 6.21, 1, 0, 0, 0),
            "Rain from 12:15, up to 6.2 mm/h at 12:20, 70 % likely to exceed 0.65 mm/h;"
            " dry again from 12:30.",
        ),
        (
            (3, 2, 0, 0, 0),
            "Rain now, 3 mm/h, 70 % likely to exceed 0.65 mm/h; dry again from 12:10.",
        ),
        ((1.2, 0, 0, 0), "Rain now, 1.2 mm/h; dry again from 12:05."),
        (
            (1, 0, 3, 3, 0),
            "Rain now, with breaks, up to 3 mm/h at 12:10, 70 % likely to exceed 0.65 mm/h;"
            " what comes after 12:20 cannot be said.",
        ),
        (
            (0, 12.6, 12.6),
            "Rain from 12:05, up to 13 mm/h at 12:05, 70 % likely to exceed 0.65 mm/h,"
            " until 12:10 at least.",
        ),
        (
            (0, 0.3, 0, 0, 9, 8),
            "Rain from 12:05, up to 0.3 mm/h at 12:05, 70 % likely to exceed 0.65 mm/h;"
            " rain again from 12:20, up to 9 mm/h.",
        ),
        ((0, 0, 0), "No rain forecast until 12:10."),
        ((0, 0, None), "No rain forecast until 12:05; what comes after cannot be said."),
        (
            (None, 0, 0),
            "No rain forecast where radar can trace it; it cannot for all times until 12:10.",
        ),
        (
            (None, None),
            "Radar does not see this place, so nothing is known about rain here.",
        ),
    ],
)
def test_examples(rates: tuple[float | None, ...], sentence: str) -> None:
    assert answer(*rates).sentence == sentence


def test_without_probabilities_none_is_named() -> None:
    given = answer(0, 2, 2, 0, 0, chance=None)
    assert given.sentence == "Rain from 12:05, up to 2 mm/h at 12:05; dry again from 12:15."
    assert given.probability is None


def test_of_more_rain_than_some_the_rest_is_not_called_dry() -> None:
    rates = (0.5, 0.5, 2, 0.5, 0.5)
    given = answer(*rates, threshold=1)
    assert given.sentence == (
        "Rain of 1 mm/h or more from 12:10, up to 2 mm/h at 12:10, 70 % likely to exceed 0.65 mm/h;"
        " less than that from 12:15."
    )
    assert answer(*rates, threshold=3).sentence == "Less than 3 mm/h forecast until 12:20."
    assert answer(*rates, threshold=3).probability_over_mm_h == 2.73


def test_other_languages_and_zones() -> None:
    rates = (0, 0, 0, 2, 6.21, 1, 0, 0, 0)
    assert answer(*rates, language="de", zone="Europe/Zurich").sentence == (
        "Regen ab 14:15, bis 6,2 mm/h um 14:20, mit 70 % Wahrscheinlichkeit über 0,65 mm/h;"
        " ab 14:30 wieder trocken."
    )
    assert answer(*rates, language="fr", zone=None).sentence == (
        "Pluie à partir de 12:15 UTC, jusqu’à 6,2 mm/h à 12:20 UTC, avec 70 % de probabilité de"
        " dépasser 0,65 mm/h ; de nouveau sec à partir de 12:30 UTC."
    )


def test_minutes_count_from_now() -> None:
    given = answer(0, 0, 0, 2, 0, 0, after=3.5)
    assert (given.minutes_until_start, given.minutes_until_end) == (12, 17)
    assert answer(0, 2, 2, after=9).minutes_until_start == 0


def test_a_forecast_of_an_older_image_says_so() -> None:
    assert answer(0, 2, 2, behind=1).sentence.startswith("Rain from 12:05")
    assert answer(0, 2, 2, behind=6).sentence.startswith(
        "Seen from the image of 11:30: Rain from 12:05"
    )


def test_an_old_image_warns_but_calls_nothing_dry() -> None:
    fine = answer(0, 0, 0, 0, 0, 0, 0, 0, after=20)
    assert (fine.stale, fine.state, fine.raining_now) == (True, "unknown", None)
    assert fine.sentence == (
        "The newest image is from 12:00. Whether it rains now or will soon is not known."
    )
    storm = answer(5, 0, 0, 0, 0, 0, 8, 0, 0, 0, after=20)
    assert (storm.state, storm.raining_now, storm.next_end) == ("rain-expected", None, None)
    assert storm.sentence.startswith(
        "Seen from the image of 12:00: Rain from 12:30 at the latest, up to 8 mm/h"
    )
    assert not answer(0, 0, 0, after=15).stale
    assert "2026-07-01 12:00" in answer(0, 0, after=3000).sentence


rate = st.none() | st.sampled_from([0.0, 0.05, 0.1, 0.4, 3.0, 40.0])


@given(
    st.lists(rate, min_size=2, max_size=12),
    st.sampled_from(LANGUAGES),
    st.sampled_from([0, 10, 16, 40, 500]),
    st.sampled_from([0.1, 1.0]),
)
def test_any_outlook_has_a_sentence(
    rates: list[float | None], language: Language, after: float, threshold: float
) -> None:
    given = answer(*rates, language=language, after=after, threshold=threshold)
    assert given.sentence.endswith(".")
    assert not PLACES.findall(given.sentence)
    if given.stale or None in rates:
        assert given.state != "no-rain"
        assert given.sentence not in (texts(language)["no_rain"], texts(language)["not_so_much"])
    if given.stale:
        for word in ("dry again", "wieder trocken", "de nouveau sec"):
            assert word not in given.sentence


def test_every_text_has_the_same_places_in_every_language() -> None:
    folder = resources.files("echocast.service.rain") / "texts"
    read = {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in LANGUAGES}
    for name, english in read["en"].items():
        for language in LANGUAGES:
            assert sorted(PLACES.findall(read[language][name])) == sorted(PLACES.findall(english))
    assert len({frozenset(one) for one in read.values()}) == 1


@pytest.mark.parametrize(
    ("named", "accepted", "language"),
    [
        (None, None, "en"),
        (None, "de-CH, en;q=0.8", "de"),
        (None, "it, fr;q=0.5, en;q=0.2", "fr"),
        (None, "it;q=nonsense", "en"),
        ("fr", "de", "fr"),
    ],
)
def test_the_language_is_the_caller_s(
    named: Language | None, accepted: str | None, language: str
) -> None:
    assert preferred_language(named, accepted) == language


@pytest.mark.parametrize("name", ["Nowhere/Else", "", "../etc/passwd", "Europe", "a\0b"])
def test_a_zone_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ContractViolation, match="time zone"):
        zone_of(name)
