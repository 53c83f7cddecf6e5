"""Rain at a place."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import JSONResponse

from echocast.model.errors import ContractViolation
from echocast.model.outlook.outlook import RAIN_MM_H
from echocast.service.access import Reader
from echocast.service.decoding.rain_window import Encoding
from echocast.service.errors import NotAcceptable
from echocast.service.http.formats import by_preference
from echocast.service.http.negotiation import Accept
from echocast.service.http.openapi_problems import refusals
from echocast.service.http.query_parameters import AnyParameter
from echocast.service.rain.brightsky import BrightSkyRadar, window_around, window_of_box
from echocast.service.rain.metno import MetNorwayNowcast, metno_nowcast
from echocast.service.rain.rain_at_places import RainAtPlaces, rain_answer
from echocast.service.rain.schemas import RainAnswer
from echocast.service.rain.wording import Language, Wording, preferred_language, zone_of
from echocast.service.resources import AppResources
from echocast.service.routes.streams import Time

router = APIRouter(tags=["rain"])

Latitude = Annotated[float, Query(alias="lat", ge=-90, le=90)]
Longitude = Annotated[float, Query(alias="lon", ge=-180, le=360)]
Shape = Literal["json", "metno"]
GEOJSON: Final = "application/geo+json"
METNO: Final = {"$ref": "#/components/schemas/MetNorwayNowcast"}
Threshold = Annotated[
    float, Query(gt=0, le=200, description="From which rate on it counts as rain, in mm/h.")
]


async def get_wording(
    lang: Annotated[Language | None, Query(description="Language of the sentence.")] = None,
    tz: Annotated[
        str | None,
        Query(max_length=64, description="Time zone of the sentence: Europe/Zurich; else UTC."),
    ] = None,
    accept_language: Annotated[str | None, Header()] = None,
) -> Wording:
    """How the caller is spoken to."""
    return Wording(preferred_language(lang, accept_language), zone_of(tz))


async def get_rain(resources: AppResources) -> RainAtPlaces:
    """Rain at places of the streams of this app."""
    return RainAtPlaces(resources.streams.places)


Rain = Annotated[RainAtPlaces, Depends(get_rain)]
CallersWording = Annotated[Wording, Depends(get_wording)]


async def get_shape(
    form: Annotated[
        Shape | None, Query(alias="format", description="MET Norway's nowcast, or our own JSON.")
    ] = None,
    accept: Accept = None,
) -> Shape:
    """The shape of the answer: what is named, else what ``Accept`` prefers."""
    if form is not None:
        return form
    ranges = by_preference(accept or "*/*")
    ours = [one for one in ranges if one in (GEOJSON, "application/json", "application/*", "*/*")]
    if not ours:
        raise NotAcceptable(f"Rain at a place comes as application/json or {GEOJSON}.")
    return "metno" if ours[0] == GEOJSON else "json"


@router.get(
    "/streams/{name}/rain",
    dependencies=[Reader],
    response_model=RainAnswer,
    responses={
        200: {"content": {GEOJSON: {"schema": METNO}}},
        **refusals(401, 404, 406, 410, 429),
    },
)
async def show_rain(
    name: str,
    rain: Rain,
    wording: CallersWording,
    shape: Annotated[Shape, Depends(get_shape)],
    latitude: Latitude,
    longitude: Longitude,
    threshold_mm_h: Threshold = RAIN_MM_H,
) -> Any:
    """Whether it rains at a place, when rain begins and ends, and the same in a sentence."""
    there = await rain.at(name, latitude, longitude)
    if shape == "metno":
        return JSONResponse(metno_nowcast(there).model_dump(mode="json"), media_type=GEOJSON)
    return rain_answer(there, threshold_mm_h, wording)


@router.get(
    "/streams/{name}/weatherapi/nowcast/2.0/compact",
    dependencies=[Reader, AnyParameter],
    responses=refusals(401, 404, 410, 429),
)
@router.get(
    "/streams/{name}/weatherapi/nowcast/2.0/complete",
    dependencies=[Reader, AnyParameter],
    responses=refusals(401, 404, 410, 429),
)
async def show_metno_nowcast(
    name: str,
    rain: Rain,
    latitude: Latitude,
    longitude: Longitude,
) -> MetNorwayNowcast:
    """Rain at a place, for programs that read MET Norway's nowcast: their base address is that of
    the stream. Rain alone is known, not temperature and wind.
    """
    return metno_nowcast(await rain.at(name, latitude, longitude))


@router.get(
    "/streams/{name}/radar",
    dependencies=[Reader, AnyParameter],
    responses=refusals(401, 404, 410, 429),
)
async def show_brightsky_radar(
    name: str,
    resources: AppResources,
    lat: Annotated[float | None, Query(ge=-90, le=90)] = None,
    lon: Annotated[float | None, Query(ge=-180, le=360)] = None,
    distance: Annotated[int, Query(ge=0, le=5_000_000, description="To each side, in m.")] = 200000,
    bbox: Annotated[
        str | None, Query(max_length=60, description="Top, left, bottom, right in pixels.")
    ] = None,
    date: Annotated[Time | None, Query(description="Earliest time, ISO 8601.")] = None,
    last_date: Annotated[Time | None, Query(description="Latest time, ISO 8601.")] = None,
    encoding: Annotated[
        Encoding, Query(alias="format", description="How rain is encoded.")
    ] = "compressed",
    tz: Annotated[str | None, Query(max_length=64, description="Time zone of times.")] = None,
) -> BrightSkyRadar:
    """The newest image and the forecast around a place, for programs that read Bright Sky's radar:
    their base address is that of the stream.
    """
    zone, places = zone_of(tz), resources.streams.places
    grid = await asyncio.to_thread(places.grid, name)
    if (lat is None) != (lon is None):
        raise ContractViolation("lat and lon go together.", rule="place")
    window = (
        window_of_box(grid, bbox)
        if lat is None or lon is None
        else await asyncio.to_thread(window_around, grid, lat, lon, distance)
    )
    records = await places.window(name, window.bbox, encoding)
    first, last = date or records[0].time, last_date or records[-1].time
    chosen = [one for one in records if first <= one.time <= last]
    return window.answer(name, chosen, zone)
