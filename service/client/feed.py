"""Feeding: send the frames of radar files to a stream of a running service, one by one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from echocast.model.formats.file_names import safe_name
from echocast.model.formats.reading_words import STATED
from echocast.model.formats.time_text import iso_text
from echocast.service.client.errors import FrameRefused, ServiceAway

if TYPE_CHECKING:
    from echocast.model.formats.reading import Reading
    from echocast.model.frames import Frames

PATIENCE_SECONDS = 600.0  # how long a service that is away is asked again
PAUSE_SECONDS = 1.0
SILENT_SECONDS = 2.0  # of a wait, before it is said what for
PASSING = (429, 502, 503, 504, 507)


class Declared(NamedTuple):
    """What a feeder must know of a stream.

    Args:
        units: Of its frames: ``dBZ`` or ``mm/h``.
        stated: What is stated of its files, in the words of :meth:`.Reading.of_words`.
        view: Its whole state, as the service shows it.
    """

    units: str = "dBZ"
    stated: Mapping[str, Any] = MappingProxyType({})
    view: Mapping[str, Any] = MappingProxyType({})

    def reading(self) -> Reading:
        """How its files are read here; the service cuts their region out itself."""
        from echocast.model.formats.reading import Reading

        return Reading.of_words(**self.stated, of_stream=True)


@dataclass(frozen=True)
class Feeder:
    """Sends frames; tries again while the service is away or full.

    Args:
        client: Of the service, with its base URL and key.
        stream: Name.
        patience_seconds: How long to try again.
        say: Prints why it takes long.
    """

    client: httpx.Client
    stream: str
    patience_seconds: float = PATIENCE_SECONDS
    say: Callable[[str], object] = lambda _: None

    def declare(
        self,
        step_minutes: float | None,
        reading: Mapping[str, Any] | None = None,
        units: str = "dBZ",
        source: Mapping[str, Any] | None = None,
    ) -> Declared:
        """Declare the stream unless it is declared; without a step it has to be.

        Args:
            step_minutes: Between its frames.
            reading: How its frames are read, in the words of :meth:`.Reading.of_words`.
            units: Of its frames: ``dBZ`` or ``mm/h``.
            source: Whose images they are: title, licence, licence_url and attribution.

        Raises:
            FrameRefused: The service does not take the declaration, or knows no such stream.
            ServiceAway: It does not answer.
        """
        answer = self._patiently("GET", f"/streams/{self.stream}")
        if answer.status_code == 404 and step_minutes is not None:
            body = {"step_minutes": step_minutes, "units": units, "reading": dict(reading or {})}
            body |= {"source": dict(source)} if source else {}
            answer = self._patiently("PUT", f"/streams/{self.stream}", json=body)
        stream = _checked(answer)
        words = stream.get("reading", {})
        stated = {n: words[n] for n in (*STATED, "variable") if words.get(n) is not None}
        return Declared(str(stream["units"]), stated, stream)

    def report_source(self, state: Mapping[str, Any]) -> None:
        """Report the state of the stream's source; the service shows it.

        Raises:
            FrameRefused: There is no such stream, or the key may not.
            ServiceAway: The service does not answer.
        """
        path = f"/streams/{self.stream}/fetching"
        _checked(self._patiently("PUT", path, json=dict(state)))

    def pause(self, *, paused: bool) -> None:
        """Pause the stream or resume it.

        Raises:
            FrameRefused: There is none, or the key may not.
            ServiceAway: The service does not answer.
        """
        path = f"/streams/{self.stream}"
        _checked(self._patiently("PATCH", path, json={"paused": paused}))

    def delete(self) -> None:
        """Delete the stream with all that is stored of it.

        Raises:
            FrameRefused: There is none, or the key may not.
            ServiceAway: The service does not answer.
        """
        _checked(self._patiently("DELETE", f"/streams/{self.stream}"))

    def send(self, frames: Frames, *, replace: bool = False) -> dict[str, Any]:
        """Send one frame, as NetCDF in dBZ; the service's answer.

        Raises:
            FrameRefused: The service does not take it.
            ServiceAway: It does not answer.
        """
        return self.send_content(frames.times[0], netcdf_bytes(frames), replace=replace)

    def send_file(self, path: Path, stream: Declared) -> list[dict[str, Any]]:
        """Send a radar file: one of one time byte for byte, others frame by frame.

        Args:
            path: Of any known format.
            stream: As declared; rain rates are turned into dBZ for a stream in dBZ.

        Returns:
            The service's answer to each frame.

        Raises:
            InputError: The file cannot be read.
            FrameRefused: The service does not take a frame.
            ServiceAway: It does not answer.
        """
        from echocast.model.formats.readers import read_header

        header = read_header(path, stream.reading())
        if len(header.times) == 1 and header.units == stream.units:
            return [self.send_content(header.times[0], path.read_bytes(), name=path.name)]
        return [self.send(frame) for frame in one_by_one(frames_of([path], stream.reading()))]

    def send_content(
        self, time: datetime, content: bytes, *, name: str = "frame.nc", replace: bool = False
    ) -> dict[str, Any]:
        """Send a file of one frame as it is; the service's answer. Nothing is read here.

        Args:
            time: Valid time of the frame.
            content: Of the file.
            name: Of the file; of some formats it says the time.
            replace: Whether another frame of that time is replaced.

        Raises:
            FrameRefused: The service does not take it.
            ServiceAway: It does not answer.
        """
        answer = self._patiently(
            "PUT",
            f"/streams/{self.stream}/frames/{iso_text(time)}",
            content=content,
            headers={
                "Content-Type": "application/octet-stream",  # known by its content
                "Content-Disposition": f'attachment; filename="{safe_name(name)}"',
            },
            params={"replace": "true"} if replace else {},
        )
        return _checked(answer)

    def has_forecast(self, reference: datetime) -> bool:
        """Whether the stream has issued a forecast of that reference time."""
        text = reference.isoformat()
        answer = self._patiently(
            "GET", f"/streams/{self.stream}/nowcasts", params={"from": text, "to": text}
        )
        return bool(_checked(answer)["nowcasts"])

    def await_forecast(self, reference: datetime, seconds: float) -> bool:
        """Wait until the forecast of a frame is there; False where it does not come.

        What it waits for is said where it takes more than a moment.
        """
        started, pause, reported = time.monotonic(), 0.05, False
        while not self.has_forecast(reference):
            waited = time.monotonic() - started
            if waited > seconds:
                self.say(f"No forecast of {reference.isoformat()} came within {seconds:g} s.")
                return False
            if waited > SILENT_SECONDS and not reported:
                self.say(f"Waiting for the forecast of {reference.isoformat()}.{self._trouble()}")
                reported = True
            time.sleep(pause)
            pause = min(1.5 * pause, PAUSE_SECONDS)
        return True

    def _trouble(self) -> str:
        """Why nothing may be forecast now, as the service says it; empty where it is ready."""
        answer = self.client.get("/readyz")
        return "" if answer.is_success else f" The service is not ready: {_detail(answer)}"

    def _patiently(self, method: str, path: str, **request: Any) -> httpx.Response:
        give_up = time.monotonic() + self.patience_seconds
        reported = False
        while True:
            try:
                answer = self.client.request(method, path, **request)
                if answer.status_code not in PASSING:
                    return answer
                trouble = _detail(answer)
            except httpx.TransportError as error:
                trouble = str(error) or type(error).__name__
            refusal = f"{self.client.base_url} does not take frames: {trouble}"
            if time.monotonic() + PAUSE_SECONDS > give_up:
                raise ServiceAway(refusal)
            if not reported:
                self.say(f"{refusal} (trying again for {self.patience_seconds:g} s)")
                reported = True
            time.sleep(PAUSE_SECONDS)


def netcdf_bytes(frames: Frames) -> bytes:
    """Frames as a NetCDF file in memory."""
    from echocast.model.formats.forecast_writer import write_frames

    with tempfile.TemporaryDirectory(prefix="echocast-") as folder:
        path = Path(folder) / "frame.nc"
        write_frames(frames, path)
        return path.read_bytes()


def frames_of(paths: Sequence[Path], reading: Reading | None = None) -> Frames:
    """All frames of radar files in time order.

    Raises:
        InputError: A file is unreadable, or the files do not go together.
    """
    from echocast.model.formats.readers import read_frames

    return read_frames(paths, reading)


def one_by_one(frames: Frames) -> Iterator[Frames]:
    """Each frame alone."""
    for index in range(len(frames)):
        yield frames[index : index + 1]


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        body: dict[str, Any] = answer.json() if answer.content else {}
        return body
    if answer.is_server_error:  # nothing is wrong with the frame
        raise ServiceAway(f"The service failed: {_detail(answer)}")
    raise FrameRefused(_detail(answer), _rule(answer))


def _rule(answer: httpx.Response) -> str:
    """The broken rule, or what kind of refusal it is; empty where the answer does not say so."""
    if not answer.headers.get("content-type", "").endswith("json"):
        return ""
    body = answer.json()
    return str(body.get("rule") or body.get("type", "").rpartition(":")[2])


def _detail(answer: httpx.Response) -> str:
    if answer.headers.get("content-type", "").endswith("json"):
        return str(answer.json().get("detail", answer.text))
    return f"HTTP {answer.status_code}"
