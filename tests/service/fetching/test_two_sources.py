"""Several sources in one process: each goes on whatever becomes of another, one request a host."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from echocast.service.processes.fetcher import fetch
from echocast.service.settings import ServiceSettings
from tests.service.fetching.conftest import Service
from tests.service.fetching.played_agency import Asked, Reply, played_agency
from tests.service.fetching.played_lists import NAME, time_of
from tests.service.fetching.played_radar import STEP, image
from tests.service.real_processes import eventually
from tests.service.sources.played_source import HEAD

NAMES = ("first-of-three", "second-of-three", "broken-of-three")
SOURCE = HEAD.replace("step_minutes = 5", "step_minutes = 15").replace("a.example", "127.0.0.1")


class OneAtATime:
    """An agency that notes how many requests it has at once, and fails for one source."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.now, self.most = 0, 0

    def __call__(self, asked: Asked) -> Reply:
        with self.guard:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            broken = urlsplit(asked.path).path.startswith("/broken")
            return Reply(status=500) if broken else Reply(image(time_of(asked.path)))
        finally:
            with self.guard:
                self.now -= 1


def test_two_sources_become_streams_while_a_third_fails(service: Service, tmp_path: Path) -> None:
    agency, stop = OneAtATime(), threading.Event()
    client = service.gate.client
    with played_agency(agency) as played:
        for name in NAMES:
            lines = f'[fetch]\nkind = "clock"\nurl = "{played.url}/{name}/{NAME}"\n'
            (tmp_path / f"{name}.toml").write_text(f"{SOURCE}\n{lines}")
        settings = ServiceSettings(
            data_dir=tmp_path / "data",
            sources_dir=tmp_path,
            fetch_sources=",".join(NAMES),
            fetch_url=service.gate.url,
            fetch_allow_private=True,
        )
        began = datetime.now(UTC)
        thread = threading.Thread(target=fetch, args=(settings, stop))
        thread.start()
        try:
            for name in NAMES[:2]:
                first = began - 20 * STEP
                eventually(
                    lambda name=name, first=first: (
                        len(  # type: ignore[misc]
                            service.frame_times(name, first, began + timedelta(hours=1))
                        )
                        >= 12
                    )
                )
            eventually(lambda: client.get(f"/streams/{NAMES[2]}").json().get("fetching"))
        finally:
            stop.set()
            thread.join()
    assert agency.most == 1
    broken = client.get(f"/streams/{NAMES[2]}").json()
    assert broken["newest_frame"] is None
    assert "answers 500" in broken["fetching"]["trouble"]
    for name in NAMES[:2]:
        state = client.get(f"/streams/{name}").json()["fetching"]
        assert state["images"]["accepted"] >= 12
        assert state["trouble"] == ""
