"""A walk of openapi.json: answers to what it describes, and to what is near, are as described."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from echocast.service.app import ROUTERS
from echocast.service.http.openapi_examples import shower
from echocast.service.http.problems import TABLE
from tests.service.bodies import JSON, is_problem, netcdf, post_json
from tests.service.real_processes import Gateway, engine, gateway, place, pretend_worker

METHODS = ("get", "put", "patch", "post", "delete")
TIME = "2025-07-01T12:00:00Z"
ODD = ("", "0.5", "nonsense", "x" * 300, "\x00", "é", "-1", "1e999", TIME)
BODIES = (b"", b"{}", b"[]", b"null", b"\xff", b'{"a": 1, "a": 2}', b"[" * 3000, b"{")
FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
SOURCE_STATE = {"source": "played", "title": "Played", "step_minutes": 5, "latency_minutes": 2}
SOURCE_STATE |= {"began": TIME, "reported": TIME}
EXTREMES: list[dict[str, Any]] = [
    *({name: 1e308} for name in ("step_minutes", "latency_minutes", "clock_ahead_seconds")),
    *({name: time} for name in ("began", "newest_image", "last_success") for time in (FIRST, LAST)),
    *({"reported": LAST, name: LAST} for name in ("began", "newest_image")),
    {"reported": LAST, "step_minutes": 1e308},
    {"images": {"accepted": 10**400}},
    {"images": {"accepted": 2**53}},
]
PATHS = {
    path
    for router in ROUTERS
    for route in router.routes
    if getattr(route, "include_in_schema", False) and (path := getattr(route, "path", ""))
}


@dataclass(frozen=True)
class Operation:
    """One method of one path, as the service describes it."""

    method: str
    path: str
    described: dict[str, Any]
    components: dict[str, Any]

    def parameters(self, place: str) -> list[dict[str, Any]]:
        return [p for p in self.described.get("parameters", ()) if p["in"] == place]

    def bodies(self) -> Iterator[tuple[str, bytes]]:
        """Media types and bodies: the documented ones, and those that are none."""
        content = self.described.get("requestBody", {}).get("content", {})
        for media_type, meaning in content.items():
            good = [json.dumps(meaning["example"]).encode()] if "example" in meaning else []
            for body in (*good, *BODIES, netcdf() if "netcdf" in media_type else b"x"):
                yield media_type, body
        if content:
            yield "text/plain", b"x"
            yield "application/json; charset=nonsense", b"{}"

    def check(self, answer: httpx.Response) -> None:
        """Status, media type and content of an answer are among the described ones."""
        what = (self.method, str(answer.url), answer.status_code, answer.text[:500])
        assert str(answer.status_code) in self.described["responses"], what
        content = self.described["responses"][str(answer.status_code)].get("content", {})
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        assert media_type in content or not answer.content, what
        if media_type.endswith("json"):
            schema = {**content[media_type]["schema"], "components": self.components}
            Draft202012Validator(schema).validate(answer.json())
        assert answer.status_code not in (500, 507), what
        if answer.status_code >= 500:
            assert answer.json()["type"].endswith((":queue-full", ":engine-unreachable")), what


@pytest.fixture(scope="module")
def door(models: Path) -> Iterator[Gateway]:
    """A gateway of its own: jobs that are accepted here would fill another's queue."""
    limits = {"body_limit_bytes": "4000000", "decode_timeout_seconds": "20"}
    with place(models, **limits) as where, engine(where):
        pretend_worker(where)
        with gateway(where) as gate:
            yield gate


@pytest.fixture(scope="module")
def description(door: Gateway) -> dict[str, Any]:
    answer = door.client.get("/openapi.json")
    answer.raise_for_status()
    return dict(answer.json())


@pytest.fixture
def names(door: Gateway) -> dict[str, str]:
    """A value of each parameter of a path that exists."""
    door.client.put("/streams/walked", json={"step_minutes": 5}).raise_for_status()
    job = post_json(door.client, json.dumps(shower(10))).json()
    of_maps = {"image_id": "20250701T120000Z-0", "file": "rain.png", "frame": "0", "size": "256"}
    of_tiles = {"zoom": "0", "x": "0", "y": "0", "colour": "2", "options": "1_1.png"}
    return (
        {"name": "walked", "time": TIME, "job_id": job["id"], "version": "1"} | of_maps | of_tiles
    )


def operations(description: dict[str, Any], path: str) -> list[Operation]:
    described, components = description["paths"][path], description["components"]
    return [Operation(m, path, described[m], components) for m in METHODS if m in described]


def test_every_parameter_of_a_path_is_described(description: dict[str, Any]) -> None:
    """Found by schemathesis: it sent nothing to routes whose stream was not described."""
    for path, operations_of_it in description["paths"].items():
        for method, operation in operations_of_it.items():
            described = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"]
            assert sorted(described) == sorted(re.findall(r"{(\w+)}", path)), (method, path)


@pytest.mark.parametrize("path", sorted(PATHS))
def test_what_is_described_is_answered_as_described(
    door: Gateway, description: dict[str, Any], names: dict[str, str], path: str
) -> None:
    target = path.format(**names)
    for operation in operations(description, path):
        if operation.method == "get":
            operation.check(door.client.get(target))
        for media_type, body in operation.bodies():
            headers = {"Content-Type": media_type}
            operation.check(
                door.client.request(operation.method, target, content=body, headers=headers)
            )


@pytest.mark.parametrize("path", sorted(PATHS))
def test_odd_parameters_are_answered_as_described(
    door: Gateway, description: dict[str, Any], names: dict[str, str], path: str
) -> None:
    for operation in operations(description, path):
        target = path.format(**names)
        for parameter in operation.parameters("query"):
            for value in (*parameter["schema"].get("enum", ()), *ODD):
                params = {parameter["name"]: value}
                answer = door.client.request(operation.method, target, params=params)
                operation.check(answer)
        operation.check(door.client.request(operation.method, target, params={"unknown": "1"}))
        for parameter in operation.parameters("path"):
            for value in ("x", "0.5", "%00", "..%5c", "A" * 300):
                odd = path.format(**{**names, parameter["name"]: value})
                operation.check(door.client.request(operation.method, odd))


@pytest.mark.parametrize("known", EXTREMES, ids=" and ".join)
def test_whatever_a_source_reports_is_shown_or_refused(
    door: Gateway, description: dict[str, Any], names: dict[str, str], known: dict[str, Any]
) -> None:
    """Found by schemathesis: after an endless step no stream was shown any more, nor a metric."""
    report, *_ = operations(description, "/streams/{name}/fetching")
    target = report.path.format(**names)
    report.check(door.client.put(target, json={**SOURCE_STATE, **known}))
    for path in ("/streams", "/streams/{name}", "/metrics"):
        show, *_ = operations(description, path)
        answer = door.client.get(path.format(**names))
        show.check(answer)
        assert answer.status_code == 200
    assert 'echocast_source_image_age_seconds{source="played"' in answer.text


@pytest.mark.parametrize("path", sorted(PATHS))
def test_other_methods_are_refused_with_all_that_are_allowed(
    door: Gateway, description: dict[str, Any], names: dict[str, str], path: str
) -> None:
    described = {operation.method.upper() for operation in operations(description, path)}
    allowed = described | ({"HEAD"} if "GET" in described else set())
    for method in {"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"} - allowed:
        answer = door.client.request(method, path.format(**names))
        is_problem(answer, 405, "method-not-allowed")
        assert set(answer.headers["allow"].split(", ")) == allowed


def test_every_status_of_a_problem_is_described_somewhere(description: dict[str, Any]) -> None:
    described = {
        status
        for path in description["paths"].values()
        for operation in path.values()
        for status in operation["responses"]
    }
    assert {str(kind.status) for kind in TABLE.values()} <= described


def test_refusals_are_described_as_problems_alone(description: dict[str, Any]) -> None:
    responses = [
        (status, answer)
        for path in description["paths"].values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
    ]
    forms = {tuple(answer["content"]) for status, answer in responses if int(status) >= 400}
    assert forms == {("application/problem+json",)}


def test_values_of_a_list_are_named(description: dict[str, Any]) -> None:
    """Callers need not guess: formats, products, methods, units, numbers of frames."""

    def schema(path: str, name: str) -> dict[str, Any]:
        parameters = description["paths"][path]["get"]["parameters"]
        return next(dict(p["schema"]) for p in parameters if p["name"] == name)

    assert "webp" in schema("/nowcast/{job_id}/forecast", "format")["enum"]
    assert "sharp" in schema("/streams/{name}/latest", "product")["enum"]
    assert "csv" in schema("/streams/{name}/verification", "format")["enum"]
    methods = schema("/streams/{name}/verification", "method")["anyOf"][0]["items"]
    assert "extrapolation" in methods["enum"]
    body = description["paths"]["/nowcast"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"]["frames"]["minItems"] == 2
    stream = description["components"]["schemas"]["StreamDeclaration"]["properties"]
    assert stream["units"]["enum"] == ["dBZ", "mm/h"]
    assert stream["step_minutes"]["exclusiveMinimum"] == 0


def test_the_examples_are_accepted(door: Gateway, names: dict[str, str]) -> None:
    frame = door.client.put(
        f"/streams/{names['name']}/frames/{TIME}?replace=true",
        content=json.dumps(shower(1)),
        headers=JSON,
    )
    assert frame.status_code in (200, 201), frame.text


@pytest.mark.parametrize("units", ["", " "])
def test_units_of_nothing_are_none_by_the_schema(
    door: Gateway, description: dict[str, Any], units: str
) -> None:
    described = description["paths"]["/nowcast"]["post"]["requestBody"]["content"]
    body = {**shower(10), "units": units}
    assert not Draft202012Validator(described["application/json"]["schema"]).is_valid(body)
    answer = post_json(door.client, json.dumps(body))
    is_problem(answer, 422, "contract-violation", "units-missing")


def test_what_makes_no_grid_makes_none_by_the_schema(
    door: Gateway, description: dict[str, Any]
) -> None:
    described = description["paths"]["/nowcast"]["post"]["requestBody"]["content"]
    schema = Draft202012Validator(described["application/json"]["schema"])
    pixels = list(range(0, 16000, 1000))
    good = {"y": pixels, "x": pixels, "units": "m"}
    bad = ({}, {"y": pixels, "x": pixels}, {**good, "z": 1}, {**good, "x": ["0"] * 16})
    for grid in bad:
        body = {**shower(10), "grid": grid}
        assert not schema.is_valid(body)
        is_problem(post_json(door.client, json.dumps(body)), 422, "contract-violation", "grid")
    for grid in (None, good, {**good, "crs": None}, {**good, "crs": {}}):
        body = {**shower(10), "grid": grid}
        schema.validate(body)
        assert post_json(door.client, json.dumps(body)).status_code in (202, 429, 503)
