"""What a stream refuses, and how it says so."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from echocast.service.client.feed import netcdf_bytes
from tests.service.bodies import NETCDF, is_problem, uniform
from tests.service.streams.stream_feed import declare, frame_bytes, frames, put, time_of

SHOWER = {"frames": uniform(1, 16, 20), "units": "dBZ", "times": [time_of(0)]}


def put_json(client: httpx.Client, name: str, time: str, **changes: Any) -> httpx.Response:
    return client.put(f"/streams/{name}/frames/{time}", json={**SHOWER, **changes})


@pytest.fixture
def stream(door: Any, request: pytest.FixtureRequest) -> tuple[httpx.Client, str]:
    """A stream of its own for each test, with its first frame."""
    name = re.sub("[^a-z0-9]", "-", request.node.name.lower())[:60]
    client: httpx.Client = door.client
    assert declare(client, name).status_code == 201
    assert put(client, name, 0).status_code == 201
    return client, name


def test_a_stream_is_declared_once(door: Any) -> None:
    client = door.client
    assert declare(client, "once").status_code == 201
    assert declare(client, "once").status_code == 200
    is_problem(declare(client, "once", step_minutes=10), 409, "stream-conflict")
    is_problem(declare(client, "once", units="mm/h"), 409, "stream-conflict")
    changed = declare(client, "once", retention_days=3, auto_nowcast=False)
    assert (changed.status_code, changed.json()["retention_days"]) == (200, 3)
    assert client.get("/streams/once").json()["auto_nowcast"] is False


def test_a_declaration_is_answered_with_what_it_takes_of_the_disk(door: Any) -> None:
    client, side = door.client, {"y": list(range(700)), "x": list(range(700)), "units": "1"}
    disk = declare(client, "composite", grid=side, retention_gb=10).json()["disk"]
    assert (disk["gb"], disk["limit_gb"]) == (0, 10)
    assert disk["gb_a_day"] == pytest.approx(700 * 700 * 65.6 * 288 / 1e9)
    assert disk["summary"].startswith("About 9.3 GB a day; ")
    assert client.get("/streams/composite").json()["disk"]["limit_gb"] == 10


def test_another_grid_is_no_second_declaration(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    other = {"y": list(range(20)), "x": list(range(20)), "units": "1"}
    is_problem(declare(client, name, grid=other), 409, "stream-conflict")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"step_minutes": 0}, "step"),
        ({"step_minutes": -5}, "step"),
        ({"step_minutes": 1e9}, "step"),
        ({"units": "inches"}, "units"),
        ({"retention_days": 0}, "retention"),
        ({"retention_days": 1e12}, "retention"),
        ({"retention_gb": 0}, "retention"),
        ({"retention_gb": 1e12}, "retention"),
        ({"maximum_gap_minutes": 1e12}, "gap"),
        ({"grid": {"y": [0] * 16, "x": list(range(16))}}, "grid-spacing"),
    ],
)
def test_a_declaration_that_makes_no_sense(door: Any, change: dict[str, Any], rule: str) -> None:
    is_problem(declare(door.client, "senseless", **change), 422, "contract-violation", rule)
    is_problem(door.client.get("/streams/senseless"), 404, "unknown-stream")


@pytest.mark.parametrize("name", ["Upper", "-dash", "a.b", "a" * 65, "%2e%2e", "a%2fb"])
def test_a_name_that_is_no_name(door: Any, name: str) -> None:
    answer = declare(door.client, name)
    assert answer.status_code in (404, 422)


def test_an_unknown_stream(door: Any) -> None:
    client = door.client
    for path in ("", "/latest", "/point?lat=1&lon=1", "/nowcasts", "/verification"):
        is_problem(client.get(f"/streams/nobody{path}"), 404, "unknown-stream")
    is_problem(put(client, "nobody", 0), 404, "unknown-stream")


def test_a_stream_without_a_forecast(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    is_problem(client.get(f"/streams/{name}/latest"), 404, "no-forecast-yet")
    is_problem(client.get(f"/streams/{name}/point?lat=1&lon=1"), 404, "no-forecast-yet")
    scores = client.get(f"/streams/{name}/verification").json()
    assert scores["methods"]["model"]["30"]["pooled"]["csi"] is None


def test_the_same_bytes_are_welcome_again_and_others_are_not(
    stream: tuple[httpx.Client, str],
) -> None:
    client, name = stream
    again = put(client, name, 0)
    assert (again.status_code, again.json()["outcome"]) == (200, "same")
    is_problem(put(client, name, 0, seed=9), 409, "stream-conflict")


def test_a_frame_of_another_grid(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    path = f"/streams/{name}/frames/{time_of(1)}"
    answer = client.put(path, content=frame_bytes(1, side=48), headers=NETCDF)
    is_problem(answer, 422, "contract-violation", "grid")


def test_a_first_frame_that_is_not_on_the_declared_grid(door: Any) -> None:
    axis = [float(n) for n in range(16)]
    declare(door.client, "gridded", grid={"y": axis, "x": axis, "units": "1"})
    is_problem(put(door.client, "gridded", 0), 422, "contract-violation", "grid")
    assert put_json(door.client, "gridded", time_of(0)).status_code == 201


def test_a_frame_of_another_unit(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    answer = put_json(client, name, time_of(1), units="mm/h", times=[time_of(1)])
    is_problem(answer, 422, "contract-violation", "units")


def test_rain_rates_where_they_are_declared(door: Any) -> None:
    declare(door.client, "rates", units="mm/h")
    assert put_json(door.client, "rates", time_of(0), units="mm/h").status_code == 201
    is_problem(put(door.client, "rates", 1), 422, "contract-violation", "units")


def test_a_frame_between_two_steps(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    between = (frames().times[0] + timedelta(minutes=7)).isoformat().replace("+00:00", "Z")
    moved = frames()[1:2]
    moved = moved.with_values(moved.reflectivity_dbz, [frames().times[0] + timedelta(minutes=7)])
    path = f"/streams/{name}/frames/{between}"
    answer = client.put(path, content=netcdf_bytes(moved), headers=NETCDF)
    is_problem(answer, 422, "contract-violation", "step")


def test_a_frame_some_seconds_off_takes_its_place(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    off = frames().times[1] + timedelta(seconds=8)
    path = f"/streams/{name}/frames/{off.isoformat().replace('+00:00', 'Z')}"
    answer = client.put(path, content=frame_bytes(1), headers=NETCDF)
    assert (answer.status_code, answer.json()["time"]) == (201, time_of(1))


def test_a_frame_from_the_future(stream: tuple[httpx.Client, str]) -> None:
    """Or of a clock that was moved back."""
    client, name = stream
    future = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=2)
    moved = frames()[1:2].with_values(frames().reflectivity_dbz[1:2], [future])
    path = f"/streams/{name}/frames/{future.isoformat().replace('+00:00', 'Z')}"
    answer = client.put(path, content=netcdf_bytes(moved), headers=NETCDF)
    is_problem(answer, 422, "contract-violation", "future")


def test_a_frame_of_a_clock_that_has_no_date(door: Any) -> None:
    """It settles nothing of its stream."""
    declare(door.client, "undated")
    path, time = "/streams/undated/frames", "0001-01-01T00:02:00Z"
    answer = door.client.put(f"{path}/{time}", json={**SHOWER, "times": [time]})
    is_problem(answer, 422, "invalid-parameter")
    assert put(door.client, "undated", 0).json()["time"] == time_of(0)


def test_a_frame_of_another_time_than_the_path_says(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    path = f"/streams/{name}/frames/{time_of(2)}"
    answer = client.put(path, content=frame_bytes(1), headers=NETCDF)
    is_problem(answer, 422, "contract-violation", "frame-time")


def test_several_frames_at_once(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    path = f"/streams/{name}/frames/{time_of(1)}"
    answer = client.put(path, content=netcdf_bytes(frames()[1:3]), headers=NETCDF)
    is_problem(answer, 422, "contract-violation", "frame-count")


def test_a_frame_with_nothing_in_it(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    path = f"/streams/{name}/frames/{time_of(1)}"
    empty = frames()[1:2].with_values(
        frames().reflectivity_dbz[1:2] * float("nan"), [frames().times[1]]
    )
    answer = client.put(path, content=netcdf_bytes(empty), headers=NETCDF)
    is_problem(answer, 422, "contract-violation", "missing-share")
    is_problem(client.put(path, content=b"", headers=NETCDF), 400, "malformed-body")
    is_problem(client.put(path, content=b"rain", headers=NETCDF), 400, "unreadable-input")
    assert client.get(f"/streams/{name}").json()["newest_frame"] == time_of(0)


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01T00:00:00Z", ""])
def test_a_time_that_is_none(stream: tuple[httpx.Client, str], time: str) -> None:
    client, name = stream
    path = f"/streams/{name}/frames/{time}"
    assert client.put(path, content=frame_bytes(1), headers=NETCDF).status_code in (404, 405, 422)


def test_a_time_without_a_zone(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    naive = "2026-07-01T12:00:00"
    frame = client.put(f"/streams/{name}/frames/{naive}", content=frame_bytes(1), headers=NETCDF)
    is_problem(frame, 422, "invalid-parameter")
    for path in ("nowcasts", "verification"):
        answer = client.get(f"/streams/{name}/{path}", params={"to": naive})
        is_problem(answer, 422, "invalid-parameter")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_no_radar_saw(stream: tuple[httpx.Client, str], time: str) -> None:
    client, name = stream
    for path in ("nowcasts", "verification"):
        answer = client.get(f"/streams/{name}/{path}", params={"to": time})
        is_problem(answer, 422, "invalid-parameter")


@pytest.mark.parametrize("change", [{"x": [float("nan")] * 16}, {"crs": {"a": [float("inf")]}}])
def test_a_grid_of_no_numbers(door: Any, change: dict[str, Any]) -> None:
    axis = [float(n) for n in range(16)]
    body = json.dumps({"step_minutes": 5, "grid": {"y": axis, "x": axis, "units": "1", **change}})
    answer = door.client.put(
        "/streams/nowhere", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    is_problem(door.client.get("/streams/nowhere"), 404, "unknown-stream")


@pytest.mark.parametrize(
    ("crs", "rule"),
    [
        ({"grid_mapping_name": "flat_earth"}, "grid-mapping"),
        ({"semi_major_axis": 6371000.0}, "grid-mapping"),
        ({"grid_mapping_name": "mercator", "nested": {"a": 1}}, "grid"),
    ],
)
def test_a_projection_that_is_none(door: Any, crs: dict[str, Any], rule: str) -> None:
    axis = [float(n) for n in range(16)]
    answer = declare(door.client, "nowhere", grid={"y": axis, "x": axis, "units": "m", "crs": crs})
    is_problem(answer, 422, "contract-violation", rule)


def test_a_span_that_runs_backwards(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    span = {"from": time_of(3), "to": time_of(0)}
    for path in ("nowcasts", "verification"):
        answer = client.get(f"/streams/{name}/{path}", params=span)
        is_problem(answer, 422, "contract-violation", "span")


def test_a_format_that_is_none(stream: tuple[httpx.Client, str]) -> None:
    client, name = stream
    path = f"/streams/{name}/verification"
    is_problem(client.get(path, params={"format": "xls"}), 422, "unknown-format")
    is_problem(client.get(path, headers={"Accept": "audio/ogg"}), 406, "not-acceptable")


@pytest.mark.parametrize("wrong", [True, "5"])
@pytest.mark.parametrize("name", ["step_minutes", "retention_days", "maximum_gap_minutes", "y"])
def test_what_is_no_number_is_not_taken_for_one(door: Any, name: str, wrong: object) -> None:
    """``true`` would be read as 1."""
    axis = [float(n) for n in range(16)]
    grid = {"y": axis, "x": axis, "units": "1"}
    change = {"grid": {**grid, "y": [wrong, *axis[1:]]}} if name == "y" else {name: wrong}
    is_problem(declare(door.client, "nowhere", **change), 422, "invalid-parameter")
