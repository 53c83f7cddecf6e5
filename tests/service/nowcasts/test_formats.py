"""A forecast in every format, read back by those who would read it."""

from __future__ import annotations

import io
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import rasterio
import xarray
from PIL import Image

from echocast.model.forecast import Forecast
from echocast.model.formats.forecast_reader import read_forecast
from tests.service.bodies import NETCDF, REFERENCE, WAIT, forecast, is_problem, netcdf
from tests.service.real_processes import Place


def stored(client: httpx.Client, job: dict[str, Any], folder: Path) -> Forecast:
    """The forecast of a job as its NetCDF file has it."""
    path = folder / "forecast.nc"
    path.write_bytes(forecast(client, job, "netcdf").content)
    return read_forecast(path)


def test_netcdf_opens_in_xarray(client: httpx.Client, job: dict[str, Any], tmp_path: Path) -> None:
    answer = forecast(client, job, "netcdf")
    assert answer.headers["content-type"] == "application/x-netcdf"
    path = tmp_path / "forecast.nc"
    path.write_bytes(answer.content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = xarray.open_dataset(path)
    with opened as dataset:
        assert dataset["reflectivity"].dims == ("time", "y", "x")
        assert dataset.sizes["time"] == 10
        assert {"forecast_reference_time", "forecast_period"} <= set(dataset.coords)


def test_a_forecast_is_shown_after_its_inputs_were_removed_and_made_again_when_it_is_lost(
    home: Place, client: httpx.Client
) -> None:
    upload = {"params": {"reference_time": REFERENCE}, "content": netcdf(seed=77, frames=20)}
    headers = {**NETCDF, **WAIT, "Idempotency-Key": "lost"}
    inputs = home.data / "store" / "inputs"
    others = set(inputs.rglob("*.*"))
    job = client.post("/nowcast", **upload, headers=headers).json()
    for path in set(inputs.rglob("*.*")) - others:
        path.unlink()
    for name in ("netcdf", "json", "npz", "geotiff", "png", "webp"):
        assert forecast(client, job, name).content
    late = client.post(job["links"]["observations"], content=netcdf(seed=77), headers=NETCDF)
    is_problem(late, 410, "no-longer-stored")
    assert "made from are not stored any more" in late.json()["detail"]
    for path in (home.data / "store" / "forecasts").rglob(f"*{job['id']}_*.nc"):
        path.unlink()
    is_problem(client.get(job["links"]["forecast"]), 410, "no-longer-stored")
    again = client.post("/nowcast", **upload, headers=headers).json()
    assert (again["id"], again["status"]) == (job["id"], "succeeded")
    assert again["started"] != job["started"]
    assert forecast(client, again, "json").json()["frames"]


def test_all_formats_hold_the_same_forecast(
    client: httpx.Client, job: dict[str, Any], tmp_path: Path
) -> None:
    truth = stored(client, job, tmp_path)
    as_json = forecast(client, job, "json").json()
    values = truth.frames.reflectivity_dbz
    np.testing.assert_allclose(np.array(as_json["frames"], dtype=float), values, atol=0.006)
    assert as_json["times"] == job["valid_times"]
    assert as_json["units"] == "dBZ"
    with np.load(io.BytesIO(forecast(client, job, "npz").content), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["reflectivity_dbz"], values)
        assert list(arrays["lead_minutes"]) == job["lead_minutes"]
        thresholds, chances = truth.exceedance_thresholds_dbz, truth.exceedance_probability
        assert tuple(arrays["exceedance_thresholds_dbz"]) == thresholds
        np.testing.assert_allclose(arrays["exceedance_probability"], chances, atol=1e-3)
    assert tuple(as_json["exceedance_thresholds_dbz"]) == thresholds
    percent = np.array(as_json["exceedance_probability_percent"], dtype=float)
    np.testing.assert_allclose(percent, 100 * chances, atol=0.5001)
    assert np.nanmax(percent) == np.rint(np.nanmax(percent)) > 0


def test_a_geotiff_has_every_value_and_a_cog_is_the_same(
    client: httpx.Client, job: dict[str, Any], tmp_path: Path
) -> None:
    answer = forecast(client, job, "geotiff")
    assert answer.headers["content-type"] == "image/tiff"
    (tmp_path / "forecast.tif").write_bytes(answer.content)
    with rasterio.open(tmp_path / "forecast.tif") as raster:
        values = stored(client, job, tmp_path).frames.reflectivity_dbz
        np.testing.assert_array_equal(raster.read(), values)
        assert list(raster.descriptions) == job["valid_times"]
        assert raster.tags()["model"] == "tiny/1"
    assert forecast(client, job, "cog").content == answer.content


def test_json_is_zipped_for_those_who_read_that(client: httpx.Client, job: dict[str, Any]) -> None:
    path = job["links"]["forecast"]
    plain, zipped, refused = (
        client.get(path, params={"format": "json"}, headers={"Accept-Encoding": coding})
        for coding in ("identity", "br, gzip", "gzip;q=0, identity")
    )
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers
    assert zipped.content == plain.content == refused.content
    assert 2 * int(zipped.headers["content-length"]) < int(plain.headers["content-length"])
    assert zipped.headers["etag"] != plain.headers["etag"] == refused.headers["etag"]


def test_pictures_open_in_pillow(client: httpx.Client, job: dict[str, Any]) -> None:
    for name, frames in (("png", 1), ("webp", 11)):
        answer = forecast(client, job, name)
        assert answer.headers["content-type"] == f"image/{name}"
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.format == name.upper()
            assert getattr(image, "n_frames", 1) >= frames


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/x-netcdf"),
        ("application/json", "application/json"),
        ("image/*", "image/png"),
        ("image/webp, image/png;q=0.5", "image/webp"),
        ("text/html;q=0.9, application/json;q=0.1", "application/json"),
    ],
)
def test_accept_chooses_the_format(
    client: httpx.Client, job: dict[str, Any], accept: str, media_type: str
) -> None:
    answer = client.get(job["links"]["forecast"], headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["vary"] == "Accept, Accept-Encoding"


def test_unknown_formats_are_refused(client: httpx.Client, job: dict[str, Any]) -> None:
    path = job["links"]["forecast"]
    is_problem(client.get(path, params={"format": "gif"}), 422, "unknown-format")
    assert client.get(path, params={"format": "nc"}).headers["content-type"].endswith("netcdf")
    is_problem(client.get(path, headers={"Accept": "text/html"}), 406, "not-acceptable")


def test_what_the_caller_has_is_not_sent_again(client: httpx.Client, job: dict[str, Any]) -> None:
    first = forecast(client, job, "netcdf")
    again = client.get(job["links"]["forecast"], headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "vary", "cache-control"):
        assert again.headers[name] == first.headers[name]


@pytest.mark.parametrize(
    ("name", "suffix", "kind", "ends"),
    [
        ("netcdf", ".nc", "attachment", "-netcdf"),
        ("json", ".json", "attachment", "-json-gzip"),
        ("npz", ".npz", "attachment", "-npz"),
        ("geotiff", ".tif", "attachment", "-geotiff"),
        ("png", ".png", "inline", "-png-1-1"),
        ("webp", ".webp", "inline", "-webp-1-1"),
    ],
)
def test_headers_tell_what_a_forecast_is_and_how_long_it_holds(
    client: httpx.Client, job: dict[str, Any], name: str, suffix: str, kind: str, ends: str
) -> None:
    headers = forecast(client, job, name).headers
    time = datetime.fromisoformat(job["forecast_reference_time"])
    file = f"nowcast_{time:%Y%m%dT%H%MZ}_{job['id'][:8]}{suffix}"
    assert headers["content-disposition"] == f'{kind}; filename="{file}"'
    assert headers["cache-control"] == "private, no-cache"
    assert headers["vary"] == "Accept, Accept-Encoding"
    assert headers["etag"].startswith(f'"{job["id"]}-')
    assert headers["etag"].endswith(f'{ends}"')


def test_other_products_are_shown_where_they_are_asked_for(
    client: httpx.Client, job: dict[str, Any], tmp_path: Path
) -> None:
    truth = stored(client, job, tmp_path)
    expected_dbz = (truth.expected or truth.frames).reflectivity_dbz

    def shown(product: str) -> tuple[str, Any]:
        answer = client.get(job["links"]["forecast"], params={"format": "json", "product": product})
        body = answer.json()
        assert body["product"] == product
        return answer.headers["etag"], np.array(body["frames"], dtype=float)

    expected_tag, expected = shown("expected")
    np.testing.assert_allclose(expected, expected_dbz, atol=0.006)
    sharp_tag, sharp = shown("sharp")
    assert len({expected_tag, sharp_tag, forecast(client, job, "json").headers["etag"]}) == 3
    newest = truth.persistence.reflectivity_dbz
    for lead in (0, 9):
        known = np.isfinite(sharp[lead])
        assert np.array_equal(known, np.isfinite(newest[lead]))
        np.testing.assert_allclose(
            np.sort(sharp[lead][known]), np.sort(newest[lead][known]), atol=0.006
        )
    picture = client.get(job["links"]["forecast"], params={"format": "png", "product": "sharp"})
    assert picture.content != forecast(client, job, "png").content


def test_an_unknown_product_and_one_for_netcdf_are_refused(
    client: httpx.Client, job: dict[str, Any]
) -> None:
    link = job["links"]["forecast"]
    other = client.get(link, params={"format": "json", "product": "best"})
    is_problem(other, 422, "unknown-format")
    assert "expected, sharp" in other.json()["detail"]
    whole = client.get(link, params={"product": "sharp"})
    is_problem(whole, 422, "unknown-format")
    assert "reflectivity_expected" in whole.json()["detail"]
