"""The documentation as a site: what the gateway serves of it, and that it works in a browser."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from echocast.service.page import guide, routes
from echocast.service.page.guide import ADDRESS, GUIDE, GuideFiles
from echocast.service.settings import ServiceSettings
from tests.patience import PATIENCE_SECONDS
from tests.service.page.conftest import visiting
from tests.service.page.storm_service import serving
from tests.service.real_processes import Gateway

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, in another folder."""
    folder = tmp_path_factory.mktemp("guide")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder]
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    app = FastAPI()
    app.mount(ADDRESS, GuideFiles(site))
    with serving(app) as url:
        yield url


def test_every_page_runs_only_the_scripts_that_it_came_with(address: str, site: Path) -> None:
    pages = [path.relative_to(site) for path in site.rglob("*.html") if path.name != "404.html"]
    assert len(pages) > 60
    for page in ("index.html", "python.html", "decisions/index.html"):
        answer = httpx.get(f"{address}{ADDRESS}/{page}", timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        inline = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
        assert inline
        for script in inline:
            digest = hashlib.sha256(script.encode()).digest()
            assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_outside_of_the_site_is_served(address: str) -> None:
    for path in ("nothing.html", "..%2froutes.py", "%2e%2e/guide.py", "assets"):
        assert httpx.get(f"{address}{ADDRESS}/{path}", timeout=PATIENCE_SECONDS).status_code == 404


def test_a_known_page_is_not_sent_again(address: str) -> None:
    first = httpx.get(f"{address}{ADDRESS}/index.html", timeout=PATIENCE_SECONDS)
    known = {"If-None-Match": first.headers["ETag"]}
    again = httpx.get(f"{address}{ADDRESS}/index.html", headers=known, timeout=PATIENCE_SECONDS)
    assert (again.status_code, again.content) == (304, b"")


def test_no_page_asks_another_host_or_is_of_a_debugger(site: Path) -> None:
    asking = re.compile(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?https?:""")
    for page in site.rglob("*.html"):
        assert not asking.search(page.read_text()), page
    assert not list(site.rglob("*.map"))


def test_it_is_read_and_searched_in_a_browser(browser: Any, address: str) -> None:
    with visiting(browser, address) as visit:
        page = visit.open(f"{ADDRESS}/", until="h1")
        assert page.url == f"{address}{ADDRESS}/index.html"
        page.wait_for_load_state("load")  # a search before the page's program runs is lost
        search = page.locator(".md-search__input")
        search.press_sequentially("Home Assistant")  # it listens to keys, not to what is put in
        page.wait_for_selector(".md-search-result__link")
        page.goto(f"{address}{ADDRESS}/products.html")
        assert page.text_content("h1").startswith("Products")


def test_a_gateway_serves_it_to_everybody_or_says_how(door: Gateway) -> None:
    answer = door.client.get(f"{ADDRESS}/index.html")
    if (GUIDE / "index.html").is_file():
        assert (answer.status_code, "Echocast" in answer.text) == (200, True)
    else:
        assert answer.status_code == 404
        assert "make docs" in answer.json()["detail"]


def test_it_is_listed_where_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = FastAPI()
    app.include_router(routes.router)
    app.state.resources = SimpleNamespace(settings=ServiceSettings())
    monkeypatch.setattr(guide, "GUIDE", tmp_path)
    with serving(app) as url:
        assert "guide" not in httpx.get(url, timeout=PATIENCE_SECONDS).json()
        (tmp_path / "index.html").write_text("Echocast")
        assert httpx.get(url, timeout=PATIENCE_SECONDS).json()["guide"] == f"{ADDRESS}/"


@pytest.mark.parametrize("folder", ["", "never-built"])
def test_an_installation_without_it_says_so(tmp_path: Path, folder: str) -> None:
    app = FastAPI()
    app.mount(ADDRESS, GuideFiles(tmp_path / folder))
    with serving(app) as url:
        answer = httpx.get(f"{url}{ADDRESS}/index.html", timeout=PATIENCE_SECONDS)
    assert answer.status_code == 404
    assert "make docs" in answer.text
