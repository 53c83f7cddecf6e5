"""Every kind of list, from a played agency: each ends in frames, by one look."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from echocast.service.client.feed import Feeder
from echocast.service.client.ledger import Ledger
from echocast.service.fetching.backlog import Backlog
from echocast.service.fetching.client import AgencyClient, ClientSettings
from echocast.service.fetching.fetcher import Fetcher, Order
from echocast.service.fetching.turns import HostTurns
from tests.service.fetching.conftest import Service
from tests.service.fetching.played_agency import Asked, Reply, played_agency
from tests.service.fetching.played_lists import NAME, STYLES, page_of, signed_reply, time_of
from tests.service.fetching.played_radar import DAY, STEP, image
from tests.service.fetching.played_source import played_source

NOW = DAY + timedelta(hours=6, minutes=3)
TIMES = [DAY + timedelta(hours=6) - n * STEP for n in range(11, -1, -1)]
KEY = {
    "variable": "PLAYED_KEY",
    "header": "Authorization",
    "registration": "https://radar.example/",
}


def answer(asked: Asked) -> Reply:
    names = [f"{time:{NAME}}" for time in TIMES]
    return signed_reply(asked) or page_of(asked.path, names) or Reply(image(time_of(asked.path)))


@pytest.mark.parametrize("kind", STYLES)
def test_a_look_makes_frames_of_all_images(service: Service, tmp_path: Path, kind: str) -> None:
    stream = f"listed-{kind}"
    with played_agency(answer) as agency:
        source = played_source(
            name=kind,
            step_minutes=15,
            hosts=["127.0.0.1", "localhost"],
            key=KEY,
            fetch=STYLES[kind].at(agency.url),
        )
        ledger = Ledger(tmp_path / "fetch", source.name, stream)
        settings = ClientSettings(allow_private=True)
        with AgencyClient(source, settings, HostTurns(), {"PLAYED_KEY": "secret"}) as client:
            feeder = Feeder(service.gate.client, stream, patience_seconds=5)
            order = Order(source, {}, stream)
            Fetcher(order, client, feeder, Backlog(source, ledger), tmp_path, lambda: NOW).look()
        ledger.close()
        assert service.frame_times(stream, TIMES[0], NOW) == TIMES
        for one in agency.asked:
            elsewhere = one.headers["Host"].startswith("localhost")
            assert ("Authorization" in one.headers) is not elsewhere
