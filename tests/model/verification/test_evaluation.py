"""Judging: every score equal to that of the ``scores`` package, on the same pixels."""

import csv
import io
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from rich.console import Console
from rich.progress import Progress
from scores.categorical import BinaryContingencyManager
from scores.spatial import fss_2d_single_field

from echocast.model.errors import ContractViolation
from echocast.model.formats.event_files import EventFiles
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.nowcaster import Nowcaster
from echocast.model.plotting.report import evaluation as report
from echocast.model.plotting.report.event import judged_event
from echocast.model.registry.reader import RegistryReader
from echocast.model.synthetic.storms import storm
from echocast.model.verification.bootstrap import csi_difference
from echocast.model.verification.counts import DECODED, THRESHOLDS_DBZ
from echocast.model.verification.evaluation import evaluate, forecasts
from echocast.model.verification.event_scores import EventScores
from echocast.model.verification.start_counts import StartCounts

LEADS = 3
METHODS = ("model", "extrapolation")


def fields(seed, starts=4):
    """(start, method + observed, lead, height, width) of smooth rain, some of it missing."""
    rng = np.random.default_rng(seed)
    rain = np.clip(rng.normal(25, 14, (starts, 3, LEADS, 40, 50)), 0, 60).astype(np.float32)
    rain[rng.random(rain.shape) < 0.05] = np.nan
    return rain


def scores_of(rain, minutes=None):
    starts = tuple(StartCounts.of(list(part[:2]), part[2], 1.0) for part in rain)
    minutes = minutes or tuple(60.0 * k for k in range(len(rain)))
    return EventScores("storm", METHODS, (5.0, 10.0, 15.0), tuple(minutes), starts)


def known(rain):
    return np.isfinite(rain).all(1)


@pytest.mark.parametrize("threshold", THRESHOLDS_DBZ)
def test_contingency_scores_are_those_of_the_scores_package(threshold):
    rain = fields(1)
    mask, counted = known(rain), scores_of(rain)
    for m, method in enumerate(METHODS):
        for lead in (None, 0, 2):
            part = slice(None) if lead is None else slice(lead, lead + 1)
            keep = mask[:, part]
            forecast, observed = (rain[:, i, part][keep] >= threshold for i in (m, 2))
            theirs = BinaryContingencyManager(
                xr.DataArray(forecast.astype(float), dims="p"),
                xr.DataArray(observed.astype(float), dims="p"),
            )
            ours = counted.table(method, threshold, lead)
            pairs = [
                (ours.critical_success_index, theirs.critical_success_index()),
                (ours.frequency_bias, theirs.frequency_bias()),
                (ours.probability_of_detection, theirs.probability_of_detection()),
                (ours.false_alarm_ratio, theirs.false_alarm_ratio()),
                (ours.equitable_threat_score, theirs.equitable_threat_score()),
                (ours.heidke_skill_score, theirs.heidke_skill_score()),
            ]
            for mine, other in pairs:
                assert mine == pytest.approx(float(other), abs=1e-6, nan_ok=True)
            assert ours.total == keep.sum()


def test_the_squared_error_is_that_of_the_shared_pixels():
    rain = fields(2)
    mask = known(rain)
    truth = np.square(rain[:, 0][mask] - rain[:, 2][mask], dtype=float).mean()
    assert scores_of(rain).mean_squared_error("model") == pytest.approx(truth, abs=1e-6)


def test_the_fractions_skill_score_is_that_of_the_scores_package():
    rain = np.nan_to_num(fields(3, starts=1))
    ours = scores_of(rain).fractions_skill_score("model", 30.0)
    parts = [
        StartCounts.of([rain[0, 0, k : k + 1]], rain[0, 2, k : k + 1], 2.0) for k in range(LEADS)
    ]
    for k, part in enumerate(parts):
        difference, whole = part.fractions[0, 1, 0, 0]
        theirs = fss_2d_single_field(
            rain[0, 0, k], rain[0, 2, k], event_threshold=30.0, window_size=(1, 1)
        )
        assert 1 - difference / whole == pytest.approx(theirs, abs=1e-6)
    assert ours == sorted(ours)  # random rain: the wider the neighbourhood, the better


def difference_of(counted, method, reference, threshold):
    """CSI of a method minus that of a reference, with its interval."""
    pair = counted.blocks((method, reference))[:, :, THRESHOLDS_DBZ.index(threshold)]
    return tuple(map(float, csi_difference([pair])))


def test_a_method_does_not_differ_from_itself_and_a_perfect_one_wins_with_certainty():
    rain = fields(4)
    rain[:, 0] = rain[:, 2]
    counted = scores_of(rain)
    assert difference_of(counted, "model", "model", 30.0) == (0, 0, 0)
    difference, low, high = difference_of(counted, "model", "extrapolation", 30.0)
    assert 0 < low <= difference <= high


def test_intervals_resample_hours_not_start_times():
    rain = fields(5, starts=6)
    apart, together = scores_of(rain), scores_of(rain, minutes=[0, 5, 10, 15, 20, 25])
    _, low, high = difference_of(apart, "model", "extrapolation", 30.0)
    assert low < high
    _, low, high = difference_of(together, "model", "extrapolation", 30.0)
    assert low == high  # one hour of weather: nothing to resample


def test_a_threshold_that_never_occurs_has_no_score():
    rain = np.clip(fields(6), 0, 40)
    counted = scores_of(rain)
    assert np.isnan(counted.table("model", 50.0).critical_success_index)
    assert np.isnan(difference_of(counted, "model", "extrapolation", 50.0)).all()
    cell = counted.to_json()["methods"]["model"]["thresholds"]["50"]["pooled"]
    assert cell["csi"] is None


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    frames = storm(7, frames=22, height=64, width=64)
    write_frames(frames, folder / "made-up.nc")
    nowcaster = Nowcaster.load(RegistryReader().resolve())
    files = EventFiles.of([folder / "made-up.nc"])
    with Progress(disable=True) as bar:
        event = evaluate(nowcaster, files, 2, bar)
    shown = judged_event(nowcaster, files, 2, event)
    report.write(folder, nowcaster.identity, 2, [shown])
    return folder, event


def test_a_whole_event_is_judged_beside_its_references(judged):
    _, event = judged
    assert event.methods == ("model", "expected", "extrapolation", DECODED, "persistence")
    assert len(event.starts) == 2
    assert event.mean_squared_error("expected") < event.mean_squared_error("persistence")
    assert "made-up (2)" in report.markdown([event])


def test_the_report_says_the_same_in_all_its_files(judged):
    folder, event = judged
    scores = json.loads((folder / "scores.json").read_text())["events"]["made-up"]
    with (folder / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    row = next(r for r in rows if r["method"] == "model" and float(r["threshold_dbz"]) == 30)
    cell = scores["methods"]["model"]["thresholds"]["30"]["leads"][0]
    assert int(row["hits"]) == cell["hits"] == event.table("model", 30.0, 0).hits
    with xr.open_dataset(folder / "scores.nc") as arrays:
        counted = arrays.sel(forecast_method="model", threshold=30.0).isel(event=0, lead=0)
        assert int(counted.hits) == cell["hits"]
        assert float(counted.csi) == cell["csi"]
    page = (folder / "index.html").read_text()
    assert f"{event.mean_squared_error('model'):.1f}" in page


def test_the_page_begins_with_the_event_its_dates_grid_rates_and_maps(judged):
    page = (judged[0] / "index.html").read_text()
    first = page.split('<section id="pooled">')[0]
    assert "2026-07-01 12:00 UTC to" in first
    assert "64 x 64 pixels of 1 km" in first
    assert "40 dBZ = 12 mm/h" in first
    assert first.count("data:image/webp;base64,") == 2
    assert re.search(r"Hardest of this event: 2026-07-01 1\d:\d\d UTC", first)
    assert "Median of this event" in first


def test_an_event_too_short_to_judge_is_refused(tmp_path):
    write_frames(storm(7, frames=12, height=64, width=64), tmp_path / "short.nc")
    event = EventFiles.of([tmp_path / "short.nc"])
    with Progress(disable=True) as bar, pytest.raises(ContractViolation, match="20 frames"):
        evaluate(Nowcaster.load(RegistryReader().resolve()), event, 1, bar)


def test_reference_times_whose_frames_have_a_gap_are_left_out_and_counted(tmp_path):
    """Scored by their order, frames after a gap would count for the wrong lead times."""
    frames = storm(7, frames=12, height=64, width=64)
    for name, part in (("a.nc", frames[:5]), ("b.nc", frames[6:])):
        write_frames(part, tmp_path / name)
    network = SimpleNamespace(input_frames=2, output_frames=2, nowcast=lambda inputs, _: inputs)
    console = Console(file=io.StringIO(), width=200)
    with Progress(disable=True, console=console) as bar:
        event = EventFiles.of([tmp_path])
        parts = [(i.times, o.times) for _, i, o in forecasts(network, event, 1, bar)]
    even = [*range(2), *range(6, 9)]
    assert parts == [(frames.times[k : k + 2], frames.times[k + 2 : k + 4]) for k in even]
    assert "missing for 3 reference times" in console.file.getvalue()


def test_an_event_of_gaps_alone_is_refused(tmp_path):
    frames = storm(7, frames=12, height=64, width=64)
    for k in range(0, 12, 3):
        write_frames(frames[k : k + 2], tmp_path / f"{k}.nc")
    network = SimpleNamespace(input_frames=2, output_frames=2)
    with Progress(disable=True) as bar, pytest.raises(ContractViolation, match="8 with gaps"):
        next(forecasts(network, EventFiles.of([tmp_path]), 1, bar))
