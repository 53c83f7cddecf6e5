"""One source of radar images: what its TOML file says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from echocast.model.formats.reading_words import MEANINGS, given_words
from echocast.service.sources.errors import KeyMissing
from echocast.service.sources.names import NAME
from echocast.service.sources.time_pattern import TimePattern

Degrees = tuple[float, float, float, float]
Host = Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
Address = Annotated[str, Field(pattern=r"^https?://")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class SourceArea(_Table):
    """Where the images show rain."""

    bbox: Degrees
    """West, south, east and north in degrees; west may lie east of east, over the date line."""
    outline: tuple[tuple[float, float], ...] = ()
    """Longitude and latitude of the corners of a closed line, in degrees; left out: the box."""

    @model_validator(mode="after")
    def _lies_on_earth(self) -> Self:
        west, south, east, north = self.bbox
        places = [(west, south), (east, north), *self.outline]
        if not (south < north and west != east):
            raise ValueError("bbox must be west, south, east, north in degrees")
        if any(abs(longitude) > 180 or abs(latitude) > 90 for longitude, latitude in places):
            raise ValueError("longitudes lie within -180..180 degrees, latitudes within -90..90")
        return self

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """Longitude and latitude of the corners of a closed line around it, in degrees; over the
        date line longitudes go on above 180.
        """
        west, south, east, north = self.bbox
        width = (east - west) % 360
        middle = west + width / 2
        box = ((west, south), (west + width, south), (west + width, north), (west, north))
        return tuple((x + 360 * round((middle - x) / 360), y) for x, y in self.outline or box)

    def covers(self, latitude: float, longitude: float) -> bool:
        """Whether a place lies in the box."""
        west, south, east, north = self.bbox
        return south <= latitude <= north and (longitude - west) % 360 <= (east - west) % 360


class SourceLicence(_Table):
    """On which terms the agency gives its images."""

    name: str = Field(min_length=2)
    """SPDX identifier, or how the agency calls its terms."""
    attribution: str = Field(min_length=2)
    """The sentence that has to stand beside every picture and file."""
    url: Address
    """Where the terms stand."""


class SourceKey(_Table):
    """A key that the agency asks for."""

    variable: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    """Environment variable that holds it."""
    header: str = ""
    """Header that carries it; else ``query`` does."""
    query: str = ""
    """Parameter of the query that carries it."""
    registration: Address
    """Where one gets a key."""

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if bool(self.header) == bool(self.query):
            raise ValueError("a key goes into a header or into the query: name one of them")
        return self


class SignedAddress(_Table):
    """A call whose answer, in JSON, names the address of the image for a short time."""

    link: str
    """Path of the address in the answer, e.g. ``temporaryDownloadUrl``."""
    body: dict[str, str | int] = Field(default_factory=dict)
    """Sent by POST as JSON, with codes of the time; left out: GET."""


class _Fetching(_Table):
    url: Address
    """Address of an image, or of a list of them, with codes of the time (strftime and ``%Q``)."""
    missing: tuple[int, ...] = (404,)
    """HTTP statuses by which the agency says that something is not there (yet); also of redirects,
    where it leads to its start page then."""
    utc_offset_hours: float = Field(default=0.0, ge=-12, le=14)
    """Of the clock in addresses and names."""
    stamp: Literal["valid", "begin"] = "valid"
    """What the time in addresses and names is: that of the image, or the begin of its scan, one
    step before."""
    signed: SignedAddress | None = None
    """Where an address answers another one, at which the image is."""

    @property
    def pattern(self) -> TimePattern:
        """The address as a pattern."""
        return TimePattern(self.url, timedelta(hours=self.utc_offset_hours))

    @property
    def bodies(self) -> dict[str, TimePattern]:
        """Texts of the signing call's body as patterns."""
        offset = timedelta(hours=self.utc_offset_hours)
        body = self.signed.body if self.signed else {}
        return {name: TimePattern(str(text), offset) for name, text in body.items()}


class ByClock(_Fetching):
    """Addresses are made from the clock, one each step."""

    kind: Literal["clock"]

    @model_validator(mode="after")
    def _says_the_time(self) -> Self:
        if not any(part.is_whole for part in (self.pattern, *self.bodies.values())):
            raise ValueError(f"url must say day, hour and minute: {self.url}")
        return self


class ByPage(_Fetching):
    """Addresses stand on pages; a page whose address has codes is one of each day or hour."""

    kind: Literal["html", "xml", "json"]
    links: str = "href"
    """Where on the page: for html an attribute, for xml (S3, WFS) the name of an element, for json
    (STAC, ...) a path in which ``*`` is every element, e.g. ``features.*.assets.data.href``."""
    name: str
    """What the end of an address looks like, with codes of the time; ``*`` is anything. Also a
    parameter of a query: ``time=%Y-%m-%dT%H:%M:%SZ``."""

    @property
    def names(self) -> TimePattern:
        """The name as a pattern."""
        return TimePattern(self.name, timedelta(hours=self.utc_offset_hours))

    @model_validator(mode="after")
    def _says_the_time(self) -> Self:
        if not (self.names.is_whole and self.pattern.codes is not None):
            raise ValueError(f"name must say day, hour and minute: {self.name}")
        return self


class SourceReading(_Table):
    """How images are read, beside what a caller asks for."""

    variable: str | None = Field(default=None, description=MEANINGS["variable"])
    units: str | None = Field(default=None, description=MEANINGS["units"])
    gain: float | None = Field(default=None, description=MEANINGS["gain"])
    offset: float | None = Field(default=None, description=MEANINGS["offset"])
    nodata: float | None = Field(default=None, description=MEANINGS["nodata"])
    undetect: float | None = Field(default=None, description=MEANINGS["undetect"])
    reduce: int = Field(default=1, ge=1, le=16, description=MEANINGS["reduce"])

    def words(self) -> dict[str, Any]:
        """The words of :meth:`.Reading.of_words` that say something."""
        return given_words(**self.model_dump())


class RadarSource(_Table):
    """Radar images that an agency publishes."""

    name: str = Field(pattern=NAME)
    """Of its file, without ``.toml``."""
    title: str = Field(min_length=2)
    """Agency, product and country."""
    step_minutes: float = Field(gt=0, le=60)
    """Between images, in minutes."""
    latency_minutes: float = Field(ge=0, le=180)
    """How long after its valid time an image is usually there, in minutes."""
    retention_hours: float = Field(gt=0)
    """How long images stay there, in hours."""
    stream_units: Literal["dBZ", "mm/h"] = "dBZ"
    """What streams of it are declared in: reflectivity, or rain rates and amounts."""
    tried: Literal["never"] | date
    """When it was last tried against the agency itself."""
    hosts: tuple[Host, ...] = Field(min_length=1)
    """All hosts that images, lists and redirects may come from."""
    area: SourceArea
    licence: SourceLicence
    fetch: Annotated[ByClock | ByPage, Field(discriminator="kind")]
    key: SourceKey | None = None
    read: SourceReading = SourceReading()

    def check_key(self, environment: Mapping[str, str]) -> None:
        """Check that the key is there, where the agency asks for one.

        Raises:
            KeyMissing: It is not.
        """
        if self.key and not environment.get(self.key.variable):
            raise KeyMissing(
                f"The source {self.name!r} needs a key: get one at {self.key.registration} and put"
                f" it into {self.key.variable}."
            )

    def terms(self) -> dict[str, str]:
        """Whose images these are, as the declaration of a stream says it (``source``)."""
        licence = self.licence
        return {
            "title": self.title,
            "licence": licence.name,
            "licence_url": licence.url,
            "attribution": licence.attribution,
        }

    @cached_property
    def step(self) -> timedelta:
        """Between images."""
        return timedelta(minutes=self.step_minutes)

    @cached_property
    def latency(self) -> timedelta:
        """From the valid time of an image until it is there."""
        return timedelta(minutes=self.latency_minutes)

    @model_validator(mode="after")
    def _hosts_have_the_address(self) -> Self:
        if (host := urlsplit(self.fetch.url).hostname) not in self.hosts:
            raise ValueError(f"hosts must name {host}, the host of url")
        return self
