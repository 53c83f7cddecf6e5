"""The page of an evaluation: one file, every link leads somewhere, nothing without its sample."""

import re

import numpy as np
import pytest

from echocast.model.forecast import ModelIdentity
from echocast.model.plotting.report import evaluation, tables
from echocast.model.plotting.report.event import JudgedEvent, ranked_cases
from echocast.model.plotting.report.maps import case_maps
from echocast.model.verification.counts import DECODED, PYSTEPS_SPROG, THRESHOLDS_DBZ
from echocast.model.verification.event_scores import EventScores
from echocast.model.verification.start_counts import StartCounts
from tests.model.formats.radar_files import forecast_of, small_storm

METHODS = ("model", "expected", DECODED, PYSTEPS_SPROG)
MODEL = ModelIdentity("tiny", "1", "0" * 64)


def event(name, seed, *, starts=3, every=60.0, errors=None):
    random, made = np.random.default_rng(seed), []
    for error in errors or [6.0] * starts:
        rain = random.uniform(0, 55, (2, 40, 40)).astype(np.float32)
        fields = [rain + random.normal(0, error, rain.shape).astype(np.float32) for _ in METHODS]
        chance = np.stack([(fields[0] >= dbz) * np.float32(0.8) for dbz in THRESHOLDS_DBZ])
        made.append(StartCounts.of(fields, rain, 1.0, [chance]))
    minutes = tuple(every * k for k in range(len(made)))
    return EventScores(name, METHODS, (5.0, 10.0), minutes, tuple(made), ("model",))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    events = [JudgedEvent(event(name, k), {"grid": "<small>"}) for k, name in enumerate("ab")]
    evaluation.write(folder, MODEL, 6, events)
    return (folder / "index.html").read_text()


def test_every_link_leads_to_a_section_or_a_file(page, tmp_path):
    anchors = set(re.findall(r'id="([^"]+)"', page))
    links = re.findall(r'href="([^"]+)"', page)
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    evaluation.write(tmp_path, MODEL, 6, [JudgedEvent(event("a", 1))])
    files = {link for link in links if not link.startswith("#")}
    assert files == {path.name for path in tmp_path.iterdir()} - {"index.html"}


def test_the_page_asks_nobody_and_shows_what_it_is_given_as_text(page):
    shown = re.sub(r"data:[a-z/+]+;base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.findall(r"(?:src|href|url)\W{1,3}(?:https?:)?//", shown)
    assert "<script" not in shown
    assert "&lt;small&gt;" in shown


def test_every_score_has_its_bias_and_the_observed_pixels(page):
    scores = event("a", 0), event("b", 1)
    observed = sum(one.table("model", 40.0).observed for one in scores)
    assert f"40 dBZ<br><small>n = {observed:,}</small>" in page
    whole = sum((one.table("model", 40.0) for one in scores[1:]), scores[0].table("model", 40.0))
    csi, bias = whole.critical_success_index, whole.frequency_bias
    assert f"{csi:.3f} <small>{bias:.2f}</small>" in page


def test_the_words_of_the_tables_are_explained_beside_them(page):
    for name in ("expected", "decoded extrapolation", "decoded pysteps S-PROG"):
        assert f"<dt>{name}</dt>" in page


def test_no_interval_where_fewer_than_ten_blocks_stand_behind_it():
    few = tables.difference_table([event("a", 1, starts=9)], "model")
    assert "no interval: 9 blocks" in few
    assert " to " not in few
    enough = tables.difference_table([event("a", 1, starts=6), event("b", 2, starts=6)], "model")
    assert "90 % interval" in enough
    assert re.search(r"[+-]0\.\d{3} <small>[+-]0\.\d{3} to [+-]0\.\d{3}</small>", enough)
    near = tables.difference_table([event("a", 1, starts=40, every=1.0)], "model")
    assert "no interval: 2 blocks of 20 min" in near  # forty starts, but hardly other weather


def test_one_event_cannot_choose_the_cuts_that_it_is_judged_by(tmp_path):
    evaluation.write(tmp_path, MODEL, 6, [JudgedEvent(event("a", 1))])
    page = (tmp_path / "index.html").read_text()
    assert "decoded pysteps S-PROG needs a second event" in page
    assert "<dt>decoded pysteps S-PROG</dt>" not in page


def test_the_hardest_and_the_median_case_are_those_of_the_csi():
    assert ranked_cases(event("a", 1, errors=[2.0, 9.0, 5.0])) == {"Hardest": 1, "Median": 2}
    assert ranked_cases(event("a", 1, errors=[2.0])) == {"The only case": 0}
    dry = np.zeros((2, 40, 40), np.float32)
    nothing = StartCounts.of([dry] * 4, dry, 1.0)
    assert ranked_cases(EventScores("dry", METHODS, (5.0, 10.0), (0.0,), (nothing,))) == {}


def test_maps_show_every_method_at_four_leads_with_one_legend():
    forecast, observed = forecast_of(small_storm(coverage_radius_km=9))
    others = {"S-PROG": forecast.extrapolation.reflectivity_dbz}
    figure = case_maps(forecast, observed, others)
    *maps, legend = figure.axes
    assert [panel.get_ylabel() for panel in maps[::4]] == [
        *("Forecast", "Observed", "Extrapolation", "S-PROG")
    ]
    assert maps[0].get_title().endswith(f"+{forecast.lead_minutes[0]:g} min")
    assert all(len(panel.images) == 1 for panel in maps)
    assert [text.get_text() for text in legend.get_yticklabels()][4] == "40 (12)"
