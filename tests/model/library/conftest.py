from pathlib import Path

import pytest
import xarray as xr

from echocast import nowcast, read
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry.reader import RegistryReader
from tests.model.library.storm_files import REFERENCE, event_files, tiny_models


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a storm in ``event/`` and a tiny network in ``models/``."""
    folder = tmp_path_factory.mktemp("library")
    event_files(folder)
    tiny_models(folder)
    return folder


@pytest.fixture(scope="package")
def tiny(folder: Path) -> Nowcaster:
    return Nowcaster.load(RegistryReader(folder / "models").resolve())


@pytest.fixture(scope="package")
def radar(folder: Path) -> xr.DataArray:
    return read(folder / "event" / "*.nc")


@pytest.fixture(scope="package")
def forecast(radar: xr.DataArray, tiny: Nowcaster) -> xr.Dataset:
    return nowcast(radar.sel(time=slice(None, REFERENCE)), nowcaster=tiny)
