"""Images for maps follow from frames and forecasts, and only the newest are stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from echocast.model.formats.forecast_lead import read_lead
from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.grid import Grid
from echocast.model.imagery.codes import (
    FALSE_ALARM,
    HIT,
    MISS,
    NOT_OBSERVED,
    NOT_TRACEABLE,
    dbz_codes,
    percent_codes,
)
from echocast.model.imagery.image_file import ImageFile
from echocast.workers.engine.client import EngineClient
from echocast.workers.streams.disk_use import stored_bytes
from echocast.workers.streams.image_store import KINDS, ImageStore
from echocast.workers.streams.images import FORECASTS, StreamImages
from tests.workers.streams.stream_bench import SIDE, START, STEP, Bench

PLACE = Grid(50 - np.arange(SIDE) * 0.01, 8 + np.arange(SIDE) * 0.01, "degree")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    engine = EngineClient("redis://127.0.0.1:1", 0.0)  # images ask no engine
    yield Bench(tmp_path / "store", engine, "map", PLACE)
    engine.close()


class Maps:
    """The images of the stream on a bench."""

    def __init__(self, bench: Bench) -> None:
        self.store = ImageStore(bench.stores.files)
        self.images = StreamImages(bench.stores, self.store)

    def update(self) -> None:
        self.images.update_observed("map")
        self.images.update_forecasts("map")
        self.images.update_differences("map")

    def opened(self, kind: str) -> list[ImageFile]:
        listed = self.store.listing("map", kind)
        return [ImageFile(self.store.local_file(one)) for one in listed]

    def paths(self) -> set[str]:
        return {one.path for kind in KINDS for one in self.store.listing("map", kind)}


def test_images_count_in_what_a_stream_takes_of_the_disk(bench: Bench) -> None:
    maps, files = Maps(bench), bench.stores.files
    bench.put(0, 0)
    frames = stored_bytes(files, "map")
    maps.update()
    assert stored_bytes(files, "map") - frames == sum(
        files.local(path).stat().st_size for path in maps.paths()
    )
    assert stored_bytes(files, "map") > frames > 0


def test_observed_images_have_the_values_of_the_frames(bench: Bench) -> None:
    maps = Maps(bench)
    for slot in range(3):
        bench.put(slot, slot)
    maps.update()
    opened = maps.opened("observed")
    assert [one.description.times[0] for one in opened] == [START + k * STEP for k in range(3)]
    frame = bench.stores.frames.get("map", START + STEP)
    assert frame is not None
    codes = opened[1].plane("rain", 0, slice(None), slice(None))
    assert (codes == dbz_codes(frame.reflectivity_dbz)).all()
    assert (codes == NOT_OBSERVED).any()


def test_images_of_a_forecast_have_its_values_and_tell_why_there_are_none(bench: Bench) -> None:
    maps = Maps(bench)
    bench.put(0, 1)
    issued = bench.issue(0)
    maps.update()
    (opened,) = maps.opened("forecasts")
    assert opened.description.times == issued.valid_times
    assert opened.layers == ("extrapolation", "probability-30", "rain")
    forecast = read_forecast(bench.stores.forecasts.local_file(issued))
    frame = bench.stores.frames.get("map", START)
    assert frame is not None
    assert forecast.exceedance_probability is not None
    whole = slice(None), slice(None)
    for lead in range(3):
        for layer, codes in {
            "rain": dbz_codes(forecast.frames.reflectivity_dbz[lead]),
            "extrapolation": dbz_codes(forecast.extrapolation.reflectivity_dbz[lead]),
            "probability-30": percent_codes(forecast.exceedance_probability[0, lead]),
        }.items():
            shown, missing = opened.plane(layer, lead, *whole), codes == NOT_OBSERVED
            assert (shown[~missing] == codes[~missing]).all(), layer
            dark = np.isnan(frame.reflectivity_dbz)
            assert (shown[missing & dark] == NOT_OBSERVED).all()
            assert (shown[missing & ~dark] == NOT_TRACEABLE).all()


def test_a_frame_stands_beside_the_forecast_of_half_an_hour_before(bench: Bench) -> None:
    maps = Maps(bench)
    for slot in (0, 1, 6, 7, 8, 20):
        bench.put(slot, slot)
    bench.issue(1, seed=9, leads=10, roles=("challenger",))  # not what was served
    first, second = bench.issue(0, leads=10), bench.issue(1, seed=1, leads=10)
    maps.update()
    judged = {one.description.times[0]: one for one in maps.opened("differences")}
    references = {time: one.description.reference for time, one in judged.items()}
    assert references == {
        START + 6 * STEP: START,
        START + 7 * STEP: START + STEP,
        START + 8 * STEP: START + STEP,  # of 35 minutes before: none is nearer
    }
    for slot, issued in ((6, first), (8, second)):
        time = START + slot * STEP
        lead = read_lead(bench.stores.forecasts.local_file(issued), time, ())
        frame = bench.stores.frames.get("map", time)
        assert lead is not None
        assert frame is not None
        observed, forecast = frame.reflectivity_dbz, lead.reflectivity_dbz
        known = np.isfinite(observed) & np.isfinite(forecast)
        shown = judged[time].plane("difference", 0, slice(None), slice(None))
        for code, of in ((HIT, forecast >= 20), (FALSE_ALARM, forecast >= 20), (MISS, True)):
            came = observed < 20 if code == FALSE_ALARM else observed >= 20
            dry = forecast < 20 if code == MISS else of
            assert ((shown == code) == (known & came & dry)).all(), code
        assert ((shown == NOT_OBSERVED) == np.isnan(observed)).all()
        assert ((shown == NOT_TRACEABLE) == (np.isnan(forecast) & np.isfinite(observed))).all()


def test_what_became_of_a_forecast_stays_when_its_file_is_gone(bench: Bench) -> None:
    maps = Maps(bench)
    bench.put(0, 0)
    issued = bench.issue(0, leads=10)
    bench.put(6, 6)
    maps.update()
    (before,) = maps.store.listing("map", "differences")
    bench.stores.forecasts.remove_file(issued)
    maps.update()
    assert maps.store.listing("map", "differences") == [before]
    bench.put(6, 7)  # another image: what the forecast said of it is not known any more
    maps.update()
    assert before not in maps.store.listing("map", "differences")


def test_a_second_call_does_nothing(bench: Bench) -> None:
    maps = Maps(bench)
    bench.put(0, 1)
    bench.issue(0, leads=10)
    bench.put(6, 2)
    maps.update()
    before = {path: bench.stores.files.version(path) for path in maps.paths()}
    maps.update()
    assert {path: bench.stores.files.version(path) for path in maps.paths()} == before


def test_only_two_hours_and_the_newest_forecasts_are_stored(bench: Bench) -> None:
    maps = Maps(bench)
    for slot in (0, 1, 20, 21, 22, 30):
        bench.put(slot, slot)
        bench.issue(slot)
        maps.update()
    newest = START + 30 * STEP
    times = [one.time for one in maps.store.listing("map", "observed")]
    assert times == [START + k * STEP for k in (20, 21, 22, 30)]
    assert times[0] >= newest - timedelta(hours=2)
    assert len(maps.store.listing("map", "forecasts")) == FORECASTS


def test_a_frame_that_is_replaced_has_another_image(bench: Bench) -> None:
    maps = Maps(bench)
    bench.put(0, 1)
    maps.update()
    (before,) = maps.store.listing("map", "observed")
    bench.put(0, 2)
    maps.update()
    (after,) = maps.store.listing("map", "observed")
    assert after.public_id != before.public_id
    frame = bench.stores.frames.get("map", START)
    assert frame is not None
    (opened,) = maps.opened("observed")
    shown = opened.plane("rain", 0, slice(None), slice(None))
    assert (shown == dbz_codes(frame.reflectivity_dbz)).all()


def test_a_frame_that_was_set_aside_is_not_shown(bench: Bench) -> None:
    maps = Maps(bench)
    bench.put(0, 1)
    bench.put(1, 2)
    maps.update()
    bench.stores.set_aside("map", START, "It can't be.", "appeared")
    maps.update()
    assert [one.time for one in maps.store.listing("map", "observed")] == [START + STEP]


def test_a_grid_without_a_place_has_no_images(tmp_path: Path, bench: Bench) -> None:
    nowhere = Grid.of_squares(SIDE, SIDE, 1.0)
    bench = Bench(tmp_path / "nowhere", bench.sums.engine, "map", nowhere)
    maps = Maps(bench)
    bench.put(0, 1)
    bench.issue(0)
    maps.update()
    assert maps.paths() == set()


def test_a_damaged_forecast_keeps_no_frame_from_being_shown(bench: Bench) -> None:
    maps = Maps(bench)
    bench.put(0, 1)
    issued = bench.issue(0)
    bench.stores.files.put(issued.path, b"no forecast")
    maps.update()
    assert len(maps.store.listing("map", "observed")) == 1
    assert maps.store.listing("map", "forecasts") == []


def test_a_slower_worker_removes_nothing_that_is_newer(bench: Bench) -> None:
    maps = Maps(bench)
    bench.put(0, 1)
    known_to_the_slower = list(maps.images._frames("map"))
    bench.put(1, 2)
    maps.update()
    maps.images._have("map", "observed", known_to_the_slower)
    assert [one.time for one in maps.store.listing("map", "observed")] == [START, START + STEP]
