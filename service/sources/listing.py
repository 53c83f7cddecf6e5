"""Which images a source has: their times and addresses, read from its clock or its lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urljoin

from echocast.service.sources.errors import ImageMissing, ListingUnreadable
from echocast.service.sources.pages import json_texts, links_of
from echocast.service.sources.source import ByClock, ByPage, RadarSource

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Call:
    """One request to an agency.

    Args:
        url: Address.
        body: Sent by POST as JSON; None: GET.
        with_key: Whether the source's key goes along, where it has one; signed addresses of other
            hosts carry their own.
    """

    url: str
    body: Mapping[str, str | int] | None = None
    with_key: bool = True


Get = Callable[[Call], bytes]
"""The bytes of an answer; raises :class:`.ImageMissing` for a status that ``missing`` names."""


@dataclass(frozen=True, order=True)
class Available:
    """An image that a source has, or by its clock should have.

    Args:
        time: Valid time, UTC.
        url: Its address, or that of the call that signs one.
    """

    time: datetime
    url: str

    def name(self, source: RadarSource) -> str:
        """Name of its file: of source and time, for times that only names say."""
        return f"{source.name}_{self.time:%Y%m%dT%H%M%S}"


def available(source: RadarSource, get: Get, since: datetime, until: datetime) -> list[Available]:
    """The images of a source from one time to another, each once, oldest first.

    Args:
        source: By its clock, or by its lists.
        get: Fetches a list; not called for a source by its clock.
        since: Of the first image, UTC.
        until: Of the last image, UTC.

    Raises:
        ListingUnreadable: A list is not what the source says.
    """
    ahead = source.step if source.fetch.stamp == "begin" else timedelta()
    fetch, first, last = source.fetch, since - ahead, until - ahead
    if isinstance(fetch, ByClock):
        stamps = {t: fetch.pattern.at(t) for t in _clock(first, last, source.step)}
    else:
        stamps = dict(_on_pages(fetch, get, first, last, source))
    return sorted(Available(time + ahead, url) for time, url in stamps.items())


def image_call(source: RadarSource, one: Available, get: Get) -> Call:
    """The call that answers the image itself; of a source that signs addresses, after a first one.

    Args:
        source: Of the image.
        one: The image.
        get: Fetches the signed address; not called for other sources.

    Raises:
        ListingUnreadable: The answer has no address where the source says.
    """
    signed = source.fetch.signed
    if signed is None:
        return Call(one.url)
    stamp = one.time - (source.step if source.fetch.stamp == "begin" else timedelta())
    body = {name: _value(text.at(stamp)) for name, text in source.fetch.bodies.items()}
    links = list(json_texts(get(Call(one.url, body or None)), signed.link))
    if len(links) != 1:
        raise ListingUnreadable(f"{source.name} answers no address at {signed.link!r}.")
    return Call(urljoin(one.url, links[0]), with_key=False)


def _secure(page: str, url: str) -> str:
    """An address on a page, by TLS as the page was: some agencies still write http there."""
    return url.replace("http://", "https://", 1) if page.startswith("https://") else url


def _value(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _clock(since: datetime, until: datetime, step: timedelta) -> Iterator[datetime]:
    """Whole steps of the day's clock from one time to another."""
    count = -((EPOCH - since) // step)
    while (time := EPOCH + count * step) <= until:
        yield time
        count += 1


def _on_pages(
    fetch: ByPage, get: Get, since: datetime, until: datetime, source: RadarSource
) -> Iterator[tuple[datetime, str]]:
    """Times and addresses of the images on all pages that may name them."""
    times = [*_clock(since, until, source.step), since, until]
    for page in dict.fromkeys(fetch.pattern.at(time) for time in sorted(times)):
        try:
            content = get(Call(page))
        except ImageMissing:
            continue  # of a day or an hour that has none yet
        for link in links_of(content, fetch.kind, fetch.links):
            url = _secure(page, urljoin(page, link))
            time = fetch.names.time_in(unquote(url))
            if time is not None and since <= time <= until:
                yield time, url
