"""``echocast up --source``: from a played agency to the forecast of a place, by one command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

from echocast.model.formats.readers import read_frames
from echocast.workers.runtime.refusal import REFUSED
from tests.model.formats.radar_files import odim_file
from tests.service.command_line import echocast
from tests.service.fetching.played_agency import Asked, Reply, played_agency
from tests.service.processes.test_up import run, service
from tests.service.real_processes import eventually, place
from tests.service.streams.stream_feed import frames

STAMP = "%Y%m%d%H%M"
STEP, LATENCY = timedelta(minutes=5), timedelta(minutes=1)
SIDE = 160  # pixels of 2 km
SOURCE = """
title = "Played agency"
step_minutes = 5
latency_minutes = 1
retention_hours = 24
tried = "never"
hosts = ["127.0.0.1"]
[area]
bbox = [-90.0, 5.0, 90.0, 89.0]
[licence]
name = "CC-BY-4.0"
attribution = "A played agency."
url = "https://radar.example/terms"
[fetch]
kind = "clock"
url = "{url}/%Y%m%d%H%M.h5"
"""


@lru_cache
def composite(time: datetime) -> bytes:
    """An ODIM composite of rain that moves, at a time."""
    storm = frames(side=SIDE).reflectivity_dbz
    dbz = np.nan_to_num(storm[int(time.timestamp() // 300) % len(storm)], nan=-32.0)
    raw = np.clip(2 * (dbz + 32), 0, 254).astype(np.uint8)
    with TemporaryDirectory(prefix="ec-") as folder:
        path = odim_file(Path(folder) / "a.h5", raw, time=f"{time:%H%M%S}")
        with h5py.File(path, "a") as file:
            file["what"].attrs["date"] = np.bytes_(f"{time:%Y%m%d}")
        return path.read_bytes()


def middle(folder: Path) -> str:
    """Latitude,longitude of the middle of the composite."""
    path = folder / "one.h5"
    path.write_bytes(composite(datetime(2026, 7, 1, tzinfo=UTC)))
    grid = read_frames([path]).grid
    assert grid.earth is not None
    north, east = grid.earth.degrees(grid.y[SIDE // 2], grid.x[SIDE // 2])
    return f"{float(north):.3f},{float(east):.3f}"


def agency(asked: Asked) -> Reply:
    """Every image that is a minute old."""
    time = datetime.strptime(asked.path[1:13], STAMP).replace(tzinfo=UTC)
    if time + LATENCY > datetime.now(UTC):
        return Reply(status=404)
    return Reply(composite(time))


def test_the_forecast_of_a_place_is_there_by_one_command(models: Path, tmp_path: Path) -> None:
    with played_agency(agency) as played, place(models) as where:
        (tmp_path / "played.toml").write_text(SOURCE.format(url=played.url))
        settings = {"ECHOCAST_SOURCES_DIR": str(tmp_path), "ECHOCAST_FETCH_ALLOW_PRIVATE": "true"}
        where.environment.update(settings)  # type: ignore[attr-defined]
        at, around = middle(tmp_path), ("--radius-km", "40")
        with service(where, "--source", "played", "--at", at, *around) as (_, client):
            eventually(lambda: client.get("/streams/played").json()["latest_forecast"])
            stream = client.get("/streams/played").json()
            assert stream["reading"]["radius_km"] == 90
            assert stream["shape"][0] < SIDE
            assert stream["source"]["attribution"] == "A played agency."
            point = dict(zip(("lat", "lon"), at.split(","), strict=True))
            assert client.get("/streams/played/point", params=point).status_code == 200
            eventually(lambda: client.get("/streams/played").json()["fetching"])
            fetching = client.get("/streams/played").json()["fetching"]
            assert fetching["sentence"].startswith("The newest image is of ")
            assert 'echocast_source_images_total{result="accepted"' in client.get("/metrics").text


def test_what_makes_no_sense_is_one_sentence_before_anything_starts(tmp_path: Path) -> None:
    for options, sentence in (
        (("--source", "opra"), "Did you mean opera?"),
        (("--source", "opera", "--at", "35.7,139.7"), "opera shows nothing of 35.7,139.7"),
        (("--source", "opera", "--at", "Munich"), "latitude,longitude"),
        (("--source", "opera", "--source", "opera"), "each once"),
        (("--source", "knmi"), "KNMI_API_KEY"),
    ):
        done = echocast("up", *options, "--data", str(tmp_path))
        assert done.returncode == REFUSED
        assert sentence in done.stderr
        assert len(done.stderr.splitlines()) == 1
    nothing = run("fetch", "--data", str(tmp_path))
    assert nothing.returncode == REFUSED
    assert "echocast: Name a source by --source" in nothing.stderr
