"""Frames of a stream as a Zarr archive: the validator of mlcast passes, and it is read back."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from echocast.model.cli import retraining
from echocast.model.cli.progress import progress
from echocast.model.errors import ContractViolation, InputError
from echocast.model.formats.stream_layout import frame_path
from echocast.model.formats.zarr.archive import open_archive
from echocast.model.formats.zarr.layout import STATED, missing_times
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.retraining.frame_archive import FrameArchive
from echocast.model.retraining.train import LOSSES, losses_in
from echocast.model.retraining.zarr_export import Exported, export
from echocast.model.synthetic.storms import storm
from tests.model.formats.zarr.stores import LAEA
from tests.model.retraining import worlds
from tests.model.retraining.worlds import BEGIN, event, fill, network, registry
from tests.s3_server import s3_bucket

STATEMENTS = {
    "license": "CC-BY-4.0",
    "mlcast_created_by": "Jo Doe <jo@example.org>",
    "mlcast_created_with": "https://github.com/mlcast-community/mlcast-dataset-test-storm@v0.1.0",
    "mlcast_dataset_version": "0.1.0",
    "mlcast_dataset_identifier": "XX-test-equivalent_reflectivity_factor",
}
pytestmark = pytest.mark.filterwarnings("ignore")  # of zarr, xarray, moto and the validator


def placed(frames: Frames, units: str = "m") -> Frames:
    """The same weather, in the middle of Europe; its north-eastern corner was not measured."""
    values = np.array(frames.reflectivity_dbz)
    values[:, :9, -9:] = np.nan
    height, width = frames.grid.shape
    unit = {"m": 1000.0, "km": 1.0}[units]
    y, x = (3200 - np.arange(height)) * unit, (4300 + np.arange(width)) * unit
    grid = Grid(y, x, units, {"crs_wkt": LAEA})
    return replace(frames, reflectivity_dbz=values, grid=grid)


def exported(archive: FrameArchive, url: Path | str, **attributes: str) -> Exported:
    with progress() as bar:
        return export(archive, "radar", str(url), attributes, bar)


def command(*words: str | Path) -> Any:
    return CliRunner().invoke(retraining.app, ["archive", *map(str, words)])


@pytest.mark.parametrize("units", ["m", "km"])
def test_the_validator_of_mlcast_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, units: str
) -> None:
    """What it asks GitHub is answered here: whether the owner's repository is there."""
    import dask
    import xarray as xr
    from loguru import logger
    from mlcast_dataset_validator.checks.global_attributes import mlcast_metadata
    from mlcast_dataset_validator.specs.source_data.radar_precipitation import validate_dataset

    logger.disable("mlcast_dataset_validator")
    monkeypatch.setattr(mlcast_metadata, "github_repo_exists", lambda *_: True)
    monkeypatch.setattr(mlcast_metadata, "github_ref_exists", lambda *_: "/git/refs/tags/v0.1.0")
    weather = storm(3, frames=3, height=256, width=256, start=BEGIN)
    times = tuple(BEGIN + timedelta(days=days) for days in (0, 1, 1100))
    weather = placed(replace(weather, times=times), units)
    exported(fill(tmp_path / "store", [weather]), tmp_path / "a.zarr", **STATEMENTS)
    with dask.config.set(scheduler="synchronous"), xr.open_zarr(tmp_path / "a.zarr") as store:
        report, _ = validate_dataset(store)
    results = [(one.status, one.requirement, one.detail) for one in report.results]
    assert len([one for one in results if one[0] == "PASS"]) >= 25
    absent = ("GDAL availability", "Cartopy availability")  # tools that need a compiler
    assert not [one for one in results if one[0] != "PASS" and one[1] not in absent]


def test_what_is_exported_is_read_back(tmp_path: Path) -> None:
    weather = placed(event(0))
    archive = fill(tmp_path / "store", [weather])
    result = exported(archive, tmp_path / "a.zarr", license="CC-BY-4.0")
    assert result.missing_attributes == list(STATED[1:])
    with open_archive(str(tmp_path / "a.zarr")) as opened:
        frames = opened.frames(slice(0, len(opened.times)))
    stored = archive.frames("radar", weather.times)
    np.testing.assert_array_equal(frames.reflectivity_dbz, stored.reflectivity_dbz)
    assert (frames.times, frames.no_rain_dbz) == (stored.times, stored.no_rain_dbz)
    assert frames.grid.same_as(weather.grid)
    assert frames.attributes["license"] == "CC-BY-4.0"


def test_a_damaged_frame_is_missing_and_named(tmp_path: Path) -> None:
    weather = placed(event(0))
    archive = fill(tmp_path / "store", [weather])
    (tmp_path / "store" / frame_path("radar", weather.times[4])).write_bytes(b"no frame")
    done = command("export", tmp_path / "store", tmp_path / "a.zarr", "--stream", "radar", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["frames"] == len(weather) - 1
    assert f"Left out {weather.times[4].isoformat()}: frames/radar" in done.stderr
    assert "it needs --attribute for: license, mlcast_created_by" in done.stderr
    with open_archive(str(tmp_path / "a.zarr")) as opened:
        assert len(opened.frames(slice(3, 6))) == 2
    assert len(archive.times("radar")) == len(weather)


def test_an_archive_is_never_written_over(tmp_path: Path) -> None:
    archive = fill(tmp_path / "store", [placed(event(0))])
    exported(archive, tmp_path / "a.zarr")
    with pytest.raises(InputError, match=r"a\.zarr can't be written"):
        exported(archive, tmp_path / "a.zarr")


def test_a_grid_without_a_projection_has_no_such_layout(tmp_path: Path) -> None:
    weather = replace(event(0), grid=Grid.of_pixels(64, 64))
    archive = fill(tmp_path / "store", [weather])
    with pytest.raises(ContractViolation, match="needs coordinates of a projection"):
        exported(archive, tmp_path / "a.zarr")
    assert not (tmp_path / "a.zarr").exists()


@pytest.mark.parametrize(
    ("minutes", "missing"),
    [([0, 5, 10], []), ([0, 5, 20], [10, 15]), ([0, 10, 15], [5]), ([3], [])],
)
def test_times_without_a_frame_are_named(minutes: Sequence[int], missing: list[int]) -> None:
    absent = missing_times([BEGIN + timedelta(minutes=minute) for minute in minutes])
    assert [(time - BEGIN) / timedelta(minutes=1) for time in absent] == missing


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_bucket("exports") as url:
        yield url


def test_events_go_to_an_object_store_and_from_it_into_a_training(
    tmp_path: Path, bucket: str
) -> None:
    """Weather as Zarr in S3, its events as frames, a network trained on windows of them."""
    weather = [placed(event(number)) for number in range(3)]
    exported(fill(tmp_path / "store", weather), f"{bucket}/a.zarr")
    words = ["--output", tmp_path / "past", "--stream", "radar", "--wet-share", "0", "--json"]
    done = command("build", f"{bucket}/a.zarr", *words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["written"] == sum(map(len, weather))
    past = FrameArchive(str(tmp_path / "past"))
    one = {"fewest_training_events": 1, "fewest_calibration_events": 1, "steps": 2}
    job = worlds.retraining(
        past,
        registry(tmp_path / "models", network()),
        tmp_path / "work",
        **one,
        gate={**worlds.CONFIG["gate"], "fewest_events": 1},
    )
    job.run()
    collected = job.work.read("collect")
    assert collected["missing"] == {}
    assert list(collected["windows"]) == [f"radar_{BEGIN:%Y%m%dT%H%M%SZ}"]
    assert not job.work.read("train")["failure"]
    assert [step for step, _ in losses_in(tmp_path / "work" / "run" / LOSSES)][-1] == 2


def test_a_part_of_an_archive_in_an_object_store_is_read(tmp_path: Path, bucket: str) -> None:
    weather = placed(event(0))
    archive = fill(tmp_path / "store", [weather])
    exported(archive, f"{bucket}/b.zarr")
    with open_archive(f"{bucket}/b.zarr") as opened:
        frames = opened.frames(slice(2, 4))
    assert frames.times == weather.times[2:4]
    stored = archive.frames("radar", weather.times[2:4])
    np.testing.assert_array_equal(frames.reflectivity_dbz, stored.reflectivity_dbz)
    with pytest.raises(InputError, match="There is no Zarr archive at s3://exports/none"):
        open_archive(f"{bucket}/none.zarr").__enter__()
