"""The page in a real Chromium: what it shows, by mouse, by keyboard, in the dark, on a phone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from echocast.service.fetching.source_state import SourceState
from echocast.service.page.assets import STATIC
from echocast.service.rain.wording import Wording
from echocast.service.sources.source import SourceArea
from tests.service.fetching.played_source import played_source
from tests.service.page.conftest import Visit
from tests.service.page.storm_service import BOUNDS, FORECAST, OBSERVED, SIZE, StormService

TEXTS = {path.stem: json.loads(path.read_text()) for path in (STATIC / "texts").glob("*.json")}
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
AT_A_PLACE = "#at=47.05,8.31"


def plain(text: str) -> str:
    """Text of the page without what keeps a number and its unit in one line."""
    return text.replace("\u00a0", " ").replace("\u2060", "")


RAIN_PIXELS = """() => {
  const shown = document.querySelector("canvas.rain");
  const canvas = new OffscreenCanvas(shown.width, shown.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(shown, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) {
    sum = (sum * 31 + data[at] + 256 * data[at + 3]) % 1e9;
  }
  return sum;
}"""


ROWS_ARE = "(count) => document.querySelectorAll('#place-table tbody tr').length === count"
CHART_PIXELS = RAIN_PIXELS.replace("canvas.rain", "#place-chart canvas")
LINES_PIXELS = RAIN_PIXELS.replace("canvas.rain", ".leaflet-lines-pane canvas")


BOXES = """async () => {
  for (let frames = 0; frames < 2; frames += 1) await new Promise(requestAnimationFrame);
  const boxes = (sought) => [...document.querySelectorAll(sought)].map(
    (one) => one.getBoundingClientRect().toJSON());
  const controls = ["zoom", "scale", "attribution"].map((name) => `.leaflet-control-${name}`);
  const others = [".leaflet-marker-pane path", "#legend", ...controls].flatMap(boxes);
  return { map: boxes("#map")[0], names: boxes(".town"), others };
}"""


def source_state(service: StormService, **known: Any) -> SourceState:
    """Of an agency that is played, whose area reaches a little beyond the storm."""
    area = {"bbox": (BOUNDS["west"] - 1, 45.0, BOUNDS["east"] + 1, 49.0)}
    played = played_source().model_copy(update={"area": SourceArea(**area)})
    return SourceState.of(played, service.now).model_copy(update=known)


def step_to(page: Any, index: int) -> None:
    page.fill("#moment", str(index))


def test_it_shows_the_newest_image_and_says_how_old_it_is(
    visit: Visit, service: StormService
) -> None:
    page = visit.open()
    visit.wait_for_images()
    assert page.input_value("#moment") == str(OBSERVED - 1)
    assert page.text_content("#clock-kind") == "observed"
    layers = page.locator("#layer option").all_text_contents()
    assert layers == ["Rain", "Probability of 0.65 mm/h or more", "Forecast against observed"]
    assert "Newest image" in page.text_content("#status")
    local = service.now.astimezone().astimezone(UTC) + timedelta(hours=1 + _summer(service.now))
    assert page.text_content("#clock-time") == local.strftime("%H:%M")
    images = [path for path in service.asked if "/images/" in path]
    assert len(images) == len(set(images)) == 23


def _summer(at: datetime) -> int:
    """An hour more in Zurich's summer."""
    from zoneinfo import ZoneInfo

    shift = at.astimezone(ZoneInfo("Europe/Zurich")).dst()
    return int(bool(shift))


def test_moving_in_time_changes_the_picture_and_asks_nothing(
    visit: Visit, service: StormService
) -> None:
    page = visit.open()
    visit.wait_for_images()
    page.wait_for_load_state("networkidle")  # scores, and towns once the view stays
    asked, first = len(service.asked), page.evaluate(RAIN_PIXELS)
    page.keyboard.press("ArrowRight")
    assert page.text_content("#clock-kind") == "forecast, 5 min ahead"
    assert "forecast, 5 min ahead" in page.get_attribute("#moment", "aria-valuetext")
    second = page.evaluate(RAIN_PIXELS)
    page.select_option("#palette", "homeyer")
    third = page.evaluate(RAIN_PIXELS)
    page.select_option("#palette", "echocast")
    assert len({first, second, third}) == 3
    assert page.evaluate(RAIN_PIXELS) == second
    assert len(service.asked) == asked


def test_space_plays_and_stops(visit: Visit) -> None:
    page = visit.open()
    visit.wait_for_images()
    page.keyboard.press("Space")
    assert page.get_attribute("#play", "aria-label") == "Pause"
    page.wait_for_selector("#newest:enabled")
    page.keyboard.press("Space")
    stopped = page.input_value("#moment")
    page.keyboard.press("ArrowLeft")
    assert int(page.input_value("#moment")) == int(stopped) - 1


def test_what_became_of_a_forecast_is_coloured_and_said(
    visit: Visit, service: StormService
) -> None:
    page = visit.open("/#l=difference&at=47.05,8.31")
    page.wait_for_selector(".outcomes")
    page.wait_for_selector("#place-now:not(:empty)")  # the observed rain is there as well
    words = page.locator(".outcomes > span").all_text_contents()
    assert words == ["both", "observed only", "forecast only"]
    assert "over 0.65 mm/h, forecast 30 min before" in page.text_content("#legend-scale")
    visit.wait_for_images()
    page.hover("#map", position={"x": 300, "y": 200})
    known = ["neither forecast nor observed", "forecast and observed", *words[1:], "not observed"]
    assert page.text_content("#readout") in known
    page.keyboard.press("ArrowRight")  # of what is still to come nothing is known: rain
    page.wait_for_selector("#legend-scale[role=img]")
    assert page.locator(".outcomes").count() == 0


@pytest.mark.parametrize("visit", [{"viewport": {"width": 640, "height": 420}}], indirect=True)
def test_the_whole_radar_lies_in_the_middle_of_what_is_left_of_the_map(
    visit: Visit, service: StormService
) -> None:
    """The time line comes after the map, and takes much of a small one."""
    page = visit.open("/?embed=1")
    visit.wait_for_images()
    box, bar = page.locator("#map").bounding_box(), page.locator("#timebar").bounding_box()
    assert box["y"] + box["height"] <= bar["y"] + 1
    rows = []
    for share in (0.02, 0.5):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + share * box["height"])
        latitude, longitude = map(float, page.input_value("#place-input").split(","))
        rows.append(service.pixel(latitude, longitude)[0])
    assert rows[0] <= 8
    assert abs(rows[1] - SIZE / 2) <= 4


def test_the_address_says_what_is_shown(visit: Visit, service: StormService) -> None:
    time = service.time(OBSERVED + 3)
    address = f"/#t={time}&at=47.2,8.4&l=probability-20&p=grey&lang=de&theme=dark"
    page = visit.open(address)
    page.wait_for_selector("#place-chart canvas")
    assert page.input_value("#moment") == str(OBSERVED + 3)
    assert page.input_value("#layer") == "probability-20"
    assert page.input_value("#palette") == "grey"
    assert page.get_attribute("html", "lang") == "de"
    assert page.get_attribute("html", "data-theme") == "dark"
    assert "jetzt" in page.text_content("#place-sentence").lower() or page.text_content(
        "#place-sentence"
    )
    page.keyboard.press("ArrowRight")
    assert service.time(OBSERVED + 4) in page.evaluate("decodeURIComponent(location.hash)")


def test_a_click_tells_the_rain_there(visit: Visit, service: StormService) -> None:
    page = visit.open()
    visit.wait_for_images()
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#readout:not(:empty)")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#place-chart canvas")
    latitude, longitude = map(float, page.input_value("#place-input").split(","))
    assert BOUNDS["south"] < latitude < BOUNDS["north"]
    row, column = service.pixel(latitude, longitude)
    observed = service.rate(int(service.codes[OBSERVED - 1, row, column]))
    now = plain(page.text_content("#place-now"))
    assert ("mm/h" in now) is (observed is not None and observed >= 0.1)
    page.click("#place-table summary")
    rows = page.locator("#place-table tbody tr")
    assert rows.count() == 23
    assert rows.nth(OBSERVED).locator("td").first.text_content() == "Forecast"


def test_the_mean_of_what_may_come_stands_beside_the_forecast(
    visit: Visit, service: StormService
) -> None:
    page = visit.open("/#at=46.9,8.5")
    visit.wait_for_images()
    page.wait_for_selector("#place-chart canvas")
    page.wait_for_function(ROWS_ARE, arg=OBSERVED + FORECAST)  # a moment after the images
    means = service.point(46.9, 8.5)["expected_rain_rate_mm_h"]
    for language, texts in TEXTS.items():
        page.select_option("#language", language)
        visit.wait_for_text("#place-key .band", texts["band"])
        visit.wait_for_text("#place-table thead th:nth-child(4)", texts["expected"])
        cells = page.locator("#place-table tbody td:nth-child(4)").all_text_contents()
        assert cells[:OBSERVED] == ["–"] * OBSERVED
        numbers = [float(one.split()[0].replace(",", ".")) for one in cells[OBSERVED:]]
        assert numbers == pytest.approx(means, abs=0.06)
    with_band = page.evaluate(CHART_PIXELS)
    page.evaluate("document.documentElement.style.setProperty('--band', 'transparent')")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.click("#theme")  # draws everything anew
    page.click("#theme")
    page.wait_for_function(f"(before) => ({CHART_PIXELS})() !== before", arg=with_band)


def test_a_forecast_without_a_mean_has_no_band(visit: Visit, service: StormService) -> None:
    service.has_expected = False
    page = visit.open("/" + AT_A_PLACE)
    page.wait_for_selector("#place-chart canvas")
    assert page.locator("#place-key span").count() == 4
    assert page.locator("#place-table thead th").count() == 4


def test_what_follows_the_network_is_named_and_drawn_otherwise(
    visit: Visit, service: StormService
) -> None:
    service.network_leads = 6
    page = visit.open("/" + AT_A_PLACE)
    visit.wait_for_images()
    page.wait_for_selector("#place-chart canvas")
    assert page.text_content("#place-key .beyond") == TEXTS["en"]["extrapolated"]
    kinds = page.locator("#place-table tbody tr td:first-of-type").all_text_contents()
    expected = 6 * [TEXTS["en"]["forecast"]] + 4 * [TEXTS["en"]["extrapolated"]]
    assert kinds[-10:] == expected


# What the service is ready for, or what is wrong with it; texts and numbers that say so.
READINESS: list[tuple[tuple[int, int] | str, str, dict[str, Any]]] = [
    ((1, 0), "{one_worker}, {nothing_waits}", {}),
    ((2, 1), "{workers}, {one_waits}", {"count": 2}),
    ("no-worker", "{no_worker}", {}),
    ("engine-unreachable", "{no_queue}", {}),
    ("disk-full", "{disk_full}", {}),
    ((1, 7), "{one_worker}, {some_wait}", {"count": 7}),
    ("stopping", "{stopping}", {}),
    ("another-store", "{not_ready}", {"reason": "No words."}),
]


def test_an_operator_sees_workers_and_what_waits(visit: Visit, service: StormService) -> None:
    visit.expected += ["status of 503"]
    page = visit.open()
    for ready, name, values in READINESS:
        service.ready = ready
        for language, texts in TEXTS.items():
            page.select_option("#language", language)
            visit.wait_for_text("#workers", name.format(**texts).format(**values))
        if isinstance(ready, str):
            page.wait_for_selector("#workers.trouble:visible")
        else:
            page.wait_for_selector("#workers:not(.trouble)")


@pytest.mark.parametrize("visit", [{"viewport": {"width": 1024, "height": 768}}], indirect=True)
def test_what_is_wrong_leaves_the_buttons_in_their_row(visit: Visit, service: StormService) -> None:
    service.ready = "no-worker"
    visit.expected += ["status of 503"]
    page = visit.open("/#lang=fr")
    visit.wait_for_text("#workers", TEXTS["fr"]["no_worker"])
    title, tools = (page.locator(one).bounding_box() for one in ("h1", "#tools"))
    assert tools["y"] < title["y"] + title["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024


@pytest.mark.parametrize("visit", [PHONE], indirect=True)
def test_a_phone_hears_of_workers_where_there_are_none(visit: Visit, service: StormService) -> None:
    visit.expected += ["status of 503"]
    page = visit.open()
    visit.wait_for_text("#workers", "2 workers, nothing waits")
    assert not page.is_visible("#workers")
    service.ready = "no-worker"
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_selector("#workers:visible")


def test_drift_is_worded_in_the_language_of_the_page(visit: Visit, service: StormService) -> None:
    page = visit.open()
    sizes = {"blocks": "12", "floor": "30"}
    for name in ("too_little_rain", "skill_drift"):
        service.finding = name
        for language in ("de", "fr", "en"):
            page.select_option("#language", language)
            worded = TEXTS[language][f"drift_{name}"].format(**sizes)
            visit.wait_for_text("#quality-drift", worded)


def test_where_nobody_looked_nothing_is_called_dry(visit: Visit) -> None:
    page = visit.open("/#at=46.05,5.95")
    page.wait_for_selector("#place-table:not([hidden])")
    page.wait_for_selector("#place-now:not(:empty)")
    words = page.text_content("#place-sentence") + page.text_content("#place-now")
    assert "nothing is known" in words
    assert "not observed" in words
    assert "dry" not in words.lower()
    assert "no rain" not in words.lower()


def test_old_images_are_called_old(visit: Visit, service: StormService) -> None:
    service.now -= timedelta(hours=3)
    page = visit.open("/" + AT_A_PLACE)
    page.wait_for_selector("#place-chart canvas")
    assert "What it rains now is not known." in page.text_content("#old")
    sentence = page.text_content("#place-sentence")
    assert sentence.startswith("The newest image is from")
    assert "dry" not in sentence
    assert "No rain" not in sentence


@pytest.mark.parametrize("visit", [PHONE], indirect=True)
def test_without_an_answer_everything_is_called_old_until_there_is_one(
    visit: Visit, service: StormService
) -> None:
    visit.expected += ["INTERNET_DISCONNECTED", "status of 503"]
    page = visit.open("/" + AT_A_PLACE)
    page.wait_for_selector("#place-chart canvas")
    visit.wait_for_images()
    now = page.text_content("#place-sentence")
    assert not page.is_visible("#old")
    page.context.set_offline(True)
    page.wait_for_selector("#old:visible")
    assert "does not answer. What you see is old" in page.text_content("#old")
    assert page.text_content("#status") == ""
    page.locator("#facts").scroll_into_view_if_needed()
    assert page.locator("#old").bounding_box()["y"] == 0
    page.wait_for_function("document.querySelector('#place-sentence').textContent.includes('Seen')")
    service.broken = True
    page.context.set_offline(False)
    page.wait_for_timeout(300)
    assert page.is_visible("#old")
    service.broken = False
    page.wait_for_selector("#old", state="hidden")
    page.wait_for_function(
        "(was) => was === document.querySelector('#place-sentence').textContent", arg=now
    )
    assert "Newest image" in page.text_content("#status")


@pytest.mark.parametrize("dry_day", [False, True])
def test_the_week_stands_beside_the_day(visit: Visit, service: StormService, dry_day: bool) -> None:
    service.dry_day = dry_day
    page = visit.open()
    page.wait_for_selector(".bars")
    words = plain(page.text_content("#quality-sentence"))
    day = "In the last day better than just moving the last image along: 62 % against 55 %."
    week = "In the last week better than just moving the last image along: 58 % against 55 %."
    assert words == (
        f"In the last day there was too little rain to say how good the forecasts are here. {week}"
        if dry_day
        else f"{day} In the last week: 58 % against 55 %."
    )
    assert "about as large as the observed one" in page.text_content("#quality-words")
    first = page.locator(".bars tbody tr").first.locator("th, td").all_text_contents()
    assert first == ["Echocast", "", "62 %", "58 %"]
    assert "Last week: 351,234 pixels" in page.text_content("#quality-sample")


def test_scores_stay_where_nobody_answers(visit: Visit, service: StormService) -> None:
    visit.expected.append("status of 503")
    page = visit.open()
    page.wait_for_selector(".bars")
    words = page.text_content("#quality-sentence")
    service.broken = True
    with page.expect_response("**/drift"):
        page.click("#theme")
    page.select_option("#language", "de")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_selector("#old:visible")
    assert page.text_content("#quality-sentence") == words


@pytest.mark.parametrize("newest", [True, False])
def test_a_stream_without_a_map_says_why(visit: Visit, service: StormService, newest: bool) -> None:
    visit.expected.append("status of 404")
    service.refusal = {"type": "urn:echocast:problem:no-map", "detail": "No map.", "status": 404}
    service.has_images = newest
    page = visit.open(until="#empty:not([hidden])")
    words = page.text_content("#empty")
    assert ("where on earth" if newest else "no images yet") in words
    assert not page.is_visible("#old")


@pytest.mark.parametrize("visit", [PHONE], indirect=True)
def test_the_legend_of_a_phone_leaves_the_map_free(visit: Visit) -> None:
    page = visit.open()
    visit.wait_for_images()
    stage = page.locator("#stage").bounding_box()["height"]
    assert page.locator("#legend").bounding_box()["height"] < 0.12 * stage
    assert page.is_visible("#legend-scale")
    assert not page.is_visible("#legend-more")
    page.click("#legend summary")
    assert "not observed" in page.text_content("#legend-more")
    assert page.is_visible("#legend-more")


def test_a_typed_coordinate_or_none(visit: Visit) -> None:
    page = visit.open()
    page.fill("#place-input", "somewhere")
    page.click("#place-form button >> nth=0")
    page.wait_for_selector("#place-problem:not(:empty)")
    assert "47.05" in page.text_content("#place-problem")
    page.fill("#place-input", "47.05 8.31")
    page.keyboard.press("Enter")
    page.wait_for_selector("#place-chart canvas")
    assert "at=47.0500,8.3100" in page.evaluate("location.hash")


def test_a_town_is_found_by_its_name_and_stands_on_the_map(visit: Visit) -> None:
    page = visit.open()
    visit.wait_for_images()
    page.wait_for_selector(".town:has-text('Bern')")
    page.fill("#place-input", "Lucer")
    page.wait_for_selector("#towns option", state="attached")
    offered = page.locator("#towns option").evaluate_all("all => all.map((one) => one.value)")
    assert offered[0] == "Luzern, CH"
    page.fill("#place-input", "Luzern, CH")
    page.keyboard.press("Enter")
    page.wait_for_selector("#place-chart canvas")
    assert "at=47.0500,8.3060" in page.evaluate("location.hash")
    assert page.input_value("#place-input") == "Luzern"
    assert page.text_content("#place-title") == "At your place: Luzern"


def test_towns_are_named_in_the_viewer_s_language(visit: Visit) -> None:
    """The address says which, then the viewer."""
    page = visit.open("/#lang=fr&v=8/46.4/7.2")
    page.wait_for_selector(".town:has-text('Genève')")
    page.wait_for_selector(".town:has-text('Lucerne')")
    for language, geneva in (("en", "Geneva"), ("de", "Genf")):
        page.select_option("#language", language)
        page.wait_for_selector(f".town:has-text('{geneva}')")
        page.wait_for_selector(".town:has-text('Luzern')")


def test_a_place_s_mark_stands_beside_the_name_of_its_town_and_names_touch_nothing(
    visit: Visit,
) -> None:
    page = visit.open("/" + AT_A_PLACE)
    visit.wait_for_images()
    page.wait_for_selector(".town.marked:has-text('Luzern')")
    names_touch_nothing(page.evaluate(BOXES), at_least=6)
    page.evaluate("document.getElementById('legend').style.padding = '240px 0 0 240px'")
    names_touch_nothing(page.evaluate(BOXES), at_least=1)
    page.evaluate("document.getElementById('map').style.height = '420px'")
    names_touch_nothing(page.evaluate(BOXES), at_least=1)


def names_touch_nothing(boxes: Any, at_least: int) -> None:
    names, others = boxes["names"], boxes["others"]
    assert len(names) >= at_least
    assert len(others) == 5  # mark, legend, zoom, scale, attribution
    for index, one in enumerate(names):
        assert boxes["map"]["left"] <= one["left"] < one["right"] <= boxes["map"]["right"]
        for other in names[index + 1 :] + others:
            apart = one["right"] <= other["left"] or other["right"] <= one["left"]
            assert apart or one["bottom"] <= other["top"] or other["bottom"] <= one["top"]


def test_a_key_is_asked_for_and_stays_in_the_tab(visit: Visit, service: StormService) -> None:
    service.key = "secret"
    page = visit.open(until="#key-dialog[open]")
    page.fill("#key-input", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#key-problem:not(:empty)")
    page.fill("#key-input", "secret")
    page.keyboard.press("Enter")
    visit.wait_for_images()
    stored = page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]")
    assert stored == ["", 0, 0]
    assert "secret" not in page.evaluate("location.href")


def test_streams_are_paused_from_the_page(visit: Visit, service: StormService) -> None:
    page = visit.open()
    page.click("#open-streams")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.click("text=Pause >> nth=0")
    assert service.changes == [("PATCH", "demo", {"paused": True})]


def test_the_source_s_state_and_area_are_shown(visit: Visit, service: StormService) -> None:
    service.source = source_state(service, newest_image=service.now)
    page = visit.open(f"/{AT_A_PLACE}")
    visit.wait_for_images()
    words = {"de": "neueste Bild ist von", "fr": "récente est de", "en": "newest image is of"}
    for language, sentence in words.items():
        page.select_option("#language", language)
        page.wait_for_selector(f"#facts:has-text('{sentence}')")
        facts = page.text_content("#facts")
        assert f"{sentence} {page.text_content('#clock-time')}." in facts
        assert "agency answers" not in facts
    before = page.evaluate(LINES_PIXELS)
    service.source = None
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_selector("#facts:not(:has-text('Played'))")
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
    assert page.evaluate(LINES_PIXELS) != before


def test_a_source_that_is_late_is_said_to_be(visit: Visit, service: StormService) -> None:
    hour = timedelta(hours=1)
    known = {"newest_image": service.now - hour, "clock_ahead_seconds": 431.0}
    service.source = source_state(service, trouble="agency answers 503.", **known)
    page = visit.open()
    page.wait_for_selector("#facts:has-text('Played')")
    facts = page.text_content("#facts")
    assert "no new image since" in facts
    assert "agency answers 503." in facts
    assert "7 min ahead" in facts


def test_a_stream_without_images_says_why_its_source_has_none(
    visit: Visit, service: StormService
) -> None:
    visit.expected.append("status of 404")
    service.refusal = {"type": "urn:echocast:problem:no-map", "detail": "No map.", "status": 404}
    service.has_images = False
    service.source = source_state(service, trouble="agency answers 403.")
    page = visit.open(until="#empty:not([hidden])")
    assert "there is no image yet: agency answers 403." in page.text_content("#empty")


def test_without_streams_it_says_what_to_do(visit: Visit, service: StormService) -> None:
    service.streams = []
    page = visit.open(until="#empty:not([hidden])")
    assert "Nothing arrives here yet" in page.text_content("#empty")


def test_every_control_is_reached_by_keyboard(visit: Visit) -> None:
    page = visit.open()
    reached = set()
    for _ in range(24):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    controls = {"map", "layer", "palette", "play", "moment", "speed", "place-input", "locate"}
    assert controls | {"open-file", "open-streams", "open-rules", "language", "theme"} <= reached
    page.focus("#map")
    page.keyboard.press("Enter")
    page.wait_for_selector("#place-chart canvas")


@pytest.mark.parametrize(
    "visit",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {**PHONE, "color_scheme": "light"}],
    ids=["light", "dark", "phone"],
    indirect=True,
)
def test_axe_finds_nothing(visit: Visit) -> None:
    page = visit.open("/" + AT_A_PLACE)
    page.wait_for_selector("#place-chart canvas")
    page.wait_for_selector(".bars")
    page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text())
    for dialog in ("", "#open-file", "#open-streams", "#open-rules"):
        if dialog:
            if page.is_visible("#menu[aria-expanded=false]") and dialog != "#open-rules":
                page.click("#menu")
            page.click(dialog)
            page.wait_for_selector("dialog[open]")
        broken = page.evaluate("axe.run().then(({violations}) => violations)")
        assert [(one["id"], [n["html"] for n in one["nodes"]]) for one in broken] == []
        page.keyboard.press("Escape")


@pytest.mark.parametrize("visit", [PHONE], indirect=True)
def test_a_phone_of_360_pixels_scrolls_down_only_and_loads_little(visit: Visit) -> None:
    page = visit.open("/#lang=de&at=47.05,8.31")
    page.wait_for_selector("#place-chart canvas")
    visit.wait_for_images()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    requests = [url for url in visit.requests if "/images/" not in url and url.startswith("http")]
    assert len(requests) <= 17, requests  # of 25 that it may ask


@pytest.mark.parametrize("visit", [{"reduced_motion": "reduce"}], indirect=True)
def test_embedded_nothing_moves_by_itself_and_nothing_can_be_changed(visit: Visit) -> None:
    page = visit.open("/?embed=1")
    assert page.is_visible("#timebar")
    assert page.is_visible("#legend")
    assert not page.is_visible("#open-streams")
    assert not page.is_visible("#aside")
    visit.wait_for_images()
    page.click("#map", position={"x": 300, "y": 200})
    page.wait_for_selector("#place-sentence:visible")
    assert not page.is_visible("#place-form")
    assert not page.is_visible("#quality")
    assert page.get_attribute("#play", "aria-pressed") == "false"
    page.click(".leaflet-control-zoom-in")
    assert not page.evaluate("document.querySelector('.leaflet-zoom-anim')")


def test_the_sentence_is_the_service_s_in_the_viewer_s_language_and_zone(
    visit: Visit, service: StormService
) -> None:
    page = visit.open("/" + AT_A_PLACE)
    page.wait_for_selector("#place-chart canvas")
    for language in ("en", "de"):
        if language != "en":
            page.select_option("#language", language)
        wording = Wording(language, ZoneInfo("Europe/Zurich"))
        worded = service.rain(47.05, 8.31, wording)["sentence"]
        visit.wait_for_text("#place-sentence", worded)


def test_a_forecast_before_the_newest_image_is_not_about_now(
    visit: Visit, service: StormService
) -> None:
    service.behind = timedelta(minutes=30)
    page = visit.open("/" + AT_A_PLACE)
    page.wait_for_selector("#place-chart canvas")
    sentence = page.text_content("#place-sentence")
    assert sentence.startswith("Seen from the image of")
