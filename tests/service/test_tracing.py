"""One trace from the request to the written file, through the queue, by real processes and OTLP."""

from __future__ import annotations

from pathlib import Path

from tests.service.bodies import NETCDF, WAIT, netcdf
from tests.service.collector import Collector, Span, running_collector
from tests.service.real_processes import FAKE_WORKER, engine, eventually, gateway, place, worker
from tests.service.streams.stream_feed import frame_bytes, time_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FRAME_TRACE = TRACE[::-1]


def parent_of(trace: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{SPAN}-01"}


def chain(collector: Collector, trace: str, *names: tuple[str, str]) -> Span:
    """Each span is a part of one of those before it; the first, of the caller's."""
    parents = {SPAN}
    for service, name in names:
        named = collector.named(f"echocast-{service}", name, trace)
        spans = [span for span in named if span.parent in parents]
        assert spans, (name, collector.spans)
        parents = {span.id for span in spans}
    return spans[0]


def test_gateway_and_worker_are_one_trace(named_models: Path) -> None:
    with running_collector() as collector, place(named_models) as where:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        where.environment.update(variables, NO_PROXY="127.0.0.1")
        with engine(where), worker(where, FAKE_WORKER), gateway(where) as gate:
            client = gate.client
            eventually(lambda: client.get("/readyz").status_code == 200)
            sent = {**NETCDF, **WAIT, **parent_of(TRACE), "X-Request-ID": "mine"}
            job = client.post("/nowcast", content=netcdf(), headers=sent).json()
            assert job["status"] == "succeeded"
            client.put("/streams/radar", json={"step_minutes": 5})
            frame = {"content": frame_bytes(0), "headers": {**NETCDF, **parent_of(FRAME_TRACE)}}
            assert client.put(f"/streams/radar/frames/{time_of(0)}", **frame).status_code == 201
            for trace in (TRACE, FRAME_TRACE):
                eventually(lambda t=trace: collector.named("echocast-worker", "nowcast", t))
                eventually(lambda t=trace: collector.named("echocast-worker", "write", t))
            store = where.store()
            assert store.get(job["id"]).traceparent.startswith(f"00-{TRACE}-")
            store.close()
    request = chain(collector, TRACE, ("gateway", "POST"))
    assert request.attributes["http.route"] == "/nowcast"
    assert request.attributes["echocast.request_id"] == "mine"
    chain(collector, TRACE, ("gateway", "POST"), ("gateway", "decode"))
    run = chain(collector, TRACE, ("gateway", "POST"), ("worker", "nowcast"))
    assert run.attributes["echocast.job"] == job["id"]
    chain(collector, TRACE, ("gateway", "POST"), ("worker", "nowcast"), ("worker", "network"))
    stages = (("worker", "nowcast"), ("worker", "write"))
    written = chain(collector, TRACE, ("gateway", "POST"), *stages)
    assert written.attributes["echocast.file"].endswith(".nc")
    chain(collector, FRAME_TRACE, ("gateway", "PUT"), ("worker", "frame"), *stages)
