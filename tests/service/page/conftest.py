"""One browser and one pretended service for all tests of this room."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.service.page.storm_service import FORECAST, StormService, now, running

WHERE = shutil.which("chromium")
PLAIN_TEXT_IS = """([selector, text]) => document.querySelector(selector).textContent
  .replaceAll("\\u00a0", " ").replaceAll("\\u2060", "") === text"""


@dataclass
class Visit:
    """A page of the browser, and what went wrong or out on it."""

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=lambda: ["status of 401"])

    def open(self, path: str = "/", *, until: str = "#timebar:not([hidden])") -> Any:
        self.page.goto("about:blank")
        self.page.goto(self.url + path)
        self.page.wait_for_selector(until)
        return self.page

    def wait_for_images(self) -> None:
        self.page.wait_for_selector("#cells:not(:has(.waits))", state="attached")

    def wait_for_text(self, selector: str, text: str) -> None:
        """Until an element says just that, but for what keeps a number and its unit together."""
        try:
            self.page.wait_for_function(PLAIN_TEXT_IS, arg=[selector, text])
        except Exception as error:
            raise AssertionError(f"{self.page.text_content(selector)!r}, not {text!r}") from error


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Debian's Chromium; Playwright downloads none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="THE PAGE NOT TESTED: playwright")
    if WHERE is None:
        pytest.skip("THE PAGE NOT TESTED: there is no chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=WHERE, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def storm_address() -> Iterator[tuple[StormService, str]]:
    service = StormService(now())
    with running(service) as url:
        yield service, url


@pytest.fixture
def service(storm_address: tuple[StormService, str]) -> StormService:
    """The pretended service as it was at first."""
    service, _ = storm_address
    service.now, service.key, service.streams = now(), "", ["demo"]
    service.has_images, service.dry_day, service.source = True, False, None
    service.has_expected = True
    service.network_leads = FORECAST
    service.behind, service.broken, service.refusal = timedelta(0), False, None
    service.slow_seconds, service.ready, service.finding = 0.0, (2, 0), "too_little_rain"
    service.asked.clear()
    service.changes.clear()
    return service


@pytest.fixture
def visit(
    browser: Any, service: StormService, storm_address: tuple[StormService, str], request: Any
) -> Iterator[Visit]:
    """A fresh tab at the pretended service."""
    with visiting(browser, storm_address[1], **getattr(request, "param", {})) as visit:
        yield visit


@contextmanager
def visiting(browser: Any, url: str, **given: Any) -> Iterator[Visit]:
    """A fresh tab; it may complain of nothing, and may ask no other host."""
    options = {"viewport": {"width": 1000, "height": 640}} | given
    context = browser.new_context(timezone_id="Europe/Zurich", locale="en-GB", **options)
    context.set_default_timeout(1000 * PATIENCE_SECONDS)
    visit = Visit(context.new_page(), url)
    visit.page.on("console", lambda line: visit.complaints.append(f"{line.type}: {line.text}"))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("request", lambda one: visit.requests.append(one.url))
    yield visit
    context.close()
    elsewhere = [
        u for u in visit.requests if not u.startswith((visit.url, "data:", "blob:", "about:"))
    ]
    assert not elsewhere
    unexpected = [one for one in visit.complaints if not any(s in one for s in visit.expected)]
    assert not unexpected
