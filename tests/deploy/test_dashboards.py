"""Dashboards explain themselves and show something; metrics are used, and say their unit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from echocast.model.drift import indicators, messages
from echocast.model.drift.blocks import BLOCK
from echocast.model.drift.detector import PARAMETERS
from echocast.model.formats.netcdf.reader import read_netcdf
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.plotting.methods import COLOURS
from echocast.service.streams.sample_floors import SampleFloors
from tests.deploy.dashboard_files import (
    FOLDER,
    UNUSED,
    UNUSED_PREFIXES,
    dashboards,
    family,
    names_in,
    panel_titled,
    panels,
    properties,
)
from tests.deploy.prometheus_files import RUNBOOK, rules
from tests.deploy.replay import BLOCK_SECONDS, CHARTED, FRAMES, STREAM, Watch, watched_replay

BOARDS = dashboards()
SKILL = BOARDS["skill.json"]
SKILL_FROM = "after about 10 blocks of 6 h with rain, 2.5 days"
PANELS = [
    pytest.param(panel, id=f"{name.removesuffix('.json')}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in panels(board)
]
CHOSEN = {
    "$lead": ".*",
    "$window": "5m",
    "$block": f"{BLOCK_SECONDS}s",
    "$__rate_interval": "20s",
}
IDS = re.compile(r'"[0-9a-f]{16,}"')


@pytest.fixture(scope="module")
def watch(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """A replay that a real Prometheus saw, one for all tests; scraping ends with this file."""
    with watched_replay(models, tmp_path_factory.mktemp("prometheus")) as watched:
        yield watched


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert len(panel["description"].split()) > 5
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"]
    assert re.match("(after|once) .{6,}", defaults["noValue"]), "from when on it has numbers"
    if panel["type"] == "timeseries":
        assert defaults["custom"]["spanNulls"] is False, "a gap is a gap"


@pytest.mark.parametrize("name", BOARDS)
def test_a_page_has_one_time_range_and_begins_with_how_to_read_it(name: str) -> None:
    board = BOARDS[name]
    assert board["panels"][0]["type"] == "text"
    assert not [panel for panel in board["panels"] if {"timeFrom", "timeShift"} & set(panel)]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in board["panels"])


def test_one_can_choose_stream_threshold_and_lead() -> None:
    variables = {one["name"] for one in BOARDS["skill.json"]["templating"]["list"]}
    assert variables == {"datasource", "stream", "threshold", "lead", "window", "block"}


def test_the_thick_line_is_the_model_and_methods_have_their_colours() -> None:
    panel = panel_titled(BOARDS["skill.json"], "CSI of the model")
    methods = {"challenger", "canary", "extrapolation", "decoded_extrapolation", "persistence"}
    assert panel["targets"][0]["legendFormat"] == "model"
    assert {target["legendFormat"] for target in panel["targets"]} == {"model", *methods}
    widths = properties(panel, "custom.lineWidth")
    assert widths.pop("model") > 2 * max(widths.values())
    colours = {name: one["fixedColor"] for name, one in properties(panel, "color").items()}
    assert colours == {name: COLOURS[name] for name in ("model", *methods)}


def test_every_series_of_drift_has_words() -> None:
    described = properties(panel_titled(BOARDS["skill.json"], "Blocks in the drift"), "displayName")
    assert set(described) == {*indicators.SERIES, messages.INTENSITIES}


def test_the_runbook_names_panels_by_their_titles() -> None:
    places = re.findall(r"\*(Skill|Operations) > ([^*]+)\*", RUNBOOK.read_text())
    assert places
    for board, place in places:
        titles = [panel["title"] for panel in panels(BOARDS[f"{board.lower()}.json"])]
        assert [title for title in titles if title.startswith(" ".join(place.split()))], place


def test_provisioning_names_the_folder_and_the_source() -> None:
    folder = FOLDER.parent / "provisioning"
    assert "/var/lib/grafana/dashboards" in (folder / "dashboards" / "echocast.yml").read_text()
    assert "type: prometheus" in (folder / "datasources" / "prometheus.yml").read_text()


@pytest.mark.parametrize("panel", PANELS)
def test_every_expression_of_a_panel_shows_something(panel: dict[str, Any], watch: Watch) -> None:
    assert not empty(panel, watch)


@pytest.mark.real_radar
def test_a_real_event_fills_every_panel(models: Path, radar_folder: Path, tmp_path: Path) -> None:
    """Fifty-five minutes of a development event, where it rains most."""
    frames = heaviest(read_netcdf(radar_folder / "mch_20150515.nc"))
    with watched_replay(models, tmp_path, frames) as replayed:
        blank = {
            f"{name}: {panel['title']}: {target['legendFormat']}"
            for name, board in BOARDS.items()
            for panel in panels(board)
            for target in empty(panel, replayed)
        }
    assert not blank


def heaviest(frames: Frames, side: int = 128) -> Frames:
    """The square with the most heavy rain in the first frame, in the first hour."""
    heavy = np.nan_to_num(frames.reflectivity_dbz[0]) >= 30
    sums = cv2.boxFilter(heavy.astype(np.float32), -1, (side, side), anchor=(0, 0), normalize=False)
    inside = sums[:-side, :-side]
    corner = np.unravel_index(np.argmax(inside), inside.shape)
    rows, columns = (slice(int(at), int(at) + side) for at in corner)
    grid = Grid(frames.grid.y[rows], frames.grid.x[columns], frames.grid.units, frames.grid.crs)
    values = frames.reflectivity_dbz[:FRAMES, rows, columns]
    return Frames(values, frames.times[:FRAMES], grid, frames.no_rain_dbz, frames.attributes)


def empty(panel: dict[str, Any], watch: Watch) -> list[dict[str, Any]]:
    """Targets of a panel that show nothing at any threshold."""
    return [
        target
        for target in panel["targets"]
        if not any(
            shown(target["expr"], threshold, watch)
            for threshold in (
                ("20", "30", "40", "50") if "$threshold" in target["expr"] else ("30",)
            )
        )
    ]


def shown(expression: str, threshold: str, watch: Watch) -> bool:
    """Whether an expression has a number somewhere in the replay."""
    return any(
        math.isfinite(value)
        for stream in ((STREAM, CHARTED) if "$stream" in expression else (STREAM,))
        for value in watch.prometheus.values(
            filled(expression, stream, threshold), watch.start, watch.end
        )
    )


def filled(expression: str, stream: str, threshold: str) -> str:
    for name, value in {**CHOSEN, "$stream": stream, "$threshold": threshold}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def test_annotations_have_marks(watch: Watch) -> None:
    for mark in BOARDS["skill.json"]["annotations"]["list"]:
        if "ALERTS" not in mark["expr"]:
            assert shown(mark["expr"], "30", watch), mark["name"]


def test_a_tile_below_its_floor_is_grey_and_shows_its_n() -> None:
    tile = panel_titled(BOARDS["skill.json"], "Paired skill of")
    value, *n = tile["targets"]
    assert re.search(r"or sum by \(\).*\* NaN$", value["expr"])
    special = tile["fieldConfig"]["defaults"]["mappings"][0]
    assert special["options"]["match"] == "null+nan"
    assert special["options"]["result"] == {"text": SKILL_FROM, "color": "#8E8E8E"}
    assert [one["legendFormat"] for one in n] == ["pixels n", "blocks n", "storms n"]


def test_what_is_empty_says_from_when_on_it_has_numbers() -> None:
    """By the floors that hold where nobody set others; a block has six hours."""
    texts = {p["title"]: p["fieldConfig"]["defaults"]["noValue"] for p in panels(SKILL)}
    floors = sorted({series.floor for series in PARAMETERS.series.values()})
    days = [f"{floor * BLOCK / timedelta(days=1):g}" for floor in floors]
    assert (SampleFloors().blocks, floors) == (10, [20, 30])
    assert f"{SampleFloors().blocks * BLOCK / timedelta(days=1):g} days" in SKILL_FROM
    assert [title for title, text in texts.items() if text == SKILL_FROM] == [
        title for title in texts if re.match("Paired skill|CSI of|Frequency bias", title)
    ]
    (drift,) = (text for title, text in texts.items() if title.startswith("Drift charts"))
    assert drift == f"after 20 to 30 blocks of 6 h with rain, {days[0]} to {days[1]} days"


def test_dashboards_have_addresses_and_can_be_edited() -> None:
    assert {board["uid"] for board in BOARDS.values()} == {"echocast-skill", "echocast-operations"}
    assert all(board["editable"] for board in BOARDS.values())


def named() -> set[str]:
    """Families named by panels, annotations and rules."""
    boards = BOARDS.values()
    expressions = [t["expr"] for board in boards for p in panels(board) for t in p["targets"]]
    expressions += [mark["expr"] for board in boards for mark in board["annotations"]["list"]]
    expressions += [rule["expr"] for rule in rules()]
    return set().union(*map(names_in, expressions))


def exported(watch: Watch) -> set[str]:
    """Families that the gateway tells of, with its worker's."""
    types = re.findall(r"^# TYPE (echocast_\S+) ", watch.exposition, re.M)
    return {family(name) for name in types}


def test_what_is_named_is_exported(watch: Watch) -> None:
    assert named() <= exported(watch)


def test_what_is_exported_is_used(watch: Watch) -> None:
    prefixes = tuple(UNUSED_PREFIXES)
    unused = {name for name in exported(watch) - named() if not name.startswith(prefixes)}
    assert unused == set(UNUSED)


def test_no_id_is_a_label_and_no_series_says_when_it_was_created(watch: Watch) -> None:
    assert not IDS.findall(watch.exposition)
    assert "_created" not in watch.exposition


def test_every_family_stands_together(watch: Watch) -> None:
    types = re.findall(r"^# TYPE (\S+) ", watch.exposition, re.M)
    assert len(types) == len(set(types))


def test_times_and_sizes_are_in_base_units(watch: Watch) -> None:
    wrong = re.compile(r"_(ms|millis|milliseconds|minutes|hours|kb|mb|gb|mib|percent)(_|$)")
    assert not [name for name in exported(watch) if wrong.search(name)]


def test_no_rule_alarms_during_the_replay_but_of_what_is_old(watch: Watch) -> None:
    """The replayed frames are of long ago, but came just now: nothing is stale or stalled."""
    assert watch.prometheus.values('ALERTS{alertstate="firing"}', watch.start, watch.end) == []
