"""`echocast watch`: every file once, when it is whole, whoever restarts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from echocast.service.client.errors import AlreadyWatched, FrameRefused, ServiceAway
from echocast.service.client.feed import Declared, Feeder, netcdf_bytes
from echocast.service.client.ledger import Ledger
from echocast.service.client.watch import Watcher
from tests.model.formats.radar_files import odim_file, raw_netcdf
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.service.real_processes import eventually, gateway, place
from tests.service.streams.stream_feed import frame_bytes, frames, time_of

Watch = Callable[..., Watcher]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "incoming").mkdir()
    return tmp_path / "incoming"


@pytest.fixture
def messages() -> list[str]:
    return []


@pytest.fixture
def watch(door: Any, directory: Path, tmp_path: Path, messages: list[str]) -> Iterator[Watch]:
    """A watcher of the directory, as if it were started again each time."""
    ledgers: list[Ledger] = []
    name = f"watched-{os.urandom(4).hex()}"

    def start(quiet_seconds: float = 0.0) -> Watcher:
        for ledger in ledgers:
            ledger.close()
        ledgers.append(Ledger(tmp_path / "ledgers", directory, name))
        feeder = Feeder(door.client, name, patience_seconds=5)
        feeder.declare(5)
        return Watcher(feeder, ledgers[-1], directory, messages.append, quiet_seconds)

    start.stream = name  # type: ignore[attr-defined]
    yield start
    for ledger in ledgers:
        ledger.close()


def newest(door: Any, watch: Watch) -> str | None:
    answer: dict[str, str | None] = door.client.get(f"/streams/{watch.stream}").json()  # type: ignore[attr-defined]
    return answer["newest_frame"]


def test_each_file_is_fed_once_across_restarts(
    door: Any, watch: Watch, directory: Path, messages: list[str]
) -> None:
    for slot in range(3):
        (directory / f"{slot}.nc").write_bytes(frame_bytes(slot))
    assert watch().feed_all() == 3
    assert newest(door, watch) == time_of(2)
    assert watch().feed_all() == 0
    (directory / "3.nc").write_bytes(frame_bytes(3))
    assert watch().feed_all() == 1
    assert len(messages) == 4


def test_a_file_that_the_service_failed_at_is_tried_again(
    door: Any, watch: Watch, directory: Path, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "0.nc").write_bytes(frame_bytes(0))
    watcher = watch()
    failure = httpx.Response(500, json={"detail": "Something went wrong."})
    with monkeypatch.context() as patch:
        patch.setattr(Feeder, "_patiently", lambda *_, **__: failure)
        assert watcher.feed_all() == 0
    assert watcher.feed_all() == 1
    assert "waits: The service failed: Something went wrong." in messages[0]


def test_a_stream_that_nobody_declared_is_told_at_once(door: Any) -> None:
    """Not file by file: files that were refused are not tried again."""
    with pytest.raises(FrameRefused, match="declare it first"):
        Feeder(door.client, "nobody", patience_seconds=5).declare(None)
    feeder = Feeder(door.client, f"watched-{os.urandom(4).hex()}", patience_seconds=5)
    feeder.declare(5)
    feeder.declare(None)


def test_who_waits_for_the_service_says_so_once(messages: list[str]) -> None:
    with httpx.Client(
        base_url=f"http://127.0.0.1:{free_port()}", timeout=PATIENCE_SECONDS
    ) as nobody:
        feeder = Feeder(nobody, "radar", patience_seconds=2.5, say=messages.append)
        with pytest.raises(ServiceAway, match="does not take frames"):
            feeder.declare(5)
    assert len(messages) == 1
    assert "trying again for 2.5 s" in messages[0]


def test_a_half_written_file_waits(
    door: Any, watch: Watch, directory: Path, messages: list[str]
) -> None:
    whole = frame_bytes(0)
    file = directory / "0.nc"
    file.write_bytes(whole[: len(whole) // 2])
    patient = watch(quiet_seconds=60)
    assert patient.feed_all() == 0
    assert not messages  # it was written to a moment ago
    hasty = watch()
    assert hasty.feed_all() == 0
    assert "cannot be read (yet)" in messages[0]
    assert hasty.feed_all() == 0
    assert len(messages) == 1  # nothing is messages twice
    file.write_bytes(whole)
    assert hasty.feed_all() == 1
    assert newest(door, watch) == time_of(0)


def test_a_file_of_the_day_with_many_frames(door: Any, watch: Watch, directory: Path) -> None:
    (directory / "day.nc").write_bytes(netcdf_bytes(frames()[:4]))
    assert watch().feed_all() == 1
    assert newest(door, watch) == time_of(3)


def test_what_is_refused_is_said_once_and_does_not_stop_the_others(
    door: Any, watch: Watch, directory: Path, messages: list[str]
) -> None:
    (directory / "a.nc").write_bytes(frame_bytes(0))
    (directory / "b.nc").write_bytes(frame_bytes(1, side=48))
    (directory / "c.nc").write_bytes(frame_bytes(2))
    (directory / ".hidden.nc").write_bytes(b"")
    (directory / "d.nc.part").write_bytes(b"")
    watcher = watch()
    assert watcher.feed_all() == 2
    assert watcher.feed_all() == 0
    assert newest(door, watch) == time_of(2)
    assert [line for line in messages if "refused" in line and "grid" in line]
    assert len(messages) == 3


def test_a_frame_from_the_future_waits_for_its_time(
    watch: Watch, directory: Path, messages: list[str]
) -> None:
    """The clock here may be late: such a frame is not lost."""
    soon = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=1)
    moved = frames()[:1].with_values(frames().reflectivity_dbz[:1], [soon])
    (directory / "soon.nc").write_bytes(netcdf_bytes(moved))
    watcher = watch()
    assert watcher.feed_all() == 0
    assert not messages
    assert not watcher._ledger.knows(directory / "soon.nc")


def test_a_service_that_is_away_loses_no_file(
    models: Path, directory: Path, tmp_path: Path
) -> None:
    messages: list[str] = []
    with (
        place(models) as where,
        closing(Ledger(tmp_path / "ledgers", directory, "radar")) as ledger,
    ):
        (directory / "0.nc").write_bytes(frame_bytes(0))
        with gateway(where) as gate:
            Feeder(gate.client, "radar").declare(5)
            port = str(gate.client.base_url.port)
            url = gate.url
        with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            watcher = Watcher(Feeder(client, "radar", 0.1), ledger, directory, messages.append, 0)
            assert watcher.feed_all() == 0
            assert "waits" in messages[0]
            with gateway(where, port=port):
                eventually(lambda: watcher.feed_all() == 1)
            assert watcher.feed_all() == 0


def test_files_are_fed_as_they_appear(door: Any, watch: Watch, directory: Path) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=watch(quiet_seconds=0.2).run, args=(stop,))
    thread.start()
    try:
        for slot in range(2):
            (directory / f"{slot}.nc").write_bytes(frame_bytes(slot))
            eventually(lambda slot=slot: newest(door, watch) == time_of(slot))
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_a_clock_that_was_moved_back_keeps_no_file_waiting(watch: Watch, directory: Path) -> None:
    file = directory / "0.nc"
    file.write_bytes(frame_bytes(0))
    os.utime(file, (time.time() + 3600, time.time() + 3600))
    assert watch(quiet_seconds=1).feed_all() == 1


def test_a_torn_line_of_the_ledger_is_ignored(
    watch: Watch, directory: Path, tmp_path: Path
) -> None:
    for slot in range(2):
        (directory / f"{slot}.nc").write_bytes(frame_bytes(slot))
    assert watch().feed_all() == 2
    (ledger,) = (tmp_path / "ledgers").iterdir()
    ledger.write_text(ledger.read_text()[:-20])
    assert watch().feed_all() == 1


def test_two_watchers_of_one_directory_are_one_too_many(directory: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, directory, "radar")
    with pytest.raises(AlreadyWatched, match="Another"):
        Ledger(tmp_path, directory, "radar")
    Ledger(tmp_path, directory, "other").close()
    ledger.close()
    Ledger(tmp_path, directory, "radar").close()


def test_the_second_command_says_so_in_one_sentence(directory: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "watch", directory, "radar")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "echocast.service.cli.main",
            "watch",
            str(directory),
            "--stream",
            "radar",
        ],
        env={**os.environ, "ECHOCAST_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    ledger.close()
    assert done.returncode == 1
    assert done.stderr.startswith("echocast: Another `echocast watch`")
    assert len(done.stderr.splitlines()) == 1


def recording(units: str, sent: list[bytes]) -> httpx.Client:
    """A service of one stream that notes the bodies of frames."""

    def answer(request: httpx.Request) -> httpx.Response:
        if "/frames/" in request.url.path:
            sent.append(request.content)
        return httpx.Response(200, json={"units": units, "outcome": "created"})

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://service")


def test_a_file_of_one_time_is_sent_byte_for_byte_and_no_value_of_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "0.nc", odim_file(tmp_path / "0.h5", np.zeros((20, 20)))]
    files[0].write_bytes(frame_bytes(0))
    monkeypatch.setattr("echocast.model.formats.readers.read_netcdf", None)
    monkeypatch.setattr("echocast.model.formats.readers.read_odim", None)
    sent: list[bytes] = []
    with recording("dBZ", sent) as client:
        feeder = Feeder(client, "radar")
        stream = feeder.declare(5)
        for file in files:
            assert len(feeder.send_file(file, stream)) == 1
    assert sent == [file.read_bytes() for file in files]


@pytest.mark.parametrize(("units", "unread"), [("mm/h", True), ("dBZ", False)])
def test_rain_rates_are_sent_as_they_are_to_a_stream_of_rain_rates_only(
    tmp_path: Path, units: str, unread: bool
) -> None:
    netcdf = raw_netcdf(tmp_path / "0.nc", np.ones((1, 20, 20)), units="mm/h")
    odim = odim_file(tmp_path / "0.h5", np.ones((20, 20)), quantity="RATE", offset=0.0)
    for file in (netcdf, odim):
        sent: list[bytes] = []
        with recording(units, sent) as client:
            Feeder(client, "radar").send_file(file, Declared(units))
        assert (sent == [file.read_bytes()]) is unread
        assert len(sent) == 1


def test_a_file_that_is_sent_as_it_is_makes_the_frame_that_a_decoded_one_makes(
    door: Any, watch: Watch, directory: Path
) -> None:
    (directory / "0.nc").write_bytes(frame_bytes(0))
    assert watch().feed_all() == 1
    feeder = Feeder(door.client, watch.stream)  # type: ignore[attr-defined]
    assert feeder.send(frames()[:1])["outcome"] == "same"


def test_a_wait_for_a_forecast_says_what_for_and_when_it_was_in_vain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/readyz":
            return httpx.Response(503, json={"detail": "No worker lives."})
        return httpx.Response(200, json={"nowcasts": []})

    monkeypatch.setattr("echocast.service.client.feed.SILENT_SECONDS", -1.0)
    reference, lines = datetime(2026, 7, 1, 12, tzinfo=UTC), list[str]()
    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://service") as client:
        feeder = Feeder(client, "radar", say=lines.append)
        assert not feeder.await_forecast(reference, 0.2)
    waiting, in_vain = lines
    assert reference.isoformat() in waiting
    assert waiting.endswith("The service is not ready: No worker lives.")
    assert in_vain.startswith(f"No forecast of {reference.isoformat()}")
