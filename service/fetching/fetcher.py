"""Fetcher: the images of one source become frames of a stream, each once, as soon as it is there.

Nothing is read here: a file goes to the service as it is, by the ordinary intake, whose limited
child processes open it.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from echocast.model.formats.reading_words import given_words
from echocast.service.client.errors import FeedError, FrameRefused
from echocast.service.client.feed import Feeder
from echocast.service.fetching.backlog import Backlog
from echocast.service.fetching.client import AgencyClient
from echocast.service.fetching.errors import FetchError, StreamElsewhere
from echocast.service.fetching.pace import Pace
from echocast.service.fetching.source_state import LONGEST_TROUBLE, Result, SourceState
from echocast.service.sources.errors import ImageMissing, SourceError
from echocast.service.sources.listing import Available, available, image_call
from echocast.service.sources.source import RadarSource
from echocast.workers.errors import shortage_of

log = logging.getLogger("echocast.fetch")

HALF: Final = ("unreadable", "unreadable-input")  # of files that may be whole at the next look
TRIES: Final = 5  # of a file that cannot be read
LATER: Final = "future"  # of a frame that is refused now, but not later
UNDECLARED: Final = "unknown-stream"
NOT_ITS_FAULT: Final = (UNDECLARED, "stream-paused", "missing-key", "missing-scope")
MEANINGS: Final[Mapping[Result, str]] = {
    "accepted": "is a new frame",
    "same": "was a frame already",
    "refused": "is refused for good",
    "failed": "is tried again later",
}
STRIKES: Final = 3  # images in a row that the agency does not give, after which a look ends
LONGEST_WAIT_SECONDS: Final = 3600.0  # whatever a clock that was moved says


def utc_now() -> datetime:
    """The time now, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Order:
    """What is fetched.

    Args:
        source: From where.
        reading: How its images are read, in the words of :meth:`.Reading.of_words`.
        stream: Name of the stream that its images become frames of.
    """

    source: RadarSource
    reading: Mapping[str, Any]
    stream: str


class Fetcher:
    """Fetches the images of one source.

    Args:
        order: What is fetched.
        client: Asks the agency.
        feeder: Sends frames to the stream.
        backlog: Knows what is done.
        scratch: Folder for the file of the moment; nobody else writes there.
        clock: The time now, UTC.
    """

    def __init__(
        self,
        order: Order,
        client: AgencyClient,
        feeder: Feeder,
        backlog: Backlog,
        scratch: Path,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._order = order
        self._client = client
        self._feeder = feeder
        self._backlog = backlog
        self._scratch = scratch
        self._clock = clock
        self._pace = Pace(order.source.step, order.source.latency)
        self._state = SourceState.of(order.source, clock())
        self._declared = False
        self._unreadable: Counter[datetime] = Counter()
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Look again and again, until ``stop`` is set."""
        self._stop = stop
        while not stop.is_set():
            seconds = (self.look() - self._clock()).total_seconds()
            stop.wait(min(max(0.0, seconds), LONGEST_WAIT_SECONDS))

    def look(self) -> datetime:
        """Fetch what is there; when to look again."""
        trouble, seconds = "", 0.0
        try:
            self._declare()
            trouble = self._fetch()
            self._pace.succeeded()
            return self._pace.next_look(self._backlog.newest, self._clock())
        except (FetchError, SourceError, FeedError, OSError) as error:
            trouble, seconds = _in_words(error), getattr(error, "retry_after_seconds", 0.0)
            if trouble != self._state.trouble:
                log.warning("%s: %s", self._order.source.name, trouble)
            return self._pace.after_failure(self._clock(), seconds)
        finally:
            self._report(trouble)

    def _declare(self) -> None:
        """Declare the stream, once; what the service knows of the source goes on.

        Raises:
            StreamElsewhere: It is declared with another region, or read otherwise.
        """
        if self._declared:
            return
        source, reading = self._order.source, dict(self._order.reading)
        view = self._feeder.declare(
            source.step_minutes, reading, source.stream_units, source.terms()
        ).view
        if (other := given_words(**view["reading"])) != reading:
            raise StreamElsewhere(
                f"The stream {self._order.stream!r} is declared with {_words(other)}, and images"
                f" of {source.name} should go to one with {_words(reading)}; name another by"
                " --stream, or delete it."
            )
        if view["newest_frame"] is None:
            self._backlog.begin_anew()
        elif (known := view.get("fetching")) and known["source"] == source.name:
            self._state = self._state.going_on(known)
        self._declared = True

    def _fetch(self) -> str:
        """Fetch what is due; what stood in the way of the newest, where something did."""
        source, now, trouble, strikes = self._order.source, self._clock(), "", 0
        listed = available(source, self._client.get, *self._backlog.span(now))
        for one in self._backlog.next(listed, now):
            if self._stop.is_set():
                break
            try:
                self._take(one)
                trouble, strikes = "", 0
            except ImageMissing as error:
                trouble = str(error)
                self._backlog.postpone(one.time, now)
            except (FetchError, SourceError) as error:
                trouble, strikes = str(error), strikes + 1
                self._count("failed", one, trouble)
                self._backlog.postpone(one.time, now)
                if strikes == STRIKES:
                    raise
            except FrameRefused as error:
                trouble = str(error)
                self._refused(one, error, now)
        return trouble

    def _take(self, one: Available) -> None:
        """Make an image a frame."""
        source, name = self._order.source, one.name(self._order.source)
        path = self._scratch / name
        self._client.download(image_call(source, one, self._client.get), path)
        try:
            answer = self._feeder.send_content(one.time, path.read_bytes(), name=name)
        finally:
            path.unlink()
        self._state = self._state.succeeded(one.time, self._clock())
        self._count("accepted" if answer["outcome"] == "created" else "same", one)
        self._backlog.done(one.time)

    def _refused(self, one: Available, error: FrameRefused, now: datetime) -> None:
        """Note what the service does not take; raise what is not the image's fault."""
        if error.rule in NOT_ITS_FAULT:
            self._declared = error.rule != UNDECLARED
            raise error
        self._unreadable[one.time] += error.rule in HALF
        if error.rule == LATER or 0 < self._unreadable[one.time] < TRIES:
            self._count("failed", one, str(error))
            self._backlog.postpone(one.time, now)
            return
        self._count("refused", one, str(error))
        self._backlog.done(one.time)

    def _count(self, result: Result, one: Available, why: str = "") -> None:
        self._state = self._state.counted(result)
        name, time = self._order.source.name, f"{one.time:%Y-%m-%d %H:%M} UTC"
        if why:
            log.warning("%s: the image of %s %s: %s", name, time, MEANINGS[result], why)
        else:
            log.info("%s: the image of %s %s.", name, time, MEANINGS[result])

    def _report(self, trouble: str) -> None:
        """Report the state of the source to the service."""
        self._state = self._state.model_copy(
            update={
                "reported": self._clock(),
                "trouble": trouble[:LONGEST_TROUBLE],
                "clock_ahead_seconds": self._client.clock_ahead_seconds,
            }
        )
        if self._declared:
            with suppress(FeedError):
                self._feeder.report_source(self._state.model_dump(mode="json"))


def _in_words(error: Exception) -> str:
    """What went wrong; of a file here that can't be written, why images are not fetched."""
    if not isinstance(error, OSError):
        return str(error)
    return f"Images cannot be stored before they are sent: {shortage_of(error) or error}"


def _words(reading: Mapping[str, Any]) -> str:
    """Words of a reading as a command has them; also where there are none."""
    return ", ".join(f"{name}={word}" for name, word in reading.items()) or "no region"
