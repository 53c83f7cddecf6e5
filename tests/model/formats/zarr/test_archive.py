"""Zarr archives are read as NetCDF files of the same words are; what is not stored is missing."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from echocast.model.errors import ContractViolation, InputError, InputTooLarge, UnreadableInput
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.formats.zarr import archive as zarr_archive
from echocast.model.formats.zarr.archive import ZarrArchive, open_archive
from echocast.model.frames import Frames
from echocast.model.synthetic.storms import storm
from tests.model.formats.zarr.stores import chunk_file, write_zarr

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
STEP = timedelta(minutes=6)
SIDE = 48
WEATHER = storm(3, frames=6, height=SIDE, width=SIDE, start=BEGIN)
FIELD = "equivalent_reflectivity_factor"
RATE = {"standard_name": "rainfall_flux", "units": "mm h-1"}
pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")


@pytest.fixture
def opened() -> Any:
    with ExitStack() as stack:
        yield lambda path, reading=None: stack.enter_context(open_archive(str(path), reading))


def whole(archive: ZarrArchive) -> Frames:
    return archive.frames(slice(0, len(archive.times)))


@pytest.mark.parametrize("version", [2, 3])
def test_frames_times_and_places_are_those_that_were_written(
    tmp_path: Path, opened: Callable[..., ZarrArchive], version: int
) -> None:
    write_zarr(tmp_path / "a.zarr", WEATHER, version=version)
    archive = opened(tmp_path / "a.zarr")
    assert archive.times == WEATHER.times
    frames = whole(archive)
    np.testing.assert_array_equal(frames.reflectivity_dbz, WEATHER.reflectivity_dbz)
    assert frames.no_rain_dbz == WEATHER.no_rain_dbz
    assert frames.grid.units == "m"
    assert frames.grid.earth is not None
    north, east = frames.grid.earth.degrees(frames.grid.y[0], frames.grid.x[0])
    assert (round(float(north)), round(float(east))) == (59, 4)


def test_rates_go_through_the_z_r_relation_of_netcdf(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    rates = np.full((6, SIDE, SIDE), 10, np.float32)
    write_zarr(tmp_path / "a.zarr", WEATHER, name="rr", values=rates, attributes=RATE)
    frames = whole(opened(tmp_path / "a.zarr"))
    expected = 10 * np.log10(200 * 10**1.6)
    np.testing.assert_allclose(frames.reflectivity_dbz, expected, atol=0.01)


def test_half_precision_and_packed_integers_are_values(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    write_zarr(tmp_path / "half.zarr", WEATHER, dtype=np.float16)
    half = whole(opened(tmp_path / "half.zarr"))
    np.testing.assert_allclose(half.reflectivity_dbz, WEATHER.reflectivity_dbz, rtol=1e-3)
    counts = np.full((6, SIDE, SIDE), 100, np.uint8)
    counts[:, 0, 0] = 255
    packing = {"scale_factor": 0.5, "add_offset": -32.0, "_FillValue": 255}
    words = {"standard_name": FIELD, "units": "dBZ", **packing}
    write_zarr(
        tmp_path / "p.zarr", WEATHER, values=counts, attributes=words, dtype=np.uint8, fill=255
    )
    packed = whole(opened(tmp_path / "p.zarr")).reflectivity_dbz
    assert packed[0, 1, 1] == 18.0
    assert np.isnan(packed[:, 0, 0]).all()


def test_a_frame_that_was_never_stored_is_missing_and_not_dry(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    """Of a store that fills with 0 mm/h, what is gone would be read as dry."""
    rates = np.ones((6, SIDE, SIDE), np.float32)
    rates[4] = 0
    path = tmp_path / "a.zarr"
    write_zarr(path, WEATHER, name="rr", values=rates, attributes=RATE, fill=0)
    chunk_file(path, "rr", 2).unlink()
    frames = whole(opened(path))
    assert [round((time - BEGIN) / STEP) for time in frames.times] == [0, 1, 3, 5]
    assert not np.isnan(frames.reflectivity_dbz).any()


def test_of_several_chunks_a_frame_only_the_one_that_is_gone_is_missing(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    rates = np.ones((6, SIDE, SIDE), np.float32)
    rates[:, :20, :20] = 0  # dry, in a chunk that is stored
    rates[3, 32:, :16] = 0  # a whole chunk, which is not
    path = tmp_path / "a.zarr"
    chunks = (2, 16, 32)
    write_zarr(path, WEATHER, name="rr", values=rates, attributes=RATE, fill=0, chunks=chunks)
    archive = opened(path)
    (path / "rr" / "c" / "1" / "2" / "0").unlink()
    frames = whole(archive)
    gone = np.zeros((6, SIDE, SIDE), bool)
    gone[2:4, 32:, :32] = True
    np.testing.assert_array_equal(np.isnan(frames.reflectivity_dbz), gone)
    alone = archive.frames(slice(3, 4))
    np.testing.assert_array_equal(np.isnan(alone.reflectivity_dbz[0]), gone[3])


def test_shards_are_read_and_what_they_lack_is_missing(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    rates = np.ones((6, SIDE, SIDE), np.float32)
    rates[4] = 0
    path = tmp_path / "a.zarr"
    shards = (6, SIDE, SIDE)
    write_zarr(path, WEATHER, name="rr", values=rates, attributes=RATE, fill=0, shards=shards)
    assert len(whole(opened(path))) == 5


def test_a_damaged_chunk_is_a_sentence_and_others_are_read(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    path = tmp_path / "a.zarr"
    write_zarr(path, WEATHER)
    chunk_file(path, FIELD, 1).write_bytes(b"no chunk at all")
    archive = opened(path)
    with pytest.raises(UnreadableInput, match=r"A chunk of .*a\.zarr is damaged"):
        archive.frames(slice(0, 3))
    assert len(archive.frames(slice(2, 6))) == 4


def test_a_region_and_coarser_pixels_are_those_of_the_same_netcdf(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    import xarray as xr

    write_zarr(tmp_path / "a.zarr", WEATHER)
    with xr.open_dataset(tmp_path / "a.zarr", engine="zarr", consolidated=False) as store:
        store.to_netcdf(tmp_path / "a.nc")
    words = {"at": "58.9,4.4", "radius_km": 18.0, "reduce": 2}
    reading = Reading.of_words(**words)
    expected = read_frames([tmp_path / "a.nc"], reading)
    frames = whole(opened(tmp_path / "a.zarr", reading))
    assert frames.grid.same_as(expected.grid)
    np.testing.assert_array_equal(frames.reflectivity_dbz, expected.reflectivity_dbz)
    assert frames.sha256() == expected.sha256()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attributes": {"standard_name": FIELD, "units": "K"}}, "'K'"),
        ({"attributes": {"standard_name": FIELD}}, "must declare its units|units"),
        ({"clock": "fortnights"}, "Times need CF units"),
        ({"times": [0, 360, 360, 1080, 1440, 1800]}, "strictly increase"),
        ({"times": [0, 360, np.nan, 1080, 1440, 1800]}, "Time 2 of .* is missing"),
        (
            {"attributes": {"standard_name": "precipitation_amount", "units": "mm"}},
            "not over what interval they fell",
        ),
        (
            {"attributes": {**RATE, "units": "mm h-1"}, "values": np.full((6, SIDE, SIDE), 9e6)},
            "a.zarr",
        ),
    ],
)
def test_what_netcdf_may_not_be_no_archive_may(
    tmp_path: Path, opened: Callable[..., ZarrArchive], changes: dict[str, Any], message: str
) -> None:
    write_zarr(tmp_path / "a.zarr", WEATHER, **changes)
    with pytest.raises(ContractViolation, match=message):
        whole(opened(tmp_path / "a.zarr"))


def test_of_several_fields_one_must_be_named(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    group = write_zarr(tmp_path / "a.zarr", WEATHER)
    other = {"standard_name": FIELD, "units": "dBZ"}
    group.create_array(
        "lower",
        shape=WEATHER.reflectivity_dbz.shape,
        dtype=np.float32,
        dimension_names=("time", "y", "x"),
        attributes=other,
        fill_value=np.nan,
    )[:] = 7
    with pytest.raises(ContractViolation, match="several radar fields"):
        opened(tmp_path / "a.zarr")
    frames = whole(opened(tmp_path / "a.zarr", Reading("lower")))
    assert (frames.reflectivity_dbz == 7).all()


def test_irregular_times_are_read_as_they_are(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    minutes = [0, 5, 10, 25, 26, 600]
    write_zarr(
        tmp_path / "a.zarr", WEATHER, times=minutes, clock="minutes since 2026-06-01 02:00+02:00"
    )
    archive = opened(tmp_path / "a.zarr")
    assert [(time - BEGIN) / timedelta(minutes=1) for time in archive.times] == minutes


def test_what_is_no_archive_is_refused(tmp_path: Path, opened: Callable[..., ZarrArchive]) -> None:
    with pytest.raises(UnreadableInput, match="There is no Zarr archive at"):
        opened(tmp_path / "none.zarr")
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr" / "zarr.json").write_text("{")
    with pytest.raises(UnreadableInput, match="can't be opened as a Zarr archive"):
        opened(tmp_path / "bad.zarr")
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    with pytest.raises(InputError, match="no variable in"):
        opened(tmp_path / "empty.zarr")
    with pytest.raises(UnreadableInput, match="nowhere"):
        opened("nowhere://a.zarr")


def test_a_statement_on_what_the_archive_says_is_refused(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    write_zarr(tmp_path / "a.zarr", WEATHER)
    with pytest.raises(ContractViolation, match="leave the statement out"):
        opened(tmp_path / "a.zarr", Reading.of_words(units="dBZ"))


def test_the_interval_of_amounts_may_be_stated_where_nothing_else_says_it(
    tmp_path: Path, opened: Callable[..., ZarrArchive]
) -> None:
    """As archives of 5 minutes' sums are published, which name it nowhere."""
    words = {"standard_name": "precipitation_amount", "units": "mm"}
    sums = np.full((6, SIDE, SIDE), 0.5, np.float32)
    write_zarr(tmp_path / "a.zarr", WEATHER, name="mm", values=sums, attributes=words)
    frames = whole(opened(tmp_path / "a.zarr", Reading.of_words(units="mm/5min")))
    expected = 10 * np.log10(200 * 6**1.6)
    np.testing.assert_allclose(frames.reflectivity_dbz, expected, atol=0.01)
    for units in ("mm/h", "mm", "0.1 mm/5min", "dBZ"):
        with pytest.raises(ContractViolation, match="leave the statement out"):
            opened(tmp_path / "a.zarr", Reading.of_words(units=units))


def test_parts_are_whole_chunks_where_they_can_be(
    tmp_path: Path, opened: Callable[..., ZarrArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_zarr(tmp_path / "a.zarr", WEATHER, chunks=(2, SIDE, SIDE))
    monkeypatch.setattr(zarr_archive, "PART_PIXELS", 1)
    archive = opened(tmp_path / "a.zarr")
    indices = archive.within(BEGIN + STEP, None)
    assert list(archive.parts(indices)) == [slice(1, 2), slice(2, 4), slice(4, 6)]
    assert list(archive.parts([0, 1, 3])) == [slice(0, 2), slice(3, 4)]
    assert archive.within(BEGIN + STEP, BEGIN + 2 * STEP) == [1, 2]


def test_chunks_that_need_too_much_memory_are_refused(
    tmp_path: Path, opened: Callable[..., ZarrArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_zarr(tmp_path / "a.zarr", WEATHER, chunks=(6, SIDE, SIDE))
    monkeypatch.setattr(zarr_archive, "MOST_PIXELS", 5 * SIDE**2)
    with pytest.raises(InputTooLarge, match="6 frames deep"):
        opened(tmp_path / "a.zarr")


def test_each_chunk_is_read_once_and_none_that_is_not_asked_for(
    tmp_path: Path, opened: Callable[..., ZarrArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A national archive is never in memory: chunks come when their frames are asked for."""
    from zarr.storage import LocalStore

    asked: list[str] = []
    get = LocalStore.get

    async def counted(self: LocalStore, key: str, *rest: Any, **more: Any) -> Any:
        asked.append(key)
        return await get(self, key, *rest, **more)

    write_zarr(tmp_path / "a.zarr", WEATHER)
    monkeypatch.setattr(LocalStore, "get", counted)
    archive = opened(tmp_path / "a.zarr")
    archive.frames(slice(2, 4))
    chunks = [key for key in asked if key.startswith(f"{FIELD}/c/")]
    assert sorted(chunks) == [f"{FIELD}/c/2/0/0", f"{FIELD}/c/3/0/0"]


def test_a_store_that_does_not_answer_is_no_damaged_chunk(
    tmp_path: Path, opened: Callable[..., ZarrArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames must not be left out, one after the other, because a network is gone."""
    from zarr.storage import LocalStore

    async def gone(*_: Any, **__: Any) -> Any:
        raise ConnectionError("nobody answers")

    write_zarr(tmp_path / "a.zarr", WEATHER)
    archive = opened(tmp_path / "a.zarr")
    monkeypatch.setattr(LocalStore, "get", gone)
    with pytest.raises(InputError, match="can't be read on: nobody answers") as refusal:
        archive.frames(slice(0, 2))
    assert not isinstance(refusal.value, UnreadableInput | ContractViolation)
