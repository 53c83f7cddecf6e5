"""Maps through HTTP, with all processes: what is shown is what was observed and forecast."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from echocast.model.imagery.codes import HIGHEST, NOT_OBSERVED, dbz_codes
from echocast.model.imagery.mercator import HALF_WORLD_M, to_metres
from echocast.model.imagery.palettes import PALETTES
from tests.service.bodies import is_problem
from tests.service.real_processes import Gateway, Place, eventually, gateway
from tests.service.streams.stream_feed import declare, feed, frames, time_of

NAME = "mapped"
FED = 11
PLAIN = "0_0.png"
SECRETS = {"all": "ec_all", "other": "ec_other"}
OPTIONS = {"all": "", "other": " streams=elsewhere"}


@pytest.fixture(scope="module")
def fed(client: httpx.Client) -> httpx.Client:
    """A stream with frames and a forecast of the network, and their images."""
    feed(client, NAME, range(FED))
    eventually(lambda: shown(client)["reference_time"] == time_of(FED - 1))
    eventually(lambda: [one["observed"] for one in shown(client)["frames"]].count(True) == FED)
    return client


@pytest.fixture(scope="module")
def view(fed: httpx.Client) -> dict[str, Any]:
    return shown(fed)


def shown(client: httpx.Client, name: str = NAME) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/streams/{name}/map").json()
    return {"reference_time": None, **answer}


def pixels(answer: httpx.Response) -> NDArray[np.uint8]:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"))


def centre_tile(view: dict[str, Any], zoom: int) -> str:
    """``zoom/x/y`` of the tile with the middle of a map."""
    x, y = to_metres(*middle(view))
    side = 2 * HALF_WORLD_M / 2**zoom
    return f"{zoom}/{int((x + HALF_WORLD_M) / side)}/{int((HALF_WORLD_M - y) / side)}"


def middle(view: dict[str, Any]) -> tuple[float, float]:
    bounds = view["bounds"]
    return (bounds["south"] + bounds["north"]) / 2, (bounds["west"] + bounds["east"]) / 2


def test_the_time_line_has_what_was_observed_then_the_newest_forecast(view: dict[str, Any]) -> None:
    times = [frame["time"] for frame in view["frames"]]
    assert times == sorted(set(times))
    observed = [frame for frame in view["frames"] if frame["observed"]]
    assert [frame["time"] for frame in observed] == [time_of(slot) for slot in range(FED)]
    forecast = view["frames"][FED:]
    assert [frame["lead_minutes"] for frame in forecast] == [5.0 * (k + 1) for k in range(10)]
    assert not any(frame["observed"] for frame in forecast)
    assert view["model"] == "tiny/1"
    assert view["layers"][0]["name"] == "rain"
    assert {"rain", "extrapolation"} <= forecast[0]["images"].keys()
    assert observed[0]["images"].keys() == {"rain"}


def test_an_image_has_the_values_of_its_frame(fed: httpx.Client, view: dict[str, Any]) -> None:
    picture = pixels(fed.get(view["frames"][3]["images"]["rain"]))
    assert picture.shape == (view["size"]["height"], view["size"]["width"])
    codes = dbz_codes(frames().reflectivity_dbz[3])
    rain = picture[picture <= HIGHEST]
    assert set(np.unique(rain)) <= set(np.unique(codes))
    # The same places are wet: the grid is turned by less than a degree against the map.
    share = (rain > 84).mean(), (codes[codes <= HIGHEST] > 84).mean()
    assert share[0] == pytest.approx(share[1], abs=0.05)


def test_webp_has_the_same_values(fed: httpx.Client, view: dict[str, Any]) -> None:
    path = view["frames"][-1]["images"]["extrapolation"]
    webp = fed.get(path.replace(".png", ".webp"))
    assert webp.headers["content-type"] == "image/webp"
    assert (pixels(webp) == pixels(fed.get(path))).all()


def test_images_never_change_and_maps_are_cheap_to_ask_for_again(
    fed: httpx.Client, view: dict[str, Any]
) -> None:
    path = view["frames"][0]["images"]["rain"]
    answer = fed.get(path)
    assert "immutable" in answer.headers["cache-control"]
    for address in (path, f"/streams/{NAME}/map", f"/streams/{NAME}/public/weather-maps.json"):
        etag = fed.get(address).headers["etag"]
        again = fed.get(address, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b""), address
    zipped = fed.get(f"/streams/{NAME}/map", headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    known = {"If-None-Match": zipped.headers["etag"], "Accept-Encoding": "gzip"}
    assert fed.get(f"/streams/{NAME}/map", headers=known).status_code == 304


def test_tiles_are_pieces_of_the_images(fed: httpx.Client, view: dict[str, Any]) -> None:
    tile = f"/streams/{NAME}/v2/radar/{view['frames'][3]['id']}/256/{centre_tile(view, 9)}"
    raw = pixels(fed.get(f"{tile}/255/{PLAIN}"))
    assert raw.shape == (256, 256)
    image = pixels(fed.get(view["frames"][3]["images"]["rain"]))
    assert set(np.unique(raw)) <= set(np.unique(image)) | {NOT_OBSERVED}
    for colour, palette in ((6, "nws"), (2, "echocast"), (0, "grey")):
        answer = fed.get(f"{tile}/{colour}/{PLAIN}")
        coloured = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
        assert (coloured == PALETTES[palette][raw])[PALETTES[palette][raw][..., 3] > 0].all()
    smooth = pixels(fed.get(f"{tile}/255/1_0.png"))
    assert ((smooth == NOT_OBSERVED) == (raw == NOT_OBSERVED)).all()
    assert pixels(fed.get(f"{tile.replace('/256/', '/512/')}/255/1_1.webp")).shape == (512, 512)


def test_clients_of_rainviewer_find_their_way(fed: httpx.Client, view: dict[str, Any]) -> None:
    listed = fed.get(f"/streams/{NAME}/public/weather-maps.json").json()
    assert listed["version"] == "2.0"
    assert listed["host"] == str(fed.base_url).rstrip("/")
    assert listed["satellite"] == {"infrared": []}
    past, nowcast = listed["radar"]["past"], listed["radar"]["nowcast"]
    assert (len(past), len(nowcast)) == (FED, 10)
    assert not {one["time"] for one in past} & {one["time"] for one in nowcast}
    last = listed["host"] + past[-1]["path"]
    where = centre_tile(view, 8)
    by_path = fed.get(f"{last}/256/{where}/2/1_1.png")
    newest = fed.get(f"/streams/{NAME}/v2/radar/0/256/{where}/2/1_1.png")
    by_time = fed.get(f"/streams/{NAME}/v2/radar/{past[-1]['time']}/256/{where}/2/1_1.png")
    assert by_path.content == newest.content == by_time.content
    assert newest.headers["x-frame-timestamp"] == str(past[-1]["time"])
    assert "immutable" in by_path.headers["cache-control"]
    assert "immutable" not in newest.headers["cache-control"]


def test_a_picture_around_a_place_has_it_in_the_middle(
    fed: httpx.Client, view: dict[str, Any]
) -> None:
    latitude, longitude = middle(view)
    root = f"/streams/{NAME}/v2/radar/{view['frames'][3]['id']}/256"
    around = pixels(fed.get(f"{root}/12/{latitude:.6f}/{longitude:.6f}/255/{PLAIN}"))
    image = pixels(fed.get(view["frames"][3]["images"]["rain"]))
    height, width = image.shape
    near = image[height // 2 - 2 : height // 2 + 2, width // 2 - 2 : width // 2 + 2]
    assert around[128, 128] in near


def test_coverage_is_dark_where_no_radar_looks(fed: httpx.Client, view: dict[str, Any]) -> None:
    root = f"/streams/{NAME}/v2/coverage/0/256"
    answer = fed.get(f"{root}/{centre_tile(view, 6)}/0/0_0.png")
    opacity = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))[..., 3]
    raw = pixels(fed.get(f"/streams/{NAME}/v2/radar/0/256/{centre_tile(view, 6)}/255/{PLAIN}"))
    assert ((opacity > 0) == (raw == NOT_OBSERVED)).all()
    assert 0 < (opacity > 0).mean() < 1


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("images/20260701T000000Z-000000000000/rain.png", 404, "unknown-image"),
        ("images/nonsense/rain.png", 404, "unknown-image"),
        ("images/nonsense/rain.tiff", 422, "invalid-parameter"),
        ("v2/radar/17/256/0/0/0/2/0_0.png", 404, "unknown-image"),
        ("v2/radar/0/300/0/0/0/2/0_0.png", 422, "contract-violation"),
        ("v2/radar/0/256/19/0/0/2/0_0.png", 422, "contract-violation"),
        ("v2/radar/0/256/1/2/0/2/0_0.png", 422, "contract-violation"),
        ("v2/radar/0/256/1/91.0/0.0/2/0_0.png", 422, "contract-violation"),
        ("v2/radar/0/256/1/nan./0.0/2/0_0.png", 422, "contract-violation"),
        ("v2/radar/0/256/1/0/0/256/0_0.png", 422, "contract-violation"),
        ("v2/radar/0/256/1/0/0/2/0_0.gif", 422, "contract-violation"),
        ("v2/radar/0/256/-1/0/0/2/0_0.png", 422, "contract-violation"),
        ("v2/coverage/1/256/1/0/0/2/0_0.png", 422, "invalid-parameter"),
    ],
)
def test_what_is_not_there_is_refused(fed: httpx.Client, path: str, status: int, slug: str) -> None:
    is_problem(fed.get(f"/streams/{NAME}/{path}"), status, slug)


@pytest.mark.parametrize("size", ["256", "300"])
def test_a_tile_is_answered_alike_however_it_is_asked_for(
    fed: httpx.Client, view: dict[str, Any], size: str
) -> None:
    where = f"{size}/{centre_tile(view, 6)}/2/1_1.webp"
    for frame in ("0", view["frames"][2]["id"], "17", "nonsense"):
        path = f"/streams/{NAME}/v2/radar/{frame}/{where}"
        answers = [fed.get(path), fed.get(f"{path}?t=7"), fed.get(path, headers={"X-API-Key": "k"})]
        headers = [[one.headers.get(name) for name in ("etag", "cache-control")] for one in answers]
        assert headers[0] == headers[1] == headers[2], path
        bodies = [one.content for one in answers]
        if answers[0].status_code != 200:  # a problem has the id of its request
            bodies = [one.json()["detail"].encode() for one in answers]
        codes = [one.status_code for one in answers]
        assert (codes[0], bodies[0]) == (codes[1], bodies[1]) == (codes[2], bodies[2]), path


def test_a_stream_without_frames_has_no_map(client: httpx.Client) -> None:
    declare(client, "mapless")
    is_problem(client.get("/streams/mapless/map"), 404, "no-map")
    is_problem(client.get("/streams/nowhere/map"), 404, "unknown-stream")


def test_a_service_without_keys_lets_no_page_of_another_site_read_maps(fed: httpx.Client) -> None:
    answer = fed.get(f"/streams/{NAME}/map", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.fixture(scope="module")
def locked_gateway(fed: httpx.Client, home: Place) -> Iterator[Gateway]:
    """A second gateway of the same service, with keys and a stream for bare paths."""
    keys = ";".join(
        f"{hashlib.sha256(secret.encode()).hexdigest()} read {name}{OPTIONS[name]}"
        for name, secret in SECRETS.items()
    )
    with gateway(home, keys=keys, tiles_stream=NAME) as gate:
        yield gate


@pytest.fixture(scope="module")
def locked(locked_gateway: Gateway) -> httpx.Client:
    return locked_gateway.client


def test_who_reads_the_list_finds_what_draws_loaded(
    locked_gateway: Gateway, view: dict[str, Any]
) -> None:
    loaded = Path(f"/proc/{locked_gateway.process.pid}/maps")
    assert view["frames"]
    assert "/cv2" not in loaded.read_text()
    key = {"key": SECRETS["all"]}
    assert locked_gateway.client.get("/public/weather-maps.json", params=key).status_code == 200
    eventually(lambda: "/cv2" in loaded.read_text() and "_imaging" in loaded.read_text())


def test_programs_that_show_tiles_send_the_key_in_the_address(
    locked: httpx.Client, view: dict[str, Any]
) -> None:
    tile = f"/v2/radar/0/256/{centre_tile(view, 7)}/2/1_1.png"
    is_problem(locked.get(tile), 401, "missing-key")
    is_problem(locked.get(tile, params={"key": "wrong"}), 401, "missing-key")
    answer = locked.get(tile, params={"key": SECRETS["all"]})
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"].startswith("private")
    by_header = locked.get(tile, headers={"Authorization": f"Bearer {SECRETS['all']}"})
    assert by_header.content == answer.content
    is_problem(locked.get(tile, params={"key": SECRETS["other"]}), 404, "unknown-stream")
    listed = locked.get("/public/weather-maps.json", params={"key": SECRETS["all"]}).json()
    assert listed["radar"]["past"][-1]["time"] == int(
        datetime.fromisoformat(time_of(FED - 1)).timestamp()
    )
    is_problem(locked.get("/streams", params={"key": SECRETS["all"]}), 422, "unknown-parameter")


def test_a_tile_is_answered_twice_alike_and_not_after_its_stream_is_deleted(
    client: httpx.Client,
) -> None:
    feed(client, "short-lived", range(2))
    eventually(lambda: shown(client, "short-lived")["frames"])
    view = shown(client, "short-lived")
    image_id = view["frames"][0]["id"]
    path = f"/streams/short-lived/v2/radar/{image_id}/256/{centre_tile(view, 8)}/2/{PLAIN}"
    first, again = client.get(path), client.get(path)
    assert first.status_code == 200
    assert again.content == first.content
    varying = ("date", "x-request-id")
    headers = [{n: v for n, v in one.headers.items() if n not in varying} for one in (first, again)]
    assert headers[0] == headers[1]
    known = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["etag"] == first.headers["etag"]
    assert client.delete("/streams/short-lived").status_code == 204
    is_problem(client.get(path), 404, "unknown-stream")
