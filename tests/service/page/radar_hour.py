"""The page while rain moves on: whether anything flickers, and whether its memory grows.

``python -m tests.service.page.radar_hour [--speed 60] [--frames 12] [--event EVENT.nc]`` shows an
hour of radar time in a minute: a new image every five seconds, with its forecast, in a real
Chromium that plays all the time. The service is pretended (:mod:`.storm_service`); the rain is
drawn, or that of a file. With ``--service`` a whole service gets the images of the file, one by one
(:mod:`.fed_stream`). Prints a line a frame, and ends with 1 where something flickered or grew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from echocast.model.formats.readers import read_frames
from echocast.model.imagery.codes import dbz_codes
from tests.service.page.conftest import WHERE, Visit, visiting
from tests.service.page.fed_stream import fed_service
from tests.service.page.storm_service import (
    FORECAST,
    OBSERVED,
    SIZE,
    STEP,
    Codes,
    StormService,
    now,
    running,
)

AT_A_PLACE: Final = "/#at=47.05,8.31"
SETTLING: Final = 2  # frames, until all that is loaded once is there
MORE_HEAP: Final = 1.1  # of the heap once settled; collected garbage varies
MORE_NODES, MORE_LISTENERS = 30, 5
# Of every picture that is drawn, the middle row: transparent where it is dry, hatched beside the
# radar. Hatched all over (its alpha is 0x78 at most), or empty, it shows nothing of the rain.
WATCH: Final = """() => {
  window.shown = { pictures: 0, blank: 0, hatched: 0 };
  const look = () => {
    const canvas = document.querySelector("canvas.rain");
    const row = new OffscreenCanvas(canvas.width, 1).getContext("2d", { willReadFrequently: true });
    row.drawImage(canvas, 0, -Math.floor(canvas.height / 2));
    const alpha = row.getImageData(0, 0, canvas.width, 1).data.filter((_, at) => at % 4 === 3);
    window.shown.pictures += 1;
    window.shown.blank += alpha.every((one) => one === 0);
    window.shown.hatched += alpha.every((one) => one > 0 && one <= 0x78);
    requestAnimationFrame(look);
  };
  look();
}"""


@dataclass(frozen=True)
class Memory:
    """What the page holds after its garbage was collected.

    Args:
        heap_bytes: Of objects.
        nodes: Of the document, also those that are no part of it any more (count).
        listeners: To events (count).
    """

    heap_bytes: float
    nodes: int
    listeners: int

    def is_more_than(self, before: Memory) -> bool:
        """Whether it has grown, beyond what varies."""
        return (
            self.heap_bytes > MORE_HEAP * before.heap_bytes
            or self.nodes > before.nodes + MORE_NODES
            or self.listeners > before.listeners + MORE_LISTENERS
        )


class Moving(Protocol):
    """What is shown, and moves on when it is said."""

    def move_on(self) -> None:
        """A new image comes."""

    def time(self, index: int) -> str:
        """Of an image; of the newest one at ``OBSERVED - 1``."""


class MovingStorm(StormService):
    """Rain that moves on by a frame when it is said.

    Args:
        frames: Codes (time, y, x), more than are shown at once.
    """

    def __init__(self, frames: Codes) -> None:
        super().__init__(now())
        self._frames, self._first = frames, 0

    @property
    def codes(self) -> Codes:  # type: ignore[override]
        """Of the frames that are shown now."""
        return self._frames[self._first : self._first + OBSERVED + FORECAST]

    def move_on(self) -> None:
        """A new image comes; after the last the first follows."""
        last = len(self._frames) - OBSERVED - FORECAST
        self._first = (self._first + 1) % (last + 1)
        self.now += STEP


def measured(page: Any) -> Memory:
    """What the page holds now."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    for _ in range(2):  # what finalizers let go goes the second time
        devtools.send("HeapProfiler.collectGarbage")
    metrics = {
        one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]
    }
    devtools.detach()
    return Memory(
        metrics["JSHeapUsedSize"], int(metrics["Nodes"]), int(metrics["JSEventListeners"])
    )


def watched(
    visit: Visit, service: Moving, frames: int, seconds: float
) -> Iterator[tuple[Memory, dict[str, int]]]:
    """Play, and after each new frame say what the page holds, and what it has shown so far.

    Args:
        visit: A tab.
        service: What it shows.
        frames: That come (count).
        seconds: Between two of them; 0: as soon as all images of one are there.
    """
    page = visit.open(AT_A_PLACE)
    page.wait_for_selector("#place-chart canvas")
    page.click("#quality-leads summary")
    visit.wait_for_images()
    page.select_option("#speed", "110")
    page.click("#play")
    page.evaluate(WATCH)
    for _ in range(frames):
        service.move_on()
        with page.expect_response(lambda one: one.url.endswith("/map")):
            page.evaluate("dispatchEvent(new Event('online'))")
        newest = f"Date.parse('{service.time(OBSERVED - 1)}')"
        page.wait_for_function(f"document.querySelector('#ticks .border') && {newest}")
        page.wait_for_timeout(1000 * seconds)
        visit.wait_for_images()
        yield measured(page), page.evaluate("window.shown")


def event_codes(path: Path) -> Codes:
    """The middle of an event's images as codes (time, y, x)."""
    frames = read_frames([path])
    top, left = ((side - SIZE) // 2 for side in frames.reflectivity_dbz.shape[1:])
    return dbz_codes(frames.reflectivity_dbz[:, top : top + SIZE, left : left + SIZE])


def drawn_codes() -> Codes:
    """A drawn storm that is longer than what is shown at once, by being shown twice."""
    codes = StormService(now()).codes
    return np.concatenate([codes[:OBSERVED], codes])


@contextmanager
def shown_service(given: argparse.Namespace) -> Iterator[tuple[str, Moving]]:
    """Address of what the arguments ask for, and what makes it move on."""
    if given.service:
        with fed_service(given.event, given.frames) as shown:
            yield shown
        return
    storm = MovingStorm(event_codes(given.event) if given.event else drawn_codes())
    with running(storm) as url:
        yield url, storm


def main() -> int:
    """Watch, print, and say whether all was well."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--speed", type=float, default=60.0, help="times real time")
    parser.add_argument("--frames", type=int, default=12, help="new images")
    parser.add_argument("--event", type=Path, help="a file of radar images")
    parser.add_argument("--service", action="store_true", help="a whole service, of --event")
    parser.add_argument("--picture", type=Path, help="where the last picture goes")
    given = parser.parse_args()
    memories = []
    with shown_service(given) as (url, service), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=WHERE, args=["--no-sandbox"])
        with visiting(browser, url) as visit:
            seconds = STEP.total_seconds() / given.speed
            for memory, shown in watched(visit, service, given.frames, seconds):
                memories.append(memory)
                print(
                    f"{memory.heap_bytes / 1e6:.2f} MB, {memory.nodes} nodes,"
                    f" {memory.listeners} listeners; {shown}",
                    flush=True,
                )
            if given.picture:
                visit.page.screenshot(path=given.picture)
        browser.close()
    grown = memories[-1].is_more_than(memories[min(SETTLING, len(memories) - 1)])
    print("Its memory has grown." if grown else "Its memory has not grown.")
    return 1 if grown or shown["blank"] or shown["hatched"] else 0


if __name__ == "__main__":
    sys.exit(main())
