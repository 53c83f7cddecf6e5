"""The files of sources: the shipped ones, an operator's own, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from echocast.service.sources.errors import SourceUnusable, UnknownSource
from echocast.service.sources.library import SHIPPED, all_sources, load_source, source_named
from echocast.service.sources.source import ByClock, SourceArea
from tests.service.sources.played_source import CLOCK

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", [path.stem for path in sorted(SHIPPED.glob("*.toml"))])
def test_a_shipped_source_says_its_times_both_ways(name: str) -> None:
    source = all_sources()[name]
    fetch = source.fetch
    if isinstance(fetch, ByClock):
        patterns = [part for part in (fetch.pattern, *fetch.bodies.values()) if part.is_whole]
    else:
        patterns = [fetch.names]
    assert patterns
    for pattern in patterns:
        assert pattern.time_in(pattern.at(NOON).replace("*", "00")) == NOON
    west, south, east, north = source.area.bbox
    assert source.area.covers((south + north) / 2, west + (east - west) % 360 / 2)
    for longitude, latitude in source.area.corners:
        assert west <= longitude <= west + (east - west) % 360
        assert south <= latitude <= north


def test_a_line_over_the_date_line_goes_on_above_180_degrees() -> None:
    area = SourceArea(bbox=(170.0, -50.0, -170.0, -30.0))
    assert area.corners == ((170, -50), (190, -50), (190, -30), (170, -30))
    outline = ((171.0, -49.0), (-171.0, -49.0), (179.0, -31.0))
    assert SourceArea(bbox=area.bbox, outline=outline).corners == (
        (171, -49),
        (189, -49),
        (179, -31),
    )


def test_an_own_folder_adds_sources(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(CLOCK)
    assert {"mine", "opera"} <= all_sources(tmp_path).keys()


def test_a_name_that_exists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "opera.toml").write_text(CLOCK)
    with pytest.raises(SourceUnusable, match=r"source 'opera' already; rename .*opera\.toml"):
        all_sources(tmp_path)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable, match="ECHOCAST_SOURCES_DIR"):
        all_sources(tmp_path / "none")


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownSource, match=r"'oprea'\. Did you mean opera\?"):
        source_named("oprea", all_sources())
    with pytest.raises(UnknownSource, match="`echocast sources`"):
        source_named("zzz", all_sources())


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('title = "', "title = [", "is no file of a source"),
        ("step_minutes = 5", "step_minutes = 0", "step_minutes"),
        ("step_minutes = 5", "step_minutes = 5\nsteps = 5", "steps"),
        ('"a.example"', '"other.example"', "a.example"),
        ("-24.6, 33.0, 40.0, 70.6", "33.0, 70.6, 70.6, 33.0", "west, south, east, north"),
        ("-24.6, 33.0, 40.0, 70.6", "-24.6, 33.0, 40.0, 90.6", "within -90..90"),
        ("T%H%M@", "T%H@", "day, hour and minute"),
        ("T%H%M@", "T%H%N@", "%N is no code"),
        ('kind = "clock"', 'kind = "ftp"', "fetch"),
        ('kind = "clock"', 'kind = "html"', "name"),
        ('name = "CC-BY-4.0"', 'name = ""', "licence.name"),
    ],
)
def test_what_no_source_can_be_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    assert old in CLOCK
    path = tmp_path / "wrong.toml"
    path.write_text(CLOCK.replace(old, new))
    with pytest.raises(SourceUnusable, match=why) as refusal:
        load_source(path)
    assert str(path) in str(refusal.value)


def test_places_lie_in_an_area_also_over_the_date_line(tmp_path: Path) -> None:
    path = tmp_path / "pacific.toml"
    path.write_text(CLOCK.replace("-24.6, 33.0, 40.0, 70.6", "170.0, -50.0, -170.0, -30.0"))
    area = load_source(path).area
    assert area.covers(-40, 175)
    assert area.covers(-40, -175)
    assert not area.covers(-40, 0)
    assert not area.covers(-20, 175)
