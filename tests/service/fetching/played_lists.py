"""Every style in which agencies list their images, as a source and as pages of a played agency."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.service.fetching.played_agency import Asked, Reply

STAMP = "%Y%m%d%H%M"
NAME = f"{STAMP}.nc"
ISO = "%Y-%m-%dT%H:%M:%SZ"
SIGNED = "/url"  # an address that ends so answers another one


@dataclass(frozen=True)
class Style:
    """How an agency says what it has.

    Args:
        fetch: Of a source; ``{}`` in its address is where the agency is.
        page: What a list of the names of images looks like; None: there is none.
    """

    fetch: dict[str, Any]
    page: Callable[[Sequence[str]], str] | None = None

    @property
    def path(self) -> str:
        """Of the list at the agency, without its query."""
        return urlsplit(self.fetch["url"].format("http://a.example")).path

    def at(self, url: str) -> dict[str, Any]:
        """The table ``fetch`` of a source at an agency's address."""
        return {**self.fetch, "url": self.fetch["url"].format(url), "missing": [403, 404]}


def _html(names: Sequence[str]) -> str:
    return "".join(f'<a href="{name}">{name}</a>' for name in names)


def _s3(names: Sequence[str]) -> str:
    keys = "".join(f"<Contents><Key>radar/{name}</Key></Contents>" for name in names)
    return f'<ListBucketResult xmlns="http://s3">{keys}</ListBucketResult>'


def _stac(names: Sequence[str]) -> str:
    features = [{"assets": {"data": {"href": name}}} for name in names]
    return json.dumps({"type": "FeatureCollection", "features": features})


def _wfs(names: Sequence[str]) -> str:
    files = "".join(
        "<wfs:member><gml:fileReference>/wms?layer="
        f"{name.rpartition('/')[0]}&amp;time={time_of(name):{ISO}}</gml:fileReference></wfs:member>"
        for name in names
    )
    return f"<wfs:FeatureCollection>{files}</wfs:FeatureCollection>"


STYLES = {
    "clock": Style({"kind": "clock", "url": f"{{}}/{NAME}"}),
    "html": Style({"kind": "html", "url": "{}/list", "name": NAME}, _html),
    "s3": Style({"kind": "xml", "url": "{}/?list-type=2", "links": "Key", "name": NAME}, _s3),
    "stac": Style(
        {"kind": "json", "url": "{}/items", "links": "features.*.assets.data.href", "name": NAME},
        _stac,
    ),
    "wfs": Style(
        {"kind": "xml", "url": "{}/wfs", "links": "fileReference", "name": f"time={ISO}"}, _wfs
    ),
    "signed": Style(
        {"kind": "clock", "url": f"{{}}/files/{NAME}{SIGNED}", "signed": {"link": "temporary"}}
    ),
}
PAGES = {style.path: style.page for style in STYLES.values() if style.page}


def page_of(path: str, names: Sequence[str]) -> Reply | None:
    """The list at a path, where there is one."""
    page = PAGES.get(urlsplit(path).path)
    return Reply(page(names).encode()) if page else None


def signed_reply(asked: Asked) -> Reply | None:
    """The address at which an image is for a short time, on another host, where it is asked for."""
    if not asked.path.endswith(SIGNED):
        return None
    host = asked.headers["Host"].replace("127.0.0.1", "localhost")
    name = asked.path.split("/")[-2]
    return Reply(json.dumps({"temporary": f"http://{host}/{name}"}).encode())


def time_of(path: str) -> datetime:
    """Valid time of the image at a path."""
    query = parse_qs(urlsplit(path).query)
    if "time" in query:
        return datetime.strptime(query["time"][0], ISO).replace(tzinfo=UTC)
    return datetime.strptime(path.rpartition("/")[2], NAME).replace(tzinfo=UTC)
