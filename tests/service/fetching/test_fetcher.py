"""The fetcher: every image that an agency has becomes a frame once, whatever goes wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from echocast.service.client.feed import Feeder
from echocast.service.client.ledger import Ledger
from echocast.service.fetching.backlog import Backlog
from echocast.service.fetching.client import AgencyClient, ClientSettings
from echocast.service.fetching.fetcher import Fetcher, Order
from echocast.service.fetching.turns import HostTurns
from echocast.service.sources.source import RadarSource
from tests.service.fetching.conftest import Service
from tests.service.fetching.played_agency import PlayedAgency, Reply, played_agency
from tests.service.fetching.played_lists import STAMP, STYLES
from tests.service.fetching.played_radar import (
    DAY,
    LATENCY,
    STEP,
    TEN_GIGABYTES,
    Clock,
    PlayedRadar,
    image,
    zeros,
)
from tests.service.fetching.played_source import played_source

MINUTE = timedelta(minutes=1)
LIMIT_BYTES = 2_000_000


class Scene:
    """A source, a stream and what of a fetcher outlives it: its folder."""

    def __init__(self, service: Service, folder: Path, radar: PlayedRadar, kind: str) -> None:
        self.service, self.folder, self.radar, self.kind = service, folder, radar, kind
        self.stream = f"fetched-{os.urandom(4).hex()}"
        (folder / "scratch").mkdir()

    def source(self, agency: PlayedAgency) -> RadarSource:
        return played_source(
            fetch=STYLES[self.kind].at(agency.url),
            hosts=["127.0.0.1", "localhost"],
            step_minutes=STEP / MINUTE,
        )

    @contextmanager
    def fetcher(self, agency: PlayedAgency) -> Iterator[Fetcher]:
        """A fetcher, as if its process were started."""
        source, settings = (
            self.source(agency),
            ClientSettings(image_bytes=LIMIT_BYTES, allow_private=True),
        )
        with ExitStack() as stack:
            ledger = Ledger(self.folder / "fetch", source.name, self.stream)
            stack.callback(ledger.close)
            clock = self.radar.clock
            client = stack.enter_context(
                AgencyClient(source, settings, HostTurns(), environment={}, clock=clock)
            )
            feeder = Feeder(self.service.gate.client, self.stream, patience_seconds=5)
            backlog = Backlog(source, ledger)
            yield Fetcher(
                Order(source, {}, self.stream),
                client,
                feeder,
                backlog,
                self.folder / "scratch",
                clock,
            )

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.service.gate.client.get(f"/streams/{self.stream}").json()
        return state

    def stored(self) -> list[datetime]:
        """Valid times of the frames of the stream."""
        span = DAY - timedelta(days=1), DAY + timedelta(days=2)
        return self.service.frame_times(self.stream, *span)


@pytest.fixture
def scene(service: Service, tmp_path: Path) -> Callable[..., Scene]:
    def make(hours: float = 3.0, kind: str = "clock", **radar: Any) -> Scene:
        clock = Clock(DAY + timedelta(hours=hours))
        return Scene(service, tmp_path, PlayedRadar(clock, **radar), kind)

    return make


def slots(first: datetime, last: datetime) -> list[datetime]:
    return [first + n * STEP for n in range(int((last - first) / STEP) + 1)]


@pytest.mark.parametrize("kind", ["clock", "html"])
def test_twelve_images_come_first_newest_last_and_then_each_new_one(
    scene: Callable[..., Scene], kind: str
) -> None:
    played = scene(kind=kind)
    with played_agency(played.radar) as agency, played.fetcher(agency) as fetcher:
        fetcher.look()
        newest = DAY + timedelta(hours=3) - STEP
        assert played.stored() == slots(newest - 11 * STEP, newest)
        images = [path[-15:] for path in agency.paths() if path.endswith(".nc")]
        assert images == sorted(images)
        before = len(images)
        played.radar.clock.true = fetcher.look()
        fetcher.look()
        assert played.stored()[-1] == newest + STEP
        assert len([path for path in agency.paths() if path.endswith(".nc")]) == before + 1
    assert list((played.folder / "scratch").iterdir()) == []


def test_the_state_is_shown_in_one_sentence(scene: Callable[..., Scene]) -> None:
    down = Reply(b"", 503)
    played = scene(down=lambda now: down if now > DAY + timedelta(hours=3) else None)
    with played_agency(played.radar) as agency, played.fetcher(agency) as fetcher:
        fetcher.look()
        source = played.state()["fetching"]
        assert source["source"] == "played"
        assert source["images"] == {"accepted": 12, "same": 0, "refused": 0, "failed": 0}
        assert source["newest_image"] == "2026-07-01T02:45:00Z"
        played.radar.clock.true += timedelta(hours=1)
        fetcher.look()
        source = played.state()["fetching"]
        assert source["trouble"] == "127.0.0.1 answers 503 Service Unavailable."
        assert source["images"]["failed"] == 3  # then the look ends
        metrics = played.service.gate.client.get("/metrics").text
    labels = f'source="played",stream="{played.stream}"'
    assert f'echocast_source_images_total{{result="accepted",{labels}}} 12.0' in metrics
    assert f'echocast_source_silence_seconds{{agency="Played agency",{labels}}}' in metrics
    assert f"echocast_source_last_success_timestamp_seconds{{{labels}}}" in metrics


def test_a_look_after_failures_comes_ever_later_but_no_later_than_the_agency_wants(
    scene: Callable[..., Scene],
) -> None:
    replies = [Reply(b"", 500)] * 12
    played = scene(
        kind="html",
        down=lambda _: (
            replies.pop() if replies else Reply(status=503, headers={"Retry-After": "1800"})
        ),
    )
    with played_agency(played.radar) as agency, played.fetcher(agency) as fetcher:
        pauses = []
        for _ in range(13):
            now = played.radar.clock.true
            played.radar.clock.true = fetcher.look()
            pauses.append((played.radar.clock.true - now).total_seconds())
    assert pauses[0] < pauses[1] < pauses[2] < pauses[3]
    assert max(pauses[:12]) <= 1.2 * 300
    assert pauses[12] == 1800


def test_a_full_disk_is_said_and_the_next_look_goes_on(
    scene: Callable[..., Scene], caplog: pytest.LogCaptureFixture
) -> None:
    played = scene()
    first = DAY + timedelta(hours=3) - 12 * STEP
    full = played.folder / "scratch" / f"played_{first:%Y%m%dT%H%M%S}.part"
    with played_agency(played.radar) as agency, played.fetcher(agency) as fetcher:
        pauses = []
        for _ in range(3):
            full.symlink_to("/dev/full")  # where every byte is one too many
            pauses.append(fetcher.look() - played.radar.clock.true)
        assert played.stored() == []
        trouble = played.state()["fetching"]["trouble"]
        fetcher.look()
    assert pauses[0] < pauses[1] < pauses[2]
    assert "No space left on device" in trouble
    assert "cannot be stored before they are sent" in trouble
    assert sum("No space" in line for line in caplog.messages) == 1
    assert len(played.stored()) == 12


def test_a_restart_goes_on_and_a_torn_line_changes_nothing(scene: Callable[..., Scene]) -> None:
    played = scene()
    with played_agency(played.radar) as agency:
        with played.fetcher(agency) as fetcher:
            fetcher.look()
        (ledger,) = (played.folder / "fetch").iterdir()
        ledger.write_text(ledger.read_text()[:-9])  # a kill -9 while it was written
        played.radar.clock.true += timedelta(hours=2, minutes=10)
        with played.fetcher(agency) as fetcher:
            at = fetcher.look()
            played.radar.clock.true = at
            fetcher.look()
    stored = played.stored()
    assert stored == slots(stored[0], stored[-1])
    assert len(stored) == 12 + 9 + 1
    images = played.state()["fetching"]["images"]
    assert (images["accepted"], images["same"]) == (22, 1)


def test_a_late_image_is_fetched_after_newer_ones(scene: Callable[..., Scene]) -> None:
    absent = DAY + timedelta(hours=2, minutes=30)
    late = timedelta(hours=1, minutes=50)
    played = scene(late=lambda time: late if time == absent else timedelta())
    with played_agency(played.radar) as agency, played.fetcher(agency) as fetcher:
        while played.radar.clock.true < DAY + timedelta(hours=6):
            played.radar.clock.true = fetcher.look()
        assert absent in played.stored()
        assert agency.paths().count("/202607010230.nc") < 12


def test_a_frame_from_the_future_waits_for_its_time(service: Service, tmp_path: Path) -> None:
    """The service's clock is late, or the agency's ahead: the image is not lost."""
    now = datetime.now(DAY.tzinfo).replace(second=0, microsecond=0)
    soon = now - timedelta(minutes=now.minute % 15) + timedelta(minutes=30)
    played = Scene(service, tmp_path, PlayedRadar(Clock(soon + STEP)), "clock")
    with played_agency(played.radar) as agency, played.fetcher(agency) as fetcher:
        fetcher.look()
        assert f"/{soon:{STAMP}}.nc" in agency.paths()
    state = played.state()["fetching"]
    assert "in the future" in state["trouble"]
    assert state["images"]["failed"] >= 1
    assert state["images"]["refused"] == 0


def test_a_stream_of_something_else_is_not_mixed_with(
    scene: Callable[..., Scene],
) -> None:
    played = scene()
    reading = {"at": "50,8", "radius_km": 100.0}
    client = played.service.gate.client
    client.put(f"/streams/{played.stream}", json={"step_minutes": 15, "reading": reading})
    with played_agency(played.radar) as agency, played.fetcher(agency) as fetcher:
        fetcher.look()
        assert agency.asked == []
    assert played.state()["newest_frame"] is None
    assert played.state()["fetching"] is None


def test_a_stream_that_was_deleted_is_declared_and_filled_anew(scene: Callable[..., Scene]) -> None:
    played = scene()
    client = played.service.gate.client
    with played_agency(played.radar) as agency, played.fetcher(agency) as fetcher:
        fetcher.look()
        client.delete(f"/streams/{played.stream}")
        for _ in range(3):
            played.radar.clock.true = fetcher.look()
        assert len(played.stored()) >= 12


def test_a_paused_stream_loses_nothing(scene: Callable[..., Scene]) -> None:
    played = scene()
    client = played.service.gate.client
    with played_agency(played.radar) as agency, played.fetcher(agency) as fetcher:
        fetcher.look()
        client.patch(f"/streams/{played.stream}", json={"paused": True})
        played.radar.clock.true += 2 * STEP
        fetcher.look()
        asked = len(agency.asked)
        assert "paused" in played.state()["fetching"]["trouble"]
        silence = re.findall(r"echocast_source_silence_seconds{.*}", client.get("/metrics").text)
        assert not [line for line in silence if played.stream in line]
        fetcher.look()
        assert len(agency.asked) == asked + 1  # it looks whether it is taken
        client.patch(f"/streams/{played.stream}", json={"paused": False})
        fetcher.look()
    stored = played.stored()
    assert stored == slots(stored[0], stored[-1])
    assert len(stored) == 14


def fault(time: datetime, tries: int) -> Reply | None:
    """What goes wrong with an image, by its place in the day and how often it was asked for."""
    slot, whole = int((time - DAY) / STEP), image(time)
    elsewhere = {"Location": f"http://localhost/{slot}"}
    faults = {
        0: (1, lambda: Reply(status=403)),
        1: (2, lambda: Reply(whole[: len(whole) // 2], length=len(whole))),
        2: (2, lambda: Reply(whole[: len(whole) // 2])),  # half, and it does not show
        3: (1, lambda: Reply(status=302, headers=elsewhere)),
        4: (1, lambda: Reply(status=307, headers={"Location": "https://elsewhere.example/"})),
        5: (1, lambda: Reply(zeros(), length=TEN_GIGABYTES if slot % 2 else None)),
        6: (2, lambda: Reply(status=500)),
    }
    until, reply = faults.get(slot % 13, (0, Reply))
    return reply() if tries <= until else None


def lateness(time: datetime) -> timedelta | None:
    """Some images are an hour and a half late, some never come."""
    slot = int((time - DAY) / STEP)
    if slot % 17 == 7:
        return None
    return timedelta(minutes=95) if slot % 11 == 3 else timedelta(seconds=slot % 7 * 20)


def outage(now: datetime) -> Reply | None:
    """From 05:00 to 06:30 the agency fails, and says when to come back."""
    if not DAY + timedelta(hours=5) <= now < DAY + timedelta(hours=6.5):
        return None
    return Reply(status=503, headers={"Retry-After": "600"})


CLOCKS_OFF = {10: 7, 12: 0, 18: -6, 20: 0}  # minutes, from that hour on


def live(played: Scene, fetcher: Fetcher, until: datetime) -> None:
    """Let the fetcher look whenever it wants to, until a time."""
    clock = played.radar.clock
    while clock.true < until:
        clock.true += max(fetcher.look() - clock(), timedelta(seconds=1))
        clock.off = timedelta(minutes=CLOCKS_OFF.get(clock.true.hour, clock.off / MINUTE))


def test_a_day_with_faults_ends_with_every_available_frame_once(
    scene: Callable[..., Scene],
) -> None:
    """24 simulated hours and five restarts, each of another kind; some frames have two names."""
    played = scene(hours=3, fault=fault, down=outage, late=lateness)
    clock = played.radar.clock
    with played_agency(played.radar) as agency:
        for played.kind, hours in zip(STYLES, (8, 9, 13, 17, 22, 27), strict=True):
            with played.fetcher(agency) as fetcher:
                live(played, fetcher, DAY + timedelta(hours=hours))
            clock.true += timedelta(minutes=25)  # nobody fetches
        end = clock.true
        with played.fetcher(agency) as fetcher:
            live(played, fetcher, end + timedelta(hours=2))
    stored, newest = played.stored(), end - LATENCY
    there = [time for time in slots(stored[0], newest) if played.radar.is_there(time)]
    assert len(there) > 90
    assert [time for time in there if time not in stored] == []
    assert stored == sorted(set(stored))
    images = played.state()["fetching"]["images"]
    assert (images["accepted"], images["same"], images["refused"]) == (len(stored), 0, 0)
    assert max(played.radar.tries.values()) == 3
