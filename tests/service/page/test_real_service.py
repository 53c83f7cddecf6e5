"""The page of a real service, with a worker whose network is fake: files, streams, a restart."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from echocast.model.synthetic.storms import storm
from echocast.service.client.feed import netcdf_bytes
from tests.service.bodies import NETCDF, REFERENCE, netcdf
from tests.service.page.conftest import Visit, visiting
from tests.service.page.storm_service import now
from tests.service.real_processes import (
    FAKE_WORKER,
    Gateway,
    Place,
    engine,
    eventually,
    gateway,
    place,
    worker,
)

STEP = timedelta(minutes=5)
SHOWN = 3
ELSEWHERE = "jsons://elsewhere.example/secret"


@pytest.fixture(scope="module")
def where(named_models: Path) -> Iterator[Place]:
    """Engine and worker."""
    with (
        place(named_models, notify_hosts="127.0.0.1") as where,
        engine(where),
        worker(where, FAKE_WORKER),
    ):
        yield where


@pytest.fixture(scope="module")
def gate(where: Place, browser: Any) -> Iterator[Gateway]:
    """A whole service, once there is a browser."""
    with gateway(where) as gate:
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        yield gate


@pytest.fixture
def visit(browser: Any, gate: Gateway) -> Iterator[Visit]:
    with visiting(browser, gate.url) as visit:
        yield visit


def feed_now(client: httpx.Client, name: str) -> None:
    """A stream whose newest image is of now."""
    frames = storm(5, frames=SHOWN, height=64, width=64, step_minutes=5, start=now() - 2 * STEP)
    assert client.put(f"/streams/{name}", json={"step_minutes": 5}).status_code == 201
    for index, time in enumerate(frames.times):
        path = f"/streams/{name}/frames/{urllib.parse.quote(time.isoformat())}"
        answer = client.put(path, content=netcdf_bytes(frames[index : index + 1]), headers=NETCDF)
        assert answer.status_code == 201, answer.text

    def all_shown() -> bool:
        observed = [one["observed"] for one in client.get(f"/streams/{name}/map").json()["frames"]]
        return observed.count(True) == SHOWN and not all(observed)

    eventually(all_shown)


def sent(content: bytes, name: str = "frames.nc") -> list[dict[str, Any]]:
    return [{"name": name, "mimeType": "application/x-netcdf", "buffer": content}]


def test_a_dropped_file_becomes_a_picture_scores_and_downloads(visit: Visit) -> None:
    page = visit.open(until="#empty:not([hidden]), #timebar:not([hidden])")
    page.click("#open-file")
    page.fill("#file-reference", datetime.fromisoformat(REFERENCE).strftime("%Y-%m-%dT%H:%M"))
    page.set_input_files("#file", sent(netcdf(frames=20)))
    page.wait_for_selector("#file-result .picture")
    assert page.evaluate("document.querySelector('.picture').decode().then(() => 1)") == 1
    assert page.text_content("#file-step") == ""
    scores = page.locator("#file-result table tbody tr")
    assert scores.locator("th").all_text_contents()[0] == "Echocast"
    assert "CSI" in scores.first.text_content()
    with page.expect_download() as download:
        page.click("text=Download: JSON")
    forecast = json.loads(Path(download.value.path()).read_text())
    assert len(forecast["times"]) == 10
    assert download.value.suggested_filename.endswith(".json")


def test_a_refused_file_is_refused_in_the_words_of_the_service(visit: Visit, gate: Gateway) -> None:
    visit.expected.append("status of 400")
    files = {"files": ("frames.nc", b"no radar", "application/x-netcdf")}
    refusal = gate.client.post("/nowcast", files=files).json()
    page = visit.open(until="#empty:not([hidden]), #timebar:not([hidden])")
    page.click("#open-file")
    page.set_input_files("#file", sent(b"no radar"))
    page.wait_for_selector("#file-problem:not(:empty)")
    assert refusal["detail"] in page.text_content("#file-problem")
    assert page.text_content("#file-result") == ""


def test_streams_are_declared_paused_resumed_and_deleted(visit: Visit, gate: Gateway) -> None:
    visit.expected += ["status of 404", "status of 422"]
    page, client = visit.open(until="#empty:not([hidden]), #timebar:not([hidden])"), gate.client
    page.click("#open-streams")
    page.fill("#declare [name=name]", "No Name!")
    page.click("#declare button")
    page.wait_for_selector("#streams-problem:not(:empty)")
    page.fill("#declare [name=name]", "by-hand")
    page.fill("#declare [name=step]", "10")
    page.click("#declare button")
    page.wait_for_selector("[aria-label='Pause: by-hand']")
    assert page.text_content("#streams-problem") == ""
    assert client.get("/streams/by-hand").json()["step_minutes"] == 10
    page.click("[aria-label='Pause: by-hand']")
    page.click("[aria-label='Resume: by-hand']")
    page.wait_for_selector("[aria-label='Pause: by-hand']")
    assert client.get("/streams/by-hand").json()["paused"] is False
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("[aria-label='Delete: by-hand']")
    assert client.get("/streams/by-hand").status_code == 200
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("[aria-label='Delete: by-hand']")
    page.wait_for_selector("[aria-label='Delete: by-hand']", state="detached")
    assert client.get("/streams/by-hand").status_code == 404


def test_rules_of_messages_are_made_changed_and_deleted_by_keyboard(
    visit: Visit, gate: Gateway
) -> None:
    visit.expected += ["status of 404", "status of 422"]
    assert gate.client.put("/streams/rained", json={"step_minutes": 5}).status_code in (200, 201)
    rule = {"stream": "rained", "latitude": 47.05, "longitude": 8.31, "send_to": [ELSEWHERE]}
    refusal = gate.client.put("/rules/home", json=rule).json()  # by what the page then finds loaded
    page, client = visit.open("/#s=rained", until="#empty:not([hidden])"), gate.client
    page.focus("#open-rules")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rules-list p")
    page.fill("#rule [name=name]", "home")
    page.fill("#rule [name=place]", "47.05, 8.31")
    page.fill("#rule [name=begin]", "22:00")
    page.fill("#rule [name=end]", "07:00")
    page.fill("#rule [name=addresses]", ELSEWHERE)
    page.focus("#rule [name=within]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rules-problem:not(:empty)")
    assert "elsewhere.example" in refusal["detail"]
    assert refusal["detail"] in page.text_content("#rules-problem")
    page.fill("#rule [name=addresses]", "jsons://127.0.0.1/secret\njsons://127.0.0.1/other")
    page.focus("#rule [name=within]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rules-list [data-name=home]")
    rule = client.get("/rules/home").json()["declared"]
    assert (rule["stream"], rule["probability"], rule["within_minutes"]) == ("rained", 0.5, 30)
    assert (rule["quiet_hours"], rule["time_zone"]) == (
        {"begin": "22:00", "end": "07:00"},
        "Europe/Zurich",
    )
    assert len(rule["send_to"]) == 2
    assert "secret" not in page.text_content("#rules-list")
    page.focus("[aria-label='Change: home']")
    page.keyboard.press("Enter")
    assert page.input_value("#rule [name=addresses]") == ""
    page.fill("#rule [name=threshold]", "2.5")
    page.fill("#rule [name=addresses]", "jsons://127.0.0.1/secret")
    page.click("#rule > button")
    page.wait_for_selector("#rules-list span:has-text('2.5 mm/h or more')")
    assert client.get("/rules/home").json()["declared"]["threshold_mm_h"] == 2.5
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("[aria-label='Delete: home']")
    page.wait_for_selector("[data-name=home]", state="detached")
    assert client.get("/rules").json() == {"rules": []}


def test_the_page_outlives_a_restart_of_the_service(
    browser: Any, where: Place, gate: Gateway
) -> None:
    """A stream of now, seen through a second gateway that ends and comes back."""
    feed_now(gate.client, "live")
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        door = first.enter_context(gateway(where))
        visit = stack.enter_context(visiting(browser, door.url))
        visit.expected += ["ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET"]
        visit.expected.append("status of 503")  # of one that is about to end
        page = visit.open("/#s=live")
        visit.wait_for_images()
        assert page.locator("#layer option").all_text_contents()[0] == "Rain"
        assert page.locator("#cells i.observed").count() == SHOWN
        first.close()
        page.evaluate("dispatchEvent(new Event('online'))")
        page.wait_for_selector("#old:visible")
        stack.enter_context(gateway(where, port=door.url.rpartition(":")[2]))
        page.wait_for_selector("#old", state="hidden")
        assert "Newest image" in page.text_content("#status")
