"""A part of a composite, and coarser: the same pixels as of the whole, from every format."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, InputTooLarge
from echocast.model.formats.crop import Crop
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from tests.model.formats.foreign_files import geotiff, radolan
from tests.model.formats.radar_files import (
    PROJECTIONS,
    odim_file,
    on_grid,
    projected_grid,
    small_storm,
)


def middle_of(grid: Grid, row: int, column: int) -> tuple[float, float]:
    assert grid.earth is not None
    north, east = grid.earth.degrees(grid.y[row], grid.x[column])
    return float(north), float(east)


def netcdf(folder: Path, name: str, side: int = 100) -> Path:
    frames = small_storm(frames=2, height=side, width=side)
    write_frames(on_grid(frames, projected_grid(name, side, side)), folder / "whole.nc")
    return folder / "whole.nc"


def odim(folder: Path) -> Path:
    raw = np.random.default_rng(1).integers(0, 160, (100, 90)).astype(np.uint8)
    return odim_file(folder / "whole.h5", raw)


def tiff(folder: Path) -> Path:
    raw = np.random.default_rng(1).integers(0, 160, (100, 90)).astype(np.uint8)
    return geotiff(folder, raw=raw)


WRITERS = {"odim": odim, "geotiff": tiff, "radolan": radolan}
WRITERS |= {n: lambda folder, n=n: netcdf(folder, n) for n in PROJECTIONS}


@pytest.mark.parametrize("name", WRITERS)
def test_a_crop_is_that_part_of_the_whole(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path)
    whole = read_frames([path])
    centre = middle_of(whole.grid, 50, 45)
    part = read_frames([path], Reading(crop=Crop(centre, 15.0 * whole.grid.pixel_size_km)))
    rows, columns = (
        slice(int(np.argmin(abs(big - small[0]))), int(np.argmin(abs(big - small[-1]))) + 1)
        for big, small in ((whole.grid.y, part.grid.y), (whole.grid.x, part.grid.x))
    )
    assert part.grid.same_as(whole.grid.part(rows, columns))
    np.testing.assert_array_equal(part.reflectivity_dbz, whole.reflectivity_dbz[:, rows, columns])
    height, width = part.grid.shape
    assert 24 <= height <= 44
    assert 24 <= width <= 44
    assert rows.start <= 50 < rows.stop
    assert columns.start <= 45 < columns.stop


def test_every_place_within_the_radius_is_inside(tmp_path: Path) -> None:
    path = netcdf(tmp_path, "lambert azimuthal")
    whole = read_frames([path]).grid
    centre = middle_of(whole, 40, 60)
    part = read_frames([path], Reading(crop=Crop(centre, 20.0))).grid
    for row in range(0, 100, 3):
        for column in range(0, 100, 3):
            north, east = middle_of(whole, row, column)
            far = np.hypot(
                111.195 * (north - centre[0]),
                111.195 * np.cos(np.deg2rad(north)) * (east - centre[1]),
            )
            if far < 19.5:
                assert part.y.min() <= whole.y[row] <= part.y.max()
                assert part.x.min() <= whole.x[column] <= part.x.max()


def test_a_box_over_the_date_line_is_one_region() -> None:
    grid = Grid(np.linspace(10, -10, 201), np.linspace(170, 190, 201), "degree")
    rows, columns = Crop(box=(178.0, -2.0, -178.0, 2.0)).window(grid, "it")
    assert grid.x[columns][[0, -1]] == pytest.approx([178, 182])
    assert grid.y[rows][[0, -1]] == pytest.approx([2, -2])


def test_blocks_are_means_of_z_over_what_was_measured() -> None:
    values = np.full((1, 32, 32), -32, np.float32)
    values[0, 0, 0] = 40  # one of four: 40 dBZ - 10 log10 4
    values[0, 0, 2:4] = np.nan
    values[0, 1, 2:4] = 30  # two of four were measured
    values[0, 2:4, 0:2] = [[np.nan, np.nan], [np.nan, 50]]  # one of four
    frames = Frames(values, small_storm(frames=1).times, Grid.of_squares(32, 32, 1.0), -32.0)
    coarse = Crop(reduce=2).coarser(frames)
    assert coarse.grid.shape == (16, 16)
    assert coarse.grid.pixel_size_km == pytest.approx(2.0)
    assert coarse.grid.y[0] == pytest.approx(0.5)
    assert coarse.reflectivity_dbz[0, 0, 0] == pytest.approx(40 - 10 * np.log10(4), abs=1e-4)
    assert coarse.reflectivity_dbz[0, 0, 1] == pytest.approx(30, abs=1e-4)
    assert np.isnan(coarse.reflectivity_dbz[0, 1, 0])
    assert coarse.reflectivity_dbz[0, 8, 8] == -32
    assert "2 x 2" in coarse.notes["reduced"]


def test_blocks_begin_at_the_same_pixels_wherever_the_region_lies(tmp_path: Path) -> None:
    path = tiff(tmp_path)
    everything = read_frames([path], Reading(crop=Crop(reduce=2)))
    centre = middle_of(read_frames([path]).grid, 51, 44)
    part = read_frames([path], Reading(crop=Crop(centre, 20.0, reduce=2)))
    row = int(np.argmin(abs(everything.grid.y - part.grid.y[0])))
    column = int(np.argmin(abs(everything.grid.x - part.grid.x[0])))
    height, width = part.grid.shape
    same = everything.reflectivity_dbz[:, row : row + height, column : column + width]
    np.testing.assert_array_equal(part.reflectivity_dbz, same)


def test_a_composite_that_is_too_large_is_read_in_part(tmp_path: Path) -> None:
    path, limits = tiff(tmp_path), InputContract(maximum_frame_pixels=5000)
    with pytest.raises(InputTooLarge):
        read_frames([path], contract=limits)
    centre = middle_of(read_frames([path]).grid, 50, 45)
    part = read_frames([path], Reading(crop=Crop(centre, 20.0)), contract=limits)
    assert part.reflectivity_dbz.size <= 5000


def test_only_the_window_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = odim(tmp_path)
    centre = middle_of(read_frames([path]).grid, 50, 45)
    reading = h5py.Dataset.__getitem__
    shapes = []

    def recorded(self, index, **settings):
        values = reading(self, index, **settings)
        shapes.append(np.shape(values))
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", recorded)
    part = read_frames([path], Reading(crop=Crop(centre, 30.0)))
    assert [shape for shape in shapes if len(shape) == 2] == [part.grid.shape]


@pytest.mark.parametrize(
    "settings",
    [
        {"centre": (48.0, 11.0)},
        {"radius_km": 100.0},
        {"centre": (48.0, 11.0), "radius_km": 0.0},
        {"centre": (98.0, 11.0), "radius_km": 10.0},
        {"centre": (48.0, 11.0), "radius_km": 10.0, "box": (0.0, 0.0, 1.0, 1.0)},
        {"box": (0.0, 2.0, 1.0, 1.0)},
        {"box": (0.0, 0.0, 1.0, 91.0)},
        {"reduce": 0},
        {"reduce": 17},
        {"centre": (float("nan"), 11.0), "radius_km": 10.0},
        {"box": (0.0, float("nan"), 1.0, 1.0)},
    ],
)
def test_numbers_that_make_no_region_are_refused(settings) -> None:
    with pytest.raises(ContractViolation) as caught:
        Crop(**settings)
    assert caught.value.rule == "crop"


def test_words_are_the_numbers() -> None:
    assert Crop.of_words("48.1, 11.6", 100.0, reduce=2) == Crop((48.1, 11.6), 100.0, reduce=2)
    assert Crop.of_words(bbox="10,47,12,48.5") == Crop(box=(10.0, 47.0, 12.0, 48.5))
    assert Crop.of_words().is_whole
    for words in ({"at": "48.1", "radius_km": 9.0}, {"bbox": "1,2,3"}, {"bbox": "a,b,c,d"}):
        with pytest.raises(ContractViolation, match="in degrees"):
            Crop.of_words(**words)


def test_a_region_elsewhere_or_too_small_is_refused(tmp_path: Path) -> None:
    path = tiff(tmp_path)
    here = middle_of(read_frames([path]).grid, 50, 45)
    for crop in (Crop((-30.0, 150.0), 50.0), Crop(here, 3.0), Crop(here, 20.0, reduce=4)):
        with pytest.raises(ContractViolation) as caught:
            read_frames([path], Reading(crop=crop))
        assert caught.value.rule == "crop"


def test_a_grid_without_a_place_has_no_region() -> None:
    with pytest.raises(ContractViolation, match="where on earth"):
        Crop((48.0, 11.0), 50.0).window(Grid.of_pixels(100, 100), "it")


def test_degrees_of_each_pixel_are_enough() -> None:
    north, east = np.meshgrid(np.linspace(50, 49, 101), np.linspace(10, 11, 101), indexing="ij")
    grid = Grid(np.arange(101.0), np.arange(101.0), "1", {}, north.astype("f4"), east.astype("f4"))
    rows, columns = Crop((49.5, 10.5), 20.0).window(grid, "it")
    assert grid.part(rows, columns).latitude[[0, -1], 0] == pytest.approx([49.68, 49.32], abs=0.011)
    assert columns.stop - columns.start > rows.stop - rows.start
