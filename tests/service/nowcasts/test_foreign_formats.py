"""Files of single agencies over HTTP, as they are: to a stream, and ten of them for a nowcast."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.model.formats.foreign_files import FOREIGN, TIME, geotiff
from tests.service.bodies import is_problem

RAW = {"Content-Type": "application/octet-stream"}
STAMP = f"{TIME:%Y-%m-%dT%H:%MZ}"


@pytest.mark.parametrize("name", FOREIGN)
def test_a_stream_accepts_every_format(name: str, client: httpx.Client, tmp_path: Path) -> None:
    units = "mm/h" if name == "meteoswiss-gif" else "dBZ"
    stream = f"/streams/foreign-{name}"
    body = {"step_minutes": 5, "units": units}
    assert client.put(stream, json=body).status_code in (200, 201)
    content = FOREIGN[name].write(tmp_path).read_bytes()
    answer = client.put(f"{stream}/frames/{STAMP}", content=content, headers=RAW)
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
