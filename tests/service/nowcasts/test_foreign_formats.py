"""Files of single agencies over HTTP, as they are: to a stream, and ten of them for a nowcast."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest

from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.service.client.feed import Feeder
from echocast.service.client.feed import netcdf_bytes as frame_bytes
from tests.model.formats.foreign_files import FOREIGN, TIME, geotiff
from tests.service.bodies import is_problem, netcdf

RAW = {"Content-Type": "application/octet-stream"}
STAMP = f"{TIME:%Y-%m-%dT%H:%MZ}"


@pytest.mark.parametrize("name", FOREIGN)
def test_a_stream_accepts_every_format(name: str, client: httpx.Client, tmp_path: Path) -> None:
    units = "mm/h" if name == "meteoswiss-gif" else "dBZ"
    stream = f"/streams/foreign-{name}"
    body = {"step_minutes": 5, "units": units}
    assert client.put(stream, json=body).status_code in (200, 201)
    path = FOREIGN[name].write(tmp_path)
    headers = {**RAW, "Content-Disposition": f'attachment; filename="{path.name}"'}
    answer = client.put(f"{stream}/frames/{STAMP}", content=path.read_bytes(), headers=headers)
    assert answer.status_code == 201, answer.text


def test_the_name_of_a_body_gives_the_time_that_the_file_lacks(
    client: httpx.Client, tmp_path: Path
) -> None:
    path = geotiff(tmp_path, tags={"OBSERVATION TIME": ""})
    assert client.put("/streams/named", json={"step_minutes": 5}).status_code in (200, 201)
    target = f"/streams/named/frames/{STAMP}"
    nameless = client.put(target, content=path.read_bytes(), headers=RAW)
    is_problem(nameless, 422, "contract-violation", "time-missing")
    named = {**RAW, "Content-Disposition": f'attachment; filename="{path.name}"'}
    assert client.put(target, content=path.read_bytes(), headers=named).status_code == 201


def test_a_zip_of_ten_images_is_a_nowcast(client: httpx.Client, tmp_path: Path) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for index in range(10):
            time = TIME + index * timedelta(minutes=5)
            path = geotiff(tmp_path, f"{time:%Y%m%d%H%M}.tif", tags={"OBSERVATION TIME": ""})
            archive.write(path, path.name)
    headers = {"Content-Type": "application/zip", "Prefer": "wait=120"}
    answer = client.post("/nowcast", content=package.getvalue(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "succeeded"


def test_a_part_of_an_image_is_a_frame(client: httpx.Client, tmp_path: Path) -> None:
    raw = np.random.default_rng(1).integers(0, 160, (100, 90)).astype(np.uint8)
    path = geotiff(tmp_path, raw=raw)
    whole = read_frames([path])
    north, east = whole.grid.earth.degrees(whole.grid.y[50], whole.grid.x[45])
    crop = {"at": f"{north:.4f},{east:.4f}", "radius_km": 40, "reduce": 2}
    assert client.put("/streams/part", json={"step_minutes": 5}).status_code in (200, 201)
    target = f"/streams/part/frames/{STAMP}"
    elsewhere = {**crop, "at": "-30,150"}
    refused = client.put(target, content=path.read_bytes(), headers=RAW, params=elsewhere)
    is_problem(refused, 422, "contract-violation", "crop")
    answer = client.put(target, content=path.read_bytes(), headers=RAW, params=crop)
    assert answer.status_code == 201, answer.text
    part = read_frames([path], Reading.of_words(**crop))
    again = client.put(target, content=frame_bytes(part), headers=RAW)
    assert again.json()["sha256"] == answer.json()["sha256"]


def test_what_a_file_leaves_open_is_stated(client: httpx.Client, tmp_path: Path) -> None:
    silent = {"QUANTITY": "", "GAIN": "", "OFFSET": "", "NODATA": "", "UNDETECT": ""}
    content = geotiff(tmp_path, tags=silent).read_bytes()
    assert client.put("/streams/open", json={"step_minutes": 5}).status_code in (200, 201)
    target = f"/streams/open/frames/{STAMP}"
    is_problem(
        client.put(target, content=content, headers=RAW), 422, "contract-violation", "units-missing"
    )
    stated = {"units": "dBZ", "gain": 0.5, "offset": -32, "nodata": 255, "undetect": 0}
    answer = client.put(target, content=content, headers=RAW, params=stated)
    assert answer.status_code == 201, answer.text
    whole = geotiff(tmp_path, "202607011205.tif").read_bytes()
    again = client.put(target, content=whole, headers=RAW)
    assert again.json()["sha256"] == answer.json()["sha256"]
    unused = client.put(target, content=netcdf(), headers=RAW, params=stated)
    is_problem(unused, 422, "contract-violation", "contradicting-statement")


def test_a_stream_keeps_its_region_and_what_is_stated(client: httpx.Client, tmp_path: Path) -> None:
    raw = np.random.default_rng(1).integers(0, 160, (100, 90)).astype(np.uint8)
    silent = {"QUANTITY": "", "GAIN": "", "OFFSET": "", "NODATA": "", "UNDETECT": ""}
    whole = read_frames([geotiff(tmp_path, raw=raw)])
    north, east = whole.grid.earth.degrees(whole.grid.y[50], whole.grid.x[45])
    region = {"at": f"{north:.4f},{east:.4f}", "radius_km": 40.0, "reduce": 2}
    reading = {**region, "units": "dBZ", "gain": 0.5, "offset": -32.0, "nodata": 255.0}
    body = {"step_minutes": 5, "reading": {**reading, "undetect": 0.0}}
    assert client.put("/streams/region", json=body).status_code in (200, 201)
    assert client.get("/streams/region").json()["reading"]["radius_km"] == 40
    target = f"/streams/region/frames/{STAMP}"
    content = geotiff(tmp_path, "202607011205.tif", raw=raw, tags=silent).read_bytes()
    answer = client.put(target, content=content, headers=RAW)
    assert answer.status_code == 201, answer.text
    part = read_frames([geotiff(tmp_path, raw=raw)], Reading.of_words(**region))
    assert client.get("/streams/region").json()["shape"] == [*part.grid.shape]
    complete = client.put(target, content=frame_bytes(whole), headers=RAW)
    assert complete.json()["sha256"] == answer.json()["sha256"]
    elsewhere = {**body, "reading": {**body["reading"], "radius_km": 30.0}}
    is_problem(client.put("/streams/region", json=elsewhere), 409, "stream-conflict")
    nowhere = {**body, "reading": {"at": "98,0", "radius_km": 5.0}}
    is_problem(client.put("/streams/other", json=nowhere), 422, "contract-violation", "crop")


def test_a_watched_folder_is_read_as_its_stream_is_declared(
    client: httpx.Client, tmp_path: Path
) -> None:
    silent = {"QUANTITY": "", "GAIN": "", "OFFSET": "", "NODATA": "", "UNDETECT": ""}
    path = geotiff(tmp_path, "202607011205.tif", tags={**silent, "OBSERVATION TIME": ""})
    feeder = Feeder(client, "watched-tiff", patience_seconds=5)
    reading = {"units": "dBZ", "gain": 0.5, "offset": -32.0, "nodata": 255.0, "undetect": 0.0}
    declared = feeder.declare(5, reading)
    assert declared.stated == reading
    (answer,) = feeder.send_file(path, declared)
    assert answer["outcome"] == "created"
    complete = geotiff(tmp_path, "202607011205_complete.tif")
    assert feeder.send_file(complete, declared)[0]["outcome"] == "same"
