"""Towns of the world, for maps and for who looks for a place by its name."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from echocast.model.place.exonyms import name_in
from echocast.model.place.towns import ATTRIBUTION, GeographicBox, Town, all_towns
from echocast.service.http.schemas import Answer
from echocast.service.rain.wording import Language

router = APIRouter(tags=["maps"])
DAY_SECONDS = 86400
Latitude = Annotated[float, Query(ge=-90, le=90)]
Longitude = Annotated[float, Query(ge=-540, le=540)]


class TownView(Answer):
    """A town."""

    name: str
    latitude: float
    longitude: float
    country: str
    """Two letters (ISO 3166)."""
    population: int


class TownList(Answer):
    """Towns of 5000 people or more."""

    towns: list[TownView]
    attribution: str


@router.get("/towns")
async def list_towns(
    response: Response,
    name: Annotated[
        str | None, Query(min_length=2, max_length=80, description="How its name begins.")
    ] = None,
    south: Latitude = -90,
    west: Longitude = -180,
    north: Latitude = 90,
    east: Longitude = 180,
    most: Annotated[int, Query(ge=1, le=100, description="How many.")] = 20,
    lang: Annotated[
        Language | None, Query(description="Names in this language, where they have their own.")
    ] = None,
) -> TownList:
    """The largest towns within a box in degrees; or those of a name, in the box first. No key is
    needed: they are public, and the same for all.
    """
    box = GeographicBox(south, west, north, east)
    towns = await asyncio.to_thread(all_towns)
    chosen = towns.within(box, most) if name is None else towns.named(name, box, most)
    response.headers["Cache-Control"] = f"public, max-age={DAY_SECONDS}"
    return TownList(towns=[_view(town, lang) for town in chosen], attribution=ATTRIBUTION)


def _view(town: Town, language: Language | None) -> TownView:
    name = name_in(town, language)
    return TownView(
        **{field: getattr(town, field) for field in TownView.model_fields} | {"name": name}
    )
