"""Names that agencies are known to have given, and the times that they say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from echocast.service.sources.library import all_sources
from echocast.service.sources.source import ByClock

NOON = datetime(2026, 7, 12, 12, 5, tzinfo=UTC)
KNOWN = {
    "opera": "2026/07/12/OPERA/COMP/OPERA@20260712T1205@0@DBZH.h5",
    "mrms": "CONUS/x/20260712/MRMS_MergedReflectivityQCComposite_00.50_20260712-120500.grib2.gz",
    "dwd-hx": "composite_hx_20260712_1205-hd5",
    "dwd-wn": "composite_wn_20260712_1205.tar",
    "dwd-rv": "composite_rv_20260712_1205.tar",
    "metoffice": "20260712/202607121205_ODIM_ng_radar_rainrate_composite_1km_UK.h5",
    "meteoswiss": "ch.meteoschweiz.ogd-radar-precip/20260712-ch/rzc261931205ul.001.h5",
    "fmi": "wms?request=GetMap&layers=Radar:suomi_dbz_eureffin&time=2026-07-12T12:05:00Z",
    "metno": "2026/07/12/norway_pcappi_class-dbz-1000_202607121205.tiff",
    "smhi": "comp/2026/07/12/radar_2607121205.h5",
    "dmi": "download/dk.com.202607121205.500_max.h5",
    "chmi": "T_PABV23_C_OKPR_20260712120500.hdf",
    "shmu": "T_PABV22_C_LZIB_20260712120500.hdf",
    "knmi": "files/RAD_NL25_PCP_NA_202607121205.h5/url",
    "imgw": "HVD/HVD_COMPO_CMAX_250.comp.cmax/2026071212050000dBZ.cmax.h5",
    "hungaromet": "nc/refl2D/radar_composite-refl2D-20260712_1205.nc.zip",
    "cwa": "history/Observation/202607122005compref_mosaic.xml",
}
OTHERS = {
    "mrms": "CONUS/x/20260712/MRMS_PrecipRate_00.00_20260712-120500.grib2.gz",
    "dwd-hx": "composite_hx_LATEST-hd5",
    "dwd-wn": "composite_wn__LATEST.tar",
    "meteoswiss": "20260712-ch/cpc261931205_00060.001.h5",
    "smhi": "comp/2026/07/12/radar_2607121205.png",
    "chmi": "T_PABV23_C_OKPR_20260712.1205.ft60s10.tar",
    "knmi": "files/RAD_NL25_RAC_RT_202607121205.h5/url",
    "hungaromet": "nc/refl2D/radar_composite-refl2D_pscappi-20260712_1205.nc.zip",
    "cwa": "history/Observation/202607122005.compref_gauge.xml",
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_name_says_its_time(name: str) -> None:
    fetch = all_sources()[name].fetch
    if isinstance(fetch, ByClock):
        assert fetch.pattern.at(NOON).endswith(KNOWN[name].removeprefix("20260712/"))
    else:
        assert fetch.names.time_in(f"https://a.example/{KNOWN[name]}") == NOON


@pytest.mark.parametrize("name", OTHERS)
def test_another_product_beside_it_is_none_of_it(name: str) -> None:
    fetch = all_sources()[name].fetch
    pattern = fetch.pattern if isinstance(fetch, ByClock) else fetch.names
    assert pattern.time_in(f"https://a.example/{OTHERS[name]}") is None


def test_both_kinds_of_names_of_smhi_are_known() -> None:
    fetch = all_sources()["smhi"].fetch
    assert not isinstance(fetch, ByClock)
    newer = "https://a.example/radar_sweden_comp_202607121205.h5"
    assert fetch.names.time_in(newer) == NOON


def test_every_shipped_source_has_a_known_name() -> None:
    """DPC's addresses are signed and say nothing."""
    assert all_sources().keys() - KNOWN.keys() == {"dpc"}
