"""A service that is only pretended: the page beside the JSON and images of one storm, which is now.

What the page shows is then known to the pixel, whatever the hour, and no network has to run.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import SimpleNamespace
from typing import Annotated, Any

import cv2
import numpy as np
import uvicorn
from fastapi import FastAPI, Query, Request
from numpy.typing import NDArray
from starlette.responses import JSONResponse, Response

from echocast.model.horizon import sources_beyond
from echocast.model.outlook.outlook import RAIN_MM_H
from echocast.model.synthetic.storms import storm
from echocast.service.fetching.source_state import SourceState
from echocast.service.imagery.schemas import StreamMap
from echocast.service.page import routes
from echocast.service.rain.rain_at_places import PlaceRain, rain_answer
from echocast.service.rain.wording import Language, Wording, zone_of
from echocast.service.routes import towns
from echocast.service.settings import ServiceSettings
from echocast.service.streams.places import ObservedPoint
from echocast.service.streams.schemas import FetchingView, PointForecast

STEP = timedelta(minutes=5)
OBSERVED, FORECAST = 13, 10
SIZE = 256
BOUNDS = {"south": 46.0, "west": 5.9, "north": 48.1, "east": 10.9}
ZR = {"a": 200.0, "b": 1.6}
NOT_TRACEABLE, NOT_OBSERVED = 254, 255
HIT, MISS, FALSE_ALARM = 1, 2, 3
JUDGED = 6  # frames before, when the forecast was made that is judged
Codes = NDArray[np.uint8]


class StormService:
    """The answers, which a test may change.

    Args:
        now: Valid time of the newest image.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.key, self.has_images, self.dry_day = "", True, False
        self.has_expected = True
        self.network_leads = FORECAST
        self.slow_seconds = 0.0  # of each image
        self.broken = False  # an answer 503 of somebody before it, without words
        self.refusal: dict[str, Any] | None = None  # of the map
        self.behind = timedelta(0)  # of the forecast, behind the newest image
        self.ready: tuple[int, int] | str = 2, 0  # workers and what waits; or what is wrong
        self.finding = "too_little_rain"  # of the charts of drift
        self.streams = ["demo"]
        self.source: SourceState | None = None
        self.asked: list[str] = []
        self.changes: list[tuple[str, str, Any]] = []

    @cached_property
    def codes(self) -> Codes:
        """(time, y, x) of all frames."""
        frames = storm(7, frames=OBSERVED + FORECAST, height=SIZE, width=SIZE, step_minutes=5)
        codes = np.clip(np.rint((np.asarray(frames.reflectivity_dbz) + 32) * 2), 0, 253)
        y, x = np.indices((SIZE, SIZE)) - SIZE / 2
        codes[:, np.hypot(y, x) > 0.49 * SIZE] = NOT_OBSERVED
        for lead in range(FORECAST):
            codes[OBSERVED + lead, :, : 4 * lead] = np.where(
                codes[OBSERVED + lead, :, : 4 * lead] == NOT_OBSERVED, NOT_OBSERVED, NOT_TRACEABLE
            )
        return codes.astype(np.uint8)

    def rate(self, code: int) -> float | None:
        """In mm/h, of a code."""
        if code >= NOT_TRACEABLE:
            return None
        return float((10 ** ((code / 2 - 32) / 10) / ZR["a"]) ** (1 / ZR["b"])) if code else 0.0

    def time(self, index: int) -> str:
        at = self.now + (index - OBSERVED + 1) * STEP
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def map(self) -> dict[str, Any]:
        frames = []
        for index in range(OBSERVED + FORECAST):
            observed = index < OBSERVED
            layers = ["rain"] if observed else ["rain", "probability-20"]
            layers += ["difference"] if observed and index >= JUDGED else []
            suffix = "" if observed else f"~{self.time(OBSERVED - 1)}"  # each forecast has its own
            where = f"/streams/demo/images/{self.time(index)}{suffix}"
            images = {n: f"{where}/{n}.png" for n in layers}
            lead = None if observed else 5 * (index - OBSERVED + 1)
            frames.append(
                {
                    "id": self.time(index),
                    "time": self.time(index),
                    "observed": observed,
                    "lead_minutes": lead,
                    "images": images,
                }
            )
        shown = {
            "stream": "demo",
            "step_minutes": 5,
            "late_after_minutes": 15,
            "bounds": BOUNDS,
            "size": {"height": SIZE, "width": SIZE},
            "sampled": 1,
            "reference_time": self.time(OBSERVED - 1 - self.behind // STEP),
            "issued": self.time(OBSERVED - 1),
            "model": "radar-small/1.6.0",
            "quality": {},
            "zr": ZR,
            "attribution": "A storm of our own",
            "licence": "CC0-1.0",
            "layers": [
                {"name": "rain", "unit": "dBZ"},
                {
                    "name": "probability-20",
                    "unit": "%",
                    "threshold_dbz": 20.0,
                    "threshold_mm_h": 0.65,
                },
                {
                    "name": "difference",
                    "unit": "outcome",
                    "threshold_dbz": 20.0,
                    "threshold_mm_h": 0.65,
                    "lead_minutes": 30.0,
                },
            ],
            "frames": frames,
        }
        return StreamMap.model_validate(shown).model_dump(mode="json")

    def image(self, time: str, layer: str) -> bytes:
        index = [self.time(index) for index in range(OBSERVED + FORECAST)].index(time)
        codes = self.codes[index]
        if layer.startswith("probability"):
            chance = np.clip((codes.astype(float) / 2 - 32) * 2.5, 0, 100).astype(np.uint8)
            codes = np.where(codes >= NOT_TRACEABLE, codes, chance).astype(np.uint8)
        if layer == "difference":
            codes = self.outcomes(index)
        return bytes(cv2.imencode(".png", codes)[1])

    def outcomes(self, index: int) -> Codes:
        """Of a forecast that was persistence."""
        was, came = self.codes[index - JUDGED], self.codes[index]
        wet = (came >= 104) + 2 * (was >= 104)
        codes = np.choose(wet, [0, MISS, FALSE_ALARM, HIT]).astype(np.uint8)
        return np.where(came >= NOT_TRACEABLE, came, codes)

    def pixel(self, latitude: float, longitude: float) -> tuple[int, int]:
        """Row and column in Web Mercator."""
        north, south, here = (
            float(np.arcsinh(np.tan(np.deg2rad(at))))
            for at in (BOUNDS["north"], BOUNDS["south"], latitude)
        )
        share = (longitude - BOUNDS["west"]) / (BOUNDS["east"] - BOUNDS["west"])
        return int((north - here) / (north - south) * SIZE), int(share * SIZE)

    def point(self, latitude: float, longitude: float) -> dict[str, Any]:
        row, column = self.pixel(latitude, longitude)
        codes = [int(code) for code in self.codes[OBSERVED:, row, column]]
        rates = [self.rate(code) for code in codes]
        chances = [None if r is None else min(1.0, r / 2) for r in rates]
        means = [None if c >= NOT_TRACEABLE else self.rate(max(0, c - 4)) for c in codes]
        return {
            "stream": "demo",
            "forecast_reference_time": self.time(OBSERVED - 1 - self.behind // STEP),
            "latitude": latitude,
            "longitude": longitude,
            "row": row,
            "column": column,
            "quality": {},
            "not_stored": [],
            "valid_times": [self.time(OBSERVED + lead) for lead in range(FORECAST)],
            "lead_minutes": [5.0 * (lead + 1) for lead in range(FORECAST)],
            "lead_sources": list(sources_beyond(self.network_leads, FORECAST)),
            "reflectivity_dbz": [None if c >= NOT_TRACEABLE else c / 2 - 32 for c in codes],
            "extrapolation_dbz": [None if c >= NOT_TRACEABLE else c / 2 - 32 for c in codes],
            "expected_dbz": [None if c >= NOT_TRACEABLE else c / 2 - 34 for c in codes],
            "rain_rate_mm_h": rates,
            "expected_rain_rate_mm_h": means if self.has_expected else [],
            "zr": ZR,
            "exceedance_probability": {"20": chances, "30": chances},
            "radar_coverage": [rate is not None for rate in rates],
        }

    def rain(self, latitude: float, longitude: float, wording: Wording) -> dict[str, Any]:
        point = PointForecast.model_validate(self.point(latitude, longitude))
        rate = self.rate(int(self.codes[OBSERVED - 1, point.row, point.column]))
        observed = ObservedPoint(self.now, rate, "A storm of our own", "CC0-1.0")
        given = PlaceRain(point, observed, STEP, datetime.now(UTC))
        return rain_answer(given, RAIN_MM_H, wording).model_dump(mode="json")

    def verification(self, csi_of_model: float, pixels: int, *, enough: bool) -> dict[str, Any]:
        def scores(csi: float) -> dict[str, Any]:
            return {"csi": csi, "bias": 1.1, "hits": 900, "misses": 300, "false_alarms": 300}

        def of(csi: float) -> dict[str, Any]:
            leads = [{**scores(csi - 0.03 * n), "lead_minutes": 5.0 * n} for n in range(1, 11)]
            return {"20": {"pooled": scores(csi), "leads": leads}}

        return {
            "stream": "demo",
            "methods": {
                "model": of(csi_of_model),
                "extrapolation": of(0.55),
                "persistence": of(0.4),
            },
            "samples": {"20": {"pixels": pixels, "blocks": 4, "storms": 31, "enough": enough}},
        }

    def app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(routes.router)
        app.include_router(towns.router)
        app.state.resources = SimpleNamespace(settings=ServiceSettings())

        @app.middleware("http")
        async def note(request: Request, call_next: Any) -> Any:
            self.asked.append(str(request.url.path))
            if self.broken:
                return Response(status_code=503)
            open_to_all = (
                request.url.path in ("/", "/towns", "/readyz") or "/page/" in request.url.path
            )
            sent = request.headers.get("authorization")
            if self.key and not open_to_all and sent != f"Bearer {self.key}":
                return JSONResponse({"detail": "A key is needed.", "status": 401}, 401)
            return await call_next(request)

        @app.get("/streams")
        async def streams() -> Any:
            return {
                "streams": [
                    {
                        "name": name,
                        "paused": False,
                        "newest_frame": self.time(OBSERVED - 1) if self.has_images else None,
                        "fetching": self.source and FetchingView.of(self.source),
                    }
                    for name in self.streams
                ]
            }

        @app.get("/streams/demo/map")
        async def time_line() -> Any:
            return JSONResponse(self.refusal, 404) if self.refusal else self.map()

        @app.get("/streams/demo/images/{time}/{layer}.png")
        async def image(time: str, layer: str) -> Response:
            fresh = {"Cache-Control": "private, max-age=31536000, immutable"}
            await asyncio.sleep(self.slow_seconds)
            content = self.image(time.partition("~")[0], layer)
            return Response(content, media_type="image/png", headers=fresh)

        @app.get("/streams/demo/point")
        async def point(lat: float, lon: float) -> Any:
            return self.point(lat, lon)

        @app.get("/streams/demo/rain")
        async def rain(lat: float, lon: float, lang: Language, tz: str) -> Any:
            return self.rain(lat, lon, Wording(lang, zone_of(tz)))

        @app.get("/streams/demo/verification")
        async def verification(first: Annotated[str, Query(alias="from")] = "") -> Any:
            if first:
                return self.verification(0.58, 351234, enough=True)
            return self.verification(0.62, 51234, enough=not self.dry_day)

        @app.get("/streams/demo/drift")
        async def drift() -> Any:
            sizes = [{"series": "skill", "blocks": 12, "floor": 30}]
            return {"summary": "Words.", "finding": self.finding, "samples": sizes}

        @app.get("/readyz")
        async def readiness() -> Any:
            if isinstance(self.ready, str):
                problem = {"type": f"urn:echocast:problem:{self.ready}", "detail": "No words."}
                return JSONResponse(problem, 503)
            workers, queued = self.ready
            return {"status": "ready", "workers": [{}] * workers, "queued": queued}

        @app.get("/rules")
        async def rules() -> Any:
            return {"rules": []}

        @app.patch("/streams/{name}")
        async def change(name: str, request: Request) -> Any:
            self.changes.append(("PATCH", name, await request.json()))
            return {}

        return app


@contextmanager
def running(service: StormService) -> Iterator[str]:
    """The address of a pretended service while it runs."""
    with serving(service.app()) as url:
        yield url


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of an application while it runs, in a thread of this process."""
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def now() -> datetime:
    """The newest full five minutes."""
    at = datetime.now(UTC).replace(second=0, microsecond=0)
    return at - timedelta(minutes=at.minute % 5)
