"""Files of agencies as they published them, from a played agency to frames of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from echocast.service.client.feed import Feeder
from echocast.service.client.ledger import Ledger
from echocast.service.fetching.backlog import Backlog
from echocast.service.fetching.client import AgencyClient, ClientSettings
from echocast.service.fetching.fetcher import Fetcher, Order
from echocast.service.fetching.turns import HostTurns
from echocast.service.sources.library import all_sources
from echocast.service.sources.source import ByClock
from tests.service.fetching.conftest import Service
from tests.service.fetching.played_agency import Asked, Reply, played_agency
from tests.service.fetching.played_lists import STYLES, time_of

pytestmark = pytest.mark.real_radar
SAMPLES = {  # folder, names with the time, what streams of them are declared in, a place
    "opera": ("opera-odim", "T_PABV21_C_EUOC_%Y%m%d%H%M%S.hdf", "dBZ", "51.0,10.0"),
    "mrms": ("mrms-grib2", "PrecipRate_00.00_%Y%m%d-%H%M%S.grib2", "mm/h", "35.0,-90.0"),
    "fmi": ("fmi-geotiff", "%Y%m%d%H%M_FINUTM.tif", "dBZ", "61.0,25.0"),
    "knmi": ("knmi-hdf5", "RAD_NL25_RAP_5min_%Y%m%d%H%M.h5", "mm/h", "52.1,5.2"),
}
MOST = 3  # of each


def samples(folder: Path, name: str) -> Mapping[datetime, Path]:
    paths: dict[datetime, Path] = {}
    for path in sorted(folder.iterdir()):
        try:
            paths[datetime.strptime(path.name, name).replace(tzinfo=UTC)] = path
        except ValueError:
            continue  # another product
    return dict(list(paths.items())[-MOST:])


@pytest.mark.parametrize("name", SAMPLES)
def test_real_files_become_frames(
    service: Service, radar_folder: Path, tmp_path: Path, name: str
) -> None:
    folder, pattern, units, at = SAMPLES[name]
    files = samples(radar_folder.parent / "radar-raw" / folder, pattern)

    def answer(asked: Asked) -> Reply:
        path = files.get(time_of(asked.path))
        return Reply(path.read_bytes()) if path else Reply(status=404)

    with played_agency(answer) as agency:
        source = all_sources()[name].model_copy(
            update={
                "fetch": ByClock.model_validate(STYLES["clock"].at(agency.url)),
                "hosts": ("127.0.0.1",),
                "stream_units": units,
                "key": None,
            }
        )
        reading = {**source.read.words(), "at": at, "radius_km": 100.0}
        stream, now = f"real-{name}", max(files) + source.latency
        ledger = Ledger(tmp_path / "fetch", name, stream)
        settings = ClientSettings(allow_private=True)
        with AgencyClient(source, settings, HostTurns(), {}) as client:
            feeder = Feeder(service.gate.client, stream, patience_seconds=5)
            order = Order(source, reading, stream)
            Fetcher(order, client, feeder, Backlog(source, ledger), tmp_path, lambda: now).look()
        ledger.close()
    view = service.gate.client.get(f"/streams/{stream}").json()
    assert service.frame_times(stream, min(files), max(files)) == sorted(files), view["fetching"]
    assert view["source"]["attribution"] == source.licence.attribution
