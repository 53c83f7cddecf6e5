"""The state of a source in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from echocast.service.fetching.source_state import SourceState
from tests.service.fetching.played_source import played_source

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def state(**known: Any) -> SourceState:
    """Of a source with an image each five minutes, two minutes late."""
    return SourceState.of(played_source(), NOON).model_copy(update=known)


IMAGE = {"newest_image": NOON}
TROUBLE = {**IMAGE, "trouble": "agency answers 503."}
YESTERDAY = {"newest_image": NOON - timedelta(days=1)}
NEWEST = "The newest image is of 12:00 UTC."


@pytest.mark.parametrize(
    ("known", "minutes", "sentence"),
    [
        (IMAGE, 6, NEWEST),
        (TROUBLE, 6, NEWEST),
        (TROUBLE, 19, "No new image since 12:00 UTC: agency answers 503."),
        (IMAGE, 19, "No new image since 12:00 UTC: the agency shows none."),
        (YESTERDAY, 1, "No new image since 2026-06-30 12:00 UTC: the agency shows none."),
        ({"newest_image": NOON.astimezone(timezone(timedelta(hours=7)))}, 6, NEWEST),
        ({"trouble": "agency answers 403."}, 1, "There is no image yet: agency answers 403."),
        (TROUBLE, 21, "Nothing was heard of `echocast fetch` since 12:00 UTC; does it run?"),
        (
            {**IMAGE, "clock_ahead_seconds": 431.0},
            6,
            f"{NEWEST} The clock here is 7 min ahead of the agency's.",
        ),
        (
            {**IMAGE, "clock_ahead_seconds": -90.0},
            6,
            f"{NEWEST} The clock here is 2 min behind the agency's.",
        ),
    ],
)
def test_sentences(known: dict[str, Any], minutes: int, sentence: str) -> None:
    assert state(**known).in_words(NOON + timedelta(minutes=minutes)) == sentence


@pytest.mark.parametrize(
    ("known", "minutes", "status"),
    [(IMAGE, 6, "current"), (IMAGE, 19, "late"), ({}, 1, "empty"), (IMAGE, 21, "silent")],
)
def test_the_status_is_said_to_programs(known: dict[str, Any], minutes: int, status: str) -> None:
    assert state(**known).status_at(NOON + timedelta(minutes=minutes)) == status


def test_the_state_has_the_outline_of_the_source() -> None:
    source = played_source()
    assert state().outline == source.area.corners
    with pytest.raises(ValidationError, match="outline"):
        SourceState(**{**state().model_dump(), "outline": [(0.0, 91.0)]})
