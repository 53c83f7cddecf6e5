"""Rain at a place."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query

from echocast.model.outlook.outlook import RAIN_MM_H
from echocast.service.dependencies import AppResources, Reader
from echocast.service.http.openapi_problems import refusals
from echocast.service.rain.rain_at_places import RainAtPlaces, rain_answer
from echocast.service.rain.schemas import RainAnswer
from echocast.service.rain.wording import Language, Wording, preferred_language, zone_of

router = APIRouter(tags=["rain"])

Latitude = Annotated[float, Query(alias="lat", ge=-90, le=90)]
Longitude = Annotated[float, Query(alias="lon", ge=-180, le=360)]
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


@router.get("/streams/{name}/rain", dependencies=[Reader], responses=refusals(401, 404, 410, 429))
async def show_rain(
    name: str,
    rain: Rain,
    wording: CallersWording,
    latitude: Latitude,
    longitude: Longitude,
    threshold_mm_h: Threshold = RAIN_MM_H,
) -> RainAnswer:
    """Whether it rains at a place, when rain begins and ends, and the same in a sentence."""
    return rain_answer(await rain.at(name, latitude, longitude), threshold_mm_h, wording)
