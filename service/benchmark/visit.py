"""A visit of the page by a real browser: bytes, requests, and when the first picture is drawn."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from typing import Any, Final

from echocast.service.benchmark.figures import Measured

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
IMAGE: Final = "/images/"
PATIENCE_MS: Final = 120_000
FIRST_PICTURE: Final = """async () => {
  const cell = () => document.querySelector("#cells i.border:not(.waits)");
  while (!cell()) await new Promise((done) => setTimeout(done, 5));
  return performance.now() - performance.getEntriesByType("navigation")[0].responseEnd;
}"""
LOADED: Final = "#cells:not(:has(.waits))"


def page_figures(url: str) -> list[Measured]:
    """Figures of a page that has never been visited; not known without a browser and Playwright."""
    figures = visited(url) or {}
    return [
        Measured("page, without images of rain", figures.get("kilobytes"), "kB", "<= 400"),
        Measured("requests of it", figures.get("requests"), "", "<= 25"),
        Measured("images of rain", figures.get("images"), ""),
        Measured("first picture after the HTML", figures.get("first_picture_ms"), "ms", "<= 1000"),
    ]


def visited(url: str) -> Mapping[str, float] | None:
    """What a visit cost; None where there is nothing to visit with."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None or importlib.util.find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        try:
            return _counted(chromium.new_page(), url)
        finally:
            chromium.close()


def _counted(page: Any, url: str) -> dict[str, float]:
    """Bytes as they were sent, by request."""
    answers: list[Any] = []
    page.on("requestfinished", lambda request: answers.append(request))  # no built-in is taken
    page.goto(url, timeout=PATIENCE_MS)
    first = page.evaluate(FIRST_PICTURE)
    page.wait_for_selector(LOADED, state="attached", timeout=PATIENCE_MS)
    sent = [one for one in answers if one.url.startswith("http")]
    own = [one for one in sent if IMAGE not in one.url]
    return {
        "kilobytes": sum(one.sizes()["responseBodySize"] for one in own) / 1000,
        "requests": float(len(own)),
        "images": float(len(sent) - len(own)),
        "first_picture_ms": float(first),
    }
