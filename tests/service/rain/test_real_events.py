"""Replayed real rain: every transition that is answered equals a recount from the radar file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from echocast.model.forecast import Forecast, ModelIdentity
from echocast.model.formats.forecast_writer import write_forecast
from echocast.model.formats.readers import read_frames
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.frames import Frames
from echocast.model.reflectivity import ZR
from echocast.service.decoding.stream_operations import forecast_at
from echocast.service.rain.rain_at_places import PlaceRain, rain_answer
from echocast.service.rain.schemas import RainAnswer
from echocast.service.rain.wording import Wording
from echocast.service.streams.places import Places
from echocast.service.streams.schemas import PointForecast
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.streams.stores import StreamStores

EVENT = "mch_20170131.nc"
ROWS, COLUMNS = slice(300, 340), slice(330, 370)  # where showers come and go
LEADS = 10
PIXELS = [(row, column) for row in range(2, 40, 9) for column in range(2, 40, 9)]
Moment = tuple[bool | None, datetime | None, datetime | None]


@pytest.fixture(scope="module")
def frames(radar_folder: Path) -> Frames:
    whole = read_frames([radar_folder / EVENT])
    values = whole.reflectivity_dbz[:, ROWS, COLUMNS].copy()
    grid = whole.grid.part(ROWS, COLUMNS)
    return replace(whole, reflectivity_dbz=values, grid=grid)


def recount(path: Path, first: int, row: int, column: int) -> Moment:
    """Raining now, the next start and end, from the file alone and written out plainly."""
    with netCDF4.Dataset(path) as dataset:
        stored = dataset["reflectivity"][first : first + LEADS + 1, ROWS, COLUMNS][:, row, column]
        seconds = dataset["time"][first : first + LEADS + 1]
        floor = float(dataset["reflectivity"].no_rain_value)
        a, b = float(dataset.zr_a), float(dataset.zr_b)
    times = [datetime.fromisoformat(f"{np.datetime64(int(s), 's')}+00:00") for s in seconds]
    wet: list[bool | None] = [
        None
        if value is np.ma.masked
        else bool(value > floor and (10 ** (round(float(value), 2) / 10) / a) ** (1 / b) >= 0.0995)
        for value in stored
    ]
    if True not in wet:
        return wet[0], None, None
    start = wet.index(True)
    end = None
    for index in range(start + 1, len(wet) - 1):
        if wet[index] is False and wet[index + 1] is False and end is None:
            end = times[index]  # five minutes, and five more
        if wet[index] is None:
            break
    return wet[0], (times[start] if start else None), end


def answers(frames: Frames, first: int, folder: Path) -> list[RainAnswer]:
    """What is answered where the forecast is what then came, through frame and forecast files."""
    newest, later = frames[first : first + 1], frames[first + 1 : first + 1 + LEADS]
    reference = newest.times[0]
    stores = StreamStores.of(LocalFiles(folder / "store"))
    packed = StreamFrame.of(
        reference,
        newest.reflectivity_dbz[0],
        newest.no_rain_dbz,
        reference,
        late=False,
        attributes={name: str(value) for name, value in newest.attributes.items()},
    )
    stores.frames.put("event", packed, replace=False)
    path = folder / "forecast.nc"
    identity = ModelIdentity("what came", "1", "")
    write_forecast(Forecast(later, later, later, reference, identity, ""), path)
    places, given = Places(stores, None, None), []  # type: ignore[arg-type]
    for row, column in PIXELS:
        answer = forecast_at({"forecast": str(path), "row": row, "column": column})
        about = {"stream": "event", "forecast_reference_time": reference, "latitude": 47}
        leads = [5.0 * lead for lead in range(1, LEADS + 1)]
        about |= {"longitude": 8, "row": row, "column": column, "lead_minutes": leads}
        point = PointForecast.model_validate({**about, **answer})
        observed = places._observed("event", row, column)
        rain = PlaceRain(point, observed, timedelta(minutes=5), reference)
        given.append(rain_answer(rain, 0.1, Wording()))
    return given


@pytest.mark.real_radar
def test_every_transition_is_that_of_the_file(
    frames: Frames, radar_folder: Path, tmp_path: Path
) -> None:
    moments: list[Moment] = []
    for first in range(0, len(frames) - LEADS, 6):
        folder = tmp_path / str(first)
        folder.mkdir()
        for pixel, answer in zip(PIXELS, answers(frames, first, folder), strict=True):
            expected = recount(radar_folder / EVENT, first, *pixel)
            moment = (answer.raining_now, answer.next_start, answer.next_end)
            assert moment == expected, (frames.times[first], pixel, answer.sentence)
            moments.append(moment)
    assert {now for now, _, _ in moments} >= {True, False}
    assert sum(start is not None for _, start, _ in moments) >= 5
    assert sum(end is not None for _, _, end in moments) >= 5
    assert ZR.of_attributes(frames.attributes) != ZR()  # of the agency's own
