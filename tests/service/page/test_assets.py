"""The document and its files: what they are, how long they last, what browsers may do with them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from echocast.model.place.world_lines import WORLD_PATH
from echocast.service.page.assets import assets_of, shipped_assets
from echocast.service.page.document import document, headers
from tests.patience import PATIENCE_SECONDS
from tests.service.page.storm_service import StormService

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client(storm_address: tuple[StormService, str]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=storm_address[1], trust_env=False, timeout=PATIENCE_SECONDS
    ) as client:
        yield client


def test_browsers_get_the_page_and_programs_get_links(client: httpx.Client) -> None:
    page, links = client.get("/", headers=HTML), client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert links.json()["documentation"] == "/docs"
    assert page.headers["vary"] == links.headers["vary"] == "Accept"


def test_the_policy_allows_our_own_files_alone(client: httpx.Client) -> None:
    rules = dict(
        rule.split(" ", 1)
        for rule in client.get("/", headers=HTML).headers["content-security-policy"].split("; ")
    )
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["img-src"] == "'self' data: blob:"
    assert rules["frame-ancestors"] == "'none'"
    framed = client.get("/?embed=1", headers=HTML).headers["content-security-policy"]
    assert "frame-ancestors *" in framed


def test_a_base_map_adds_its_host_and_nothing_else() -> None:
    url = 'https://tiles.example:8443/{z}/{x}/{y}.png?key="><script>'
    policy = headers(url, embedded=False)["Content-Security-Policy"]
    assert "img-src 'self' data: blob: https://tiles.example:8443;" in policy
    assert policy.count("tiles.example") == 1
    assert (
        "img-src 'self' data: blob:;"
        in headers("/tiles/{z}.png", embedded=False)["Content-Security-Policy"]
    )
    assert '"><script>' not in document(shipped_assets(), url, '"><script>')


def test_nothing_is_inline_and_no_other_host_is_named(client: httpx.Client) -> None:
    text = client.get("/", headers=HTML).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)


def test_files_last_for_ever_under_a_name_that_changes(client: httpx.Client) -> None:
    text = client.get("/", headers=HTML).text
    paths = re.findall(r'(?:src|href)="(/page/[^"]+)"', text)
    assert [path.rpartition("/")[2] for path in paths] == ["page.css", "map.js", "page.js"]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
    name = paths[0].split("/", 3)[3]
    assert client.get(f"/page/0000000000000000/{name}").status_code == 404
    base = shipped_assets().base
    for wrong in ("js/none.js", "%2e%2e/assets.py", "..%2fassets.py"):
        assert client.get(f"{base}/{wrong}").status_code == 404


def test_the_version_is_that_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    first = assets_of(tmp_path).version
    (tmp_path / "a.js").write_text("2")
    second = assets_of(tmp_path).version
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    assert len({first, second, assets_of(tmp_path).version}) == 3


def test_files_are_compressed_where_the_browser_says_so(client: httpx.Client) -> None:
    path = f"{shipped_assets().base}/vendor/world.json"
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        zipped = b"".join(answer.iter_raw())
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(zipped) == plain.content == WORLD_PATH.read_bytes()


def test_all_files_together_are_small() -> None:
    assert sum(len(asset.compressed) for asset in shipped_assets().files.values()) <= 400_000
