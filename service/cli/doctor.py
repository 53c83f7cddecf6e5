"""What may be wrong with a service and its machine, and what to do about each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from echocast import __version__
from echocast.service.client.errors import FeedError

if TYPE_CHECKING:
    from echocast.service.client.service_state import ServiceState
    from echocast.service.settings import ServiceSettings

GB: Final = 1e9
MINUTE: Final = timedelta(minutes=1)
CLOCK_SECONDS: Final = 5.0  # within which two clocks agree
FEEDING: Final = "look at what sends its frames (`echocast fetch`, `echocast watch`)"
EXTRAS: Final = {  # packages, and what goes without them
    "numba": "forecasts are computed by PyTorch alone, several times slower: pip install"
    " 'echocast[fast]'",
    "rasterio": "GeoTIFF and GRIB2 cannot be read: pip install 'echocast[formats]'",
}


class Severity(StrEnum):
    """How bad something is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """What was looked at, and what to do.

    Args:
        what: A word: ``disk``, ``clock``, ...
        level: How bad it is.
        sentence: What was found.
        advice: What to do; empty where nothing is to be done.
    """

    what: str
    level: Severity
    sentence: str
    advice: str = ""

    def line(self) -> str:
        """For people."""
        mark = {Severity.GOOD: "ok", Severity.WARNING: "note", Severity.BAD: "BAD"}[self.level]
        advice = f" -> {self.advice}" if self.advice else ""
        return f"{mark:4}  {self.what:9} {self.sentence}{advice}"


def _good(what: str, sentence: str) -> Finding:
    return Finding(what, Severity.GOOD, sentence)


def _note(what: str, sentence: str, advice: str) -> Finding:
    return Finding(what, Severity.WARNING, sentence, advice)


def _bad(what: str, sentence: str, advice: str) -> Finding:
    return Finding(what, Severity.BAD, sentence, advice)


def findings(
    settings: ServiceSettings, environment: Mapping[str, str], ask: Callable[[], ServiceState]
) -> Iterator[Finding]:
    """Look at everything, from what is installed to what the service says.

    Args:
        settings: Of the service, as its processes have them.
        environment: Of the process, for unknown settings and the keys of sources.
        ask: Asks the service.
    """
    yield from of_installation()
    yield from of_settings(environment)
    yield from of_keys(settings)
    yield from of_sources(settings, environment)
    yield from of_disk(settings)
    try:
        state = ask()
    except FeedError as error:
        advice = "start it (`echocast up`), or name it by --url; a key is sent by --key-file"
        yield _bad("service", str(error), advice)
        return
    yield from of_service(state)
    yield from of_streams(state.streams, datetime.now(UTC))


def of_installation() -> Iterator[Finding]:
    """The version, and parts that are not installed."""
    yield _good("version", f"Echocast {__version__}.")
    for package, lost in EXTRAS.items():
        if find_spec(package) is None:
            sentence, _, advice = lost.partition(": ")
            yield _note("version", f"Without {package} {sentence}.", advice)


def of_settings(environment: Iterable[str]) -> Iterator[Finding]:
    """Settings that there are not."""
    from echocast.service.settings import unknown_settings

    unknown = list(unknown_settings(environment))
    for sentence in unknown:
        yield _note("settings", sentence, "correct its name or remove it")
    if not unknown:
        yield _good("settings", "Every ECHOCAST_ variable is a setting.")


def of_keys(settings: ServiceSettings) -> Iterator[Finding]:
    """Keys that are missing, malformed or no longer accepted."""
    from echocast.service.auth.key_ring import load_keys
    from echocast.service.errors import StartRefused

    try:
        keys = load_keys(settings).keys
    except StartRefused as error:
        yield _bad("keys", str(error), "`echocast key` makes keys")
        return
    expired = [key.name for key in keys if key.has_expired(datetime.now(UTC))]
    if expired:
        advice = "`echocast key revoke NAME` removes them"
        yield _note("keys", f"Expired: {', '.join(expired)}.", advice)
    count = f"{len(keys)} keys" if keys else f"No keys; only {settings.host} is listened on"
    yield _good("keys", f"{count}.")


def of_sources(settings: ServiceSettings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Sources that are to be fetched and cannot be."""
    from echocast.service.errors import ServiceError
    from echocast.service.fetching.orders import orders

    if not settings.fetch_sources:
        yield _good("sources", "None is to be fetched (ECHOCAST_FETCH_SOURCES).")
        return
    try:
        orders(settings, environment)
    except (ServiceError, ValueError) as error:
        yield _bad("sources", str(error), "`echocast source test NAME` tries it")
    else:
        yield _good("sources", f"To be fetched: {settings.fetch_sources}.")


def of_disk(settings: ServiceSettings) -> Iterator[Finding]:
    """Whether the data folder can be written, how much is free there, and its clock."""
    from echocast.workers.archive.disk_space import DiskSpace

    folder = settings.data_dir
    if not folder.is_dir():
        advice = "`echocast up` makes it; or name the service's folder by --data"
        yield _note("disk", f"There is no data folder {folder}.", advice)
        return
    floor, free = settings.free_space_floor_bytes, DiskSpace.of(folder).free
    sentence = f"{free / GB:.3g} GB are free in {folder}; {floor / GB:.2g} GB must stay free."
    if free >= 2 * floor:
        yield _good("disk", sentence)
    else:
        how_bad = _bad if free < floor else _note
        yield how_bad("disk", sentence, "remove other files, or lower ECHOCAST_STREAM_RETENTION_GB")
    yield from _of_written_file(folder)


def _of_written_file(folder: Path) -> Iterator[Finding]:
    try:
        with NamedTemporaryFile(prefix=".echocast-doctor-", dir=folder) as file:
            apart = Path(file.name).stat().st_mtime - time.time()
    except OSError as error:
        advice = "run the command as the service's user, or give that user the folder"
        yield _bad("disk", f"{folder} cannot be written: {error.strerror}.", advice)
        return
    yield of_clock("the disk of the data folder", -apart)


def of_clock(of_what: str, ahead_seconds: float) -> Finding:
    """Whether a clock agrees with that of this machine."""
    if abs(ahead_seconds) <= CLOCK_SECONDS:
        return _good("clock", f"It agrees with that of {of_what}.")
    side = "ahead of" if ahead_seconds > 0 else "behind"
    sentence = f"It is {abs(ahead_seconds):.0f} s {side} that of {of_what}."
    return _bad("clock", sentence, "let both follow NTP (chrony, systemd-timesyncd)")


def of_service(state: ServiceState) -> Iterator[Finding]:
    """What a service says of its engine, workers and model."""
    if state.version != __version__:
        sentence = f"The service runs {state.version}, this command is {__version__}."
        yield _note("version", sentence, "restart the service after an upgrade")
    if state.ready:
        sentence = f"Ready at {state.url}, with its engine; {state.queued} jobs wait."
        yield _good("service", sentence)
        devices = ", ".join(worker["device"] for worker in state.workers)
        yield _good("workers", f"{len(state.workers)} ({devices}).")
        yield _good("model", f"{state.serving} serves.")
    else:
        advice = "read the log of `echocast up`, of the worker or of the engine"
        yield _bad("service", f"Not ready: {state.why_not}", advice)
    yield of_clock("the service", state.clock_ahead_seconds)


def of_streams(streams: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[Finding]:
    """Streams without new frames, and frames that count as missing."""
    for stream in streams:
        yield from _of_stream(stream, now)


def _of_stream(stream: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    from echocast.workers.streams.stream import late_after

    name, newest, fetching = stream["name"], stream["newest_frame"], stream.get("fetching")
    late_minutes = late_after(timedelta(minutes=float(stream["step_minutes"]))) / MINUTE
    of_source = f" {fetching['sentence']}" if fetching else ""
    if stream["paused"]:
        yield _good("stream", f"{name} is paused.")
    elif newest is None:
        yield _note("stream", f"{name} has no frame yet.{of_source}", FEEDING)
    elif (age := (now - datetime.fromisoformat(newest)).total_seconds() / 60) > late_minutes:
        sentence = f"{name} has had no new frame for {age:.0f} min.{of_source}"
        yield _note("stream", sentence, FEEDING)
    else:
        yield _good("stream", f"{name}: newest frame {age:.0f} min old.")
    if aside := len(stream["set_aside"]) + len(stream["implausible"]):
        sentence = f"{name}: {aside} frames of two days count as missing."
        advice = (
            f"GET /streams/{name} names them; send them again with replace=true to believe them"
        )
        yield _note("stream", sentence, advice)
