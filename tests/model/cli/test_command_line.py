"""``python -m echocast.model``: the commands do what they say and fail in one sentence."""

import itertools
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import torch
import xarray as xr
from PIL import Image
from typer.testing import CliRunner

from benchmarks.__main__ import app as benchmarks
from echocast.model.__main__ import app
from echocast.model.formats.event_files import EventFiles
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import Network
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry import checkpoint
from echocast.model.synthetic.storms import storm
from echocast.model.training.run import trained_in
from tests.model.formats.foreign_files import geotiff
from tests.model.smooth_rain import SIDE, STEP, rain

TIMES = storm(2, frames=10, step_minutes=STEP).times
TINY = replace(RADAR_SMALL, hidden_channels=4)


def run(*arguments, of=app):
    result = CliRunner().invoke(of, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def models(tmp_path):
    torch.manual_seed(0)
    network = Network(TINY)
    torch.nn.init.normal_(network.head.weight, std=0.02)
    checkpoint.save(network, tmp_path / "models" / "tiny" / "1", {})
    (tmp_path / "models" / "aliases.json").write_text('{"champion": "tiny/1"}')
    return tmp_path / "models"


@pytest.fixture
def event(tmp_path):
    path = tmp_path / "event.nc"
    write_frames(storm(2, frames=26, height=48, width=40), path)
    return path


def test_a_nowcast_that_ends_early_leaves_the_earlier_one(models, event, tmp_path, monkeypatch):
    output = tmp_path / "out" / "forecast.nc"
    output.parent.mkdir()
    arguments = ["nowcast", event, "--output", output, "--models-dir", models]
    run(*arguments)
    before = output.read_bytes()
    monkeypatch.setattr("echocast.model.forecast.PART_PIXELS", 1)  # a part for each lead time
    whole = Nowcaster.stream

    def some(parts):
        yield from itertools.islice(parts, 4)
        raise KeyboardInterrupt

    def interrupted(self, *given):
        stream = whole(self, *given)
        return replace(stream, parts=some(stream.parts))

    monkeypatch.setattr(Nowcaster, "stream", interrupted)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code
    assert list(output.parent.iterdir()) == [output]
    assert output.read_bytes() == before


def test_nowcast_writes_a_forecast_and_scores_it(models, event, tmp_path):
    output = tmp_path / "forecast.nc"
    time = "2026-07-01T12:54:00"
    printed = run(
        "nowcast", event, "--output", output, "--models-dir", models,
        "--reference-time", time, "--json",
    )  # fmt: skip
    answer = json.loads(printed)
    assert answer["forecast_reference_time"] == time + "+00:00"
    assert len(answer["verification"]["methods"]["model"]["30"]["leads"]) == 10
    with xr.open_dataset(output) as forecast:
        assert forecast.reflectivity.shape == (10, 48, 40)


def test_leads_after_the_networks_are_written_and_scored_and_named(models, event, tmp_path):
    output = tmp_path / "forecast.nc"
    printed = run(
        "nowcast", event, "--output", output, "--models-dir", models, "--leads", 12,
        "--reference-time", "2026-07-01T12:54:00", "--json",
    )  # fmt: skip
    answer = json.loads(printed)
    assert answer["lead_sources"] == 10 * ["network"] + 2 * ["extrapolation"]
    assert len(answer["verification"]["methods"]["model"]["30"]["leads"]) == 12
    with xr.open_dataset(output) as forecast:
        meanings = forecast.lead_source.attrs["flag_meanings"].split()
        assert [meanings[flag] for flag in forecast.lead_source.values] == answer["lead_sources"]


def test_leads_beyond_two_hours_are_refused(models, event, tmp_path):
    words = ["nowcast", event, "--output", tmp_path / "a.nc", "--models-dir", models, "--leads", 21]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert "21 of 6 minutes reach 126" in str(result.exception)
    assert not (tmp_path / "a.nc").exists()


def test_the_suffix_says_the_format(models, event, tmp_path):
    time = "2026-07-01T12:54:00"

    def written(name):
        words = ["--output", tmp_path / name, "--models-dir", models, "--reference-time", time]
        return run("nowcast", event, *words)

    sentence = written("a.nc")
    assert re.search(
        r"a\.nc: 10 frames from 2026-07-01 13:00 to 13:54 UTC, forecast at 12:54", sentence
    )
    highest = float(re.search(r"by tiny/1, at most ([\d.]+) dBZ", sentence)[1])
    with xr.open_dataset(tmp_path / "a.nc") as forecast:
        assert float(forecast.reflectivity.max()) == pytest.approx(highest, abs=0.06)
        written("a.png")
        written("a.webp")
        written("a.tif")
        with rasterio.open(tmp_path / "a.tif") as raster:
            there, here = raster.read(4), forecast.reflectivity[3].values
            assert raster.count == 10
            assert raster.tags()["model"] == "tiny/1"
            turned = (here, here[::-1])
            same = [np.allclose(there, values, atol=0.01, equal_nan=True) for values in turned]
            assert any(same)
    for name, kind in (("a.png", "PNG"), ("a.webp", "WEBP")):
        with Image.open(tmp_path / name) as picture:
            assert picture.format == kind
            assert np.asarray(picture.convert("L")).std() > 5
    assert sorted(path.name for path in tmp_path.glob("*a.*")) == [
        "a.nc",
        "a.png",
        "a.tif",
        "a.webp",
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a.jpg", "The suffix of a.jpg must say the format"),
        ("nowhere/a.nc", "There is no folder"),
        ("folder.nc", "is a folder"),
    ],
)
def test_a_target_that_cannot_be_is_refused_before_anything_is_read(tmp_path, name, sentence):
    (tmp_path / "event.nc").write_bytes(b"never read")
    (tmp_path / "folder.nc").mkdir()
    words = ["nowcast", tmp_path / "event.nc", "--output", tmp_path / name]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 2
    assert sentence in re.sub(r"[\s│]+", " ", done.output)


def test_a_format_that_is_not_installed_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    (tmp_path / "event.nc").write_bytes(b"never read")
    monkeypatch.setitem(sys.modules, "rasterio", None)
    words = ["nowcast", str(tmp_path / "event.nc"), "--output", str(tmp_path / "a.tif")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "echocast[formats]" in re.sub(r"[\s│]+", " ", done.output)


def test_notes_on_an_empty_newest_image_stand_beside_the_forecast(models, tmp_path):
    values = rain()
    values[-1] = 0
    path, output = tmp_path / "event.nc", tmp_path / "forecast.nc"
    write_frames(storm(2, height=SIDE, width=SIDE).with_values(values, TIMES), path)
    command = ["nowcast", path, "--output", output, "--models-dir", models]
    result = CliRunner().invoke(app, [str(argument) for argument in command])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"Wrote {output}: 10 frames from ")
    assert f"The image of {TIMES[-1].isoformat()} counts as missing." in result.stderr
    answer = json.loads(run(*command, "--json"))
    assert {"plausibility", "degraded"} <= answer["quality"].keys()
    with xr.open_dataset(output) as forecast:
        assert 0 < (forecast.reflectivity[0] >= 20).mean() < 1 / 3


def test_evaluate_pools_counts_and_prints_n(models, event):
    output = run("evaluate", event, "--models-dir", models, "--stride", 3)
    rows = [line for line in output.splitlines() if line.startswith("| event (3)")]
    methods = {row.split("|")[2].strip() for row in rows}
    assert methods >= {"model", "expected", "extrapolation", "persistence"}
    scores = json.loads(run("evaluate", event, "--models-dir", models, "--stride", 3, "--json"))
    assert scores["events"]["event"]["forecasts"] == 3
    assert scores["events"]["event"]["methods"].keys() == methods


def test_evaluate_prints_scores_by_half_hour_of_as_many_leads_as_requested(models, event):
    words = ["evaluate", event, "--models-dir", models, "--references", "none", "--leads", 12]
    tables = [part.splitlines() for part in run(*words).split("\n\n")]
    assert len(tables) == 2
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in tables[1][2:]]
    spans = {(leads, source) for leads, source, *_ in rows}
    assert spans == {
        ("6 to 30", "network"), ("36 to 60", "network"), ("66 to 72", "extrapolation"),
    }  # fmt: skip
    scores = json.loads(run(*words, "--json"))["events"]["event"]
    assert scores["lead_sources"] == 10 * ["network"] + 2 * ["extrapolation"]
    leads = scores["methods"]["model"]["thresholds"]["30"]["leads"][10:]
    union = sum(one["hits"] + one["misses"] + one["false_alarms"] for one in leads)
    row = next(row for row in rows if row[1:3] == ["extrapolation", "model"])
    assert row[5].startswith(f"{sum(one['hits'] for one in leads) / union:.3f} (")


def test_evaluate_reads_folders_and_regions_of_any_format(models, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    rain = storm(3, frames=20, height=100, width=90)
    codes = np.rint(2 * np.nan_to_num(rain.reflectivity_dbz, nan=-32) + 64).clip(0, 254)
    for time, raw in zip(rain.times, codes.astype(np.uint8), strict=True):
        geotiff(folder, f"{time:%Y%m%d%H%M}.tif", raw=raw, tags={"OBSERVATION TIME": ""})
    whole = EventFiles.of([folder]).frames(slice(0, 1)).grid
    north, east = whole.earth.degrees(whole.y[50], whole.x[45])
    region = ["--at", f"{north:.4f},{east:.4f}", "--radius-km", 16]
    output = run("evaluate", folder, "--models-dir", models, "--json", *region)
    scores = json.loads(output)["events"]["folder"]
    assert scores["forecasts"] == 1
    assert 0 < scores["pixels"] <= 10 * 34 * 34


def test_calibrate_keeps_its_cuts_in_the_manifest_and_they_decide(models, event, tmp_path):
    other = tmp_path / "other.nc"
    write_frames(storm(3, frames=20, height=48, width=40), other)
    words = ["train", "calibrate", event, other, "--models-dir", models]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert "Too few pixels reached 50 dBZ to choose its probability threshold: " in result.stderr
    assert "Too few pixels reached 20 dBZ" not in result.stderr
    output = json.loads(result.stdout)
    assert output["leave_one_out"].keys() == {"event", "other"}
    manifest = json.loads((models / "tiny" / "1" / "manifest.json").read_text())
    assert manifest["cuts"] == output["cuts"]
    assert len(manifest["golden"]["mean_dbz"]) == 10
    run("nowcast", event, "--output", tmp_path / "f.nc", "--models-dir", models)
    with xr.open_dataset(tmp_path / "f.nc") as forecast:
        assert forecast.attrs["product"] == "csi_optimal"
        assert "reflectivity_expected" in forecast


def test_from_windows_to_a_checkpoint_that_can_be_served(tmp_path):
    plan = [
        {
            "file": "event.nc",
            "pixel_km": 1.0,
            "tile": [128, 128],
            "cuts": [
                {
                    "event": "event",
                    "step_minutes": 6,
                    "stride": 1,
                    "inputs": 6,
                    "outputs": 6,
                    "starts": [0, 4, 2],
                    "count": 2,
                }
            ],
        }
    ]
    write_frames(storm(2, frames=26, height=128, width=128), tmp_path / "event.nc")
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    windows, trained = tmp_path / "windows", tmp_path / "run"
    assert "Wrote 4 windows" in run(
        "train", "windows", tmp_path / "plan.json", "--data", tmp_path, "--output", windows
    )
    options = ["--steps", 2, "--batch", 1, "--output"]
    run("train", "network", windows, *options, trained)
    assert "2 steps" in run("train", "network", windows, *options, trained)  # nothing left to do
    run("train", "network", windows, *options, tmp_path / "second", "--warm-start", trained)
    run("train", "release", trained, "--output", tmp_path / "models" / "mine" / "1")
    network, identity = checkpoint.load(tmp_path / "models" / "mine" / "1")
    assert network.config == RADAR_SMALL
    assert identity.name == "mine"
    both = [tmp_path / "models" / "mine" / "1", tmp_path / "second"]
    run("train", "release", *both, "--output", tmp_path / "models" / "mine" / "2")
    means = checkpoint.load(tmp_path / "models" / "mine" / "2")[0].state_dict()
    first, second = (trained_in(folder)[0].state_dict() for folder in both)
    assert all(torch.allclose(mean, (first[k] + second[k]) / 2) for k, mean in means.items())


def test_benchmark_reports_every_phase(models):
    options = ["--models-dir", models, "--repeats", 1, "--json"]
    result = json.loads(run("phases", *options))
    assert result["seconds"].keys() == {"prepare", "network", "finish"}
    assert result["network_forecasts_per_second"] > 0
    assert json.loads(run("phases", *options, "--plain"))["steps"] == "plain"


def test_benchmark_of_the_domain_writes_a_row_for_every_event(models, event, tmp_path):
    table = tmp_path / "table.md"
    options = ["--models-dir", models, "--height", 0, "--output", table]
    output = run("domain", event, *options, of=benchmarks)
    assert table.read_text() in output
    assert table.read_text().splitlines()[-1].startswith("| event | 48 x 40 |")
    assert json.loads(run("domain", event, *options, "--json", of=benchmarks))["rows"] == {}


@pytest.mark.parametrize("shares", ["{", "[1]", '{"a": "b"}', '{"a": -1}', '{"a": true}'])
def test_shares_that_are_none_are_refused_in_a_sentence(shares, tmp_path):
    arguments = [
        "train",
        "network",
        str(tmp_path),
        "--output",
        str(tmp_path / "run"),
        "--shares",
        shares,
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert "Shares are a JSON object" in done.output
    assert isinstance(done.exception, SystemExit)


def test_an_untrained_checkpoint_can_be_served(tmp_path):
    folder = tmp_path / "radar" / "untrained"
    arguments = ["train", "untrained", "--preset", "radar", "--output", str(folder)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    nowcaster = Nowcaster(*checkpoint.load(folder))
    forecast = nowcaster.nowcast(storm(1, frames=10, height=32, width=32))
    assert forecast.model.version == "untrained"
    assert np.nanmax(forecast.frames.reflectivity_dbz) > 0
