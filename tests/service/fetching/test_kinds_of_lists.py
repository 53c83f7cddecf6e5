"""Every kind of list, from a played agency: each ends in frames, by one look."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from echocast.service.client.feed import Feeder
from echocast.service.client.ledger import Ledger
from echocast.service.fetching.backlog import Backlog
from echocast.service.fetching.client import AgencyClient, ClientSettings
from echocast.service.fetching.fetcher import Fetcher, Order
from echocast.service.fetching.turns import HostTurns
from tests.service.fetching.conftest import Service
from tests.service.fetching.played_agency import Asked, Reply, played_agency
from tests.service.fetching.played_radar import DAY, STEP, image
from tests.service.fetching.played_source import played_source

NOW = DAY + timedelta(hours=6, minutes=3)
TIMES = [DAY + timedelta(hours=6) - n * STEP for n in range(11, -1, -1)]
STAMP = "%Y%m%d-%H%M%S"
KEY = {
    "variable": "PLAYED_KEY",
    "header": "Authorization",
    "registration": "https://radar.example/",
}


def s3(_: str) -> bytes:
    keys = "".join(f"<Contents><Key>radar/A_{time:{STAMP}}.nc</Key></Contents>" for time in TIMES)
    return f'<ListBucketResult xmlns="http://s3">{keys}</ListBucketResult>'.encode()


def stac(url: str) -> bytes:
    features = [{"assets": {"data": {"href": f"{url}/A_{time:{STAMP}}.nc"}}} for time in TIMES]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def wfs(url: str) -> bytes:
    members = [
        f"<wfs:member><gml:fileReference>{url}/wms?layer=a&amp;time={time:%Y-%m-%dT%H:%M:%SZ}"
        "</gml:fileReference></wfs:member>"
        for time in TIMES
    ]
    return f"<wfs:FeatureCollection>{''.join(members)}</wfs:FeatureCollection>".encode()


def time_of(path: str) -> datetime:
    query = parse_qs(urlsplit(path).query)
    if "time" in query:
        return datetime.fromisoformat(query["time"][0].replace("Z", "+00:00"))
    return datetime.strptime(path.rpartition("A_")[2], f"{STAMP}.nc").replace(tzinfo=UTC)


NAME = f"A_{STAMP}.nc"
KINDS: dict[str, tuple[dict[str, Any], Callable[[str], bytes] | None]] = {
    "s3": ({"kind": "xml", "url": "{}/?list-type=2", "links": "Key", "name": NAME}, s3),
    "stac": (
        {"kind": "json", "url": "{}/items", "links": "features.*.assets.data.href", "name": NAME},
        stac,
    ),
    "wfs": (
        {
            "kind": "xml",
            "url": "{}/wfs",
            "links": "fileReference",
            "name": "time=%Y-%m-%dT%H:%M:%SZ",
        },
        wfs,
    ),
    "signed": (
        {"kind": "clock", "url": "{}/files/" + NAME + "/url", "signed": {"link": "temporary"}},
        None,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_look_makes_frames_of_all_images(service: Service, tmp_path: Path, kind: str) -> None:
    fetch, page = KINDS[kind]
    stream = f"listed-{kind}"

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/url"):
            name = asked.path.split("/")[-2]
            elsewhere = url.replace("127.0.0.1", "localhost")
            return Reply(json.dumps({"temporary": f"{elsewhere}/{name}"}).encode())
        if page is not None and asked.path.split("?")[0] in ("/", "/items", "/wfs"):
            return Reply(page(url))
        return Reply(image(time_of(asked.path)))

    with played_agency(answer) as agency:
        url = agency.url
        source = played_source(
            name=kind,
            step_minutes=15,
            hosts=["127.0.0.1", "localhost"],
            key=KEY,
            fetch={**fetch, "url": fetch["url"].format(url)},
        )
        ledger = Ledger(tmp_path / "fetch", source.name, stream)
        settings = ClientSettings(allow_private=True)
        with AgencyClient(source, settings, HostTurns(), {"PLAYED_KEY": "secret"}) as client:
            feeder = Feeder(service.gate.client, stream, patience_seconds=5)
            order = Order(source, {}, stream)
            Fetcher(order, client, feeder, Backlog(source, ledger), tmp_path, lambda: NOW).look()
        ledger.close()
        assert service.frame_times(stream, DAY, NOW) == TIMES
        for one in agency.asked:
            elsewhere = one.headers["Host"].startswith("localhost")
            assert ("Authorization" in one.headers) is not elsewhere
