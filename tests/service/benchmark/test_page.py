"""What ``echocast benchmark page`` makes of its measurements, and what it asks for."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from echocast.service.benchmark.figures import BenchmarkFailed
from echocast.service.benchmark.page import Answers, _figures, _tile_paths, asked


class Tiles(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        self.send_response(404 if "gone" in self.path else 200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"tile")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def tiles() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    server.paths = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_path_is_asked_for_once_and_timed(tiles: ThreadingHTTPServer) -> None:
    paths = [f"/tile/{number}" for number in range(40)]
    answers = asked("127.0.0.1", tiles.server_port, paths)
    assert sorted(tiles.paths) == sorted(paths)  # type: ignore[attr-defined]
    assert len(answers) == 40
    assert min(answers) > 0
    assert answers.wall_seconds > 0


def test_a_tile_that_is_not_there_ends_the_benchmark(tiles: ThreadingHTTPServer) -> None:
    with pytest.raises(BenchmarkFailed, match="/gone was answered by 404"):
        asked("127.0.0.1", tiles.server_port, ["/tile", "/gone"])


def test_figures_are_of_all_rounds_together() -> None:
    slow, fast = Answers([100.0] * 2), Answers([1.0] * 98)
    slow.wall_seconds, fast.wall_seconds = 0.4, 0.1
    slow.processor_seconds, fast.processor_seconds = 0.1, 0.3
    figures = {figure.name: figure.value for figure in _figures("warm", [slow, fast], "<= 5")}
    assert figures == {
        "warm tile, concurrency 8, p50": 1.0,
        "warm tile, p99": 100.0,
        "warm tiles": pytest.approx(200.0),
        "warm tile, processor time of the gateway": pytest.approx(4.0),
    }
    slow.processor_seconds = None  # where the system does not say
    assert _figures("warm", [slow, fast], "<= 5")[-1].value is None


def test_tiles_cover_the_grid_in_every_image() -> None:
    bounds = {"south": 46.0, "west": 7.0, "north": 48.0, "east": 10.0}
    paths = _tile_paths({"stream": "a", "bounds": bounds, "frames": [{"id": "x-1"}, {"id": "y-2"}]})
    places = [re.findall(r"/v2/radar/(\w-\d)/256/10/(\d+)/(\d+)/2/1_1", path)[0] for path in paths]
    columns, rows = ({int(place[at]) for place in places} for at in (1, 2))
    # 512 + 7 / 360 * 1024 = 531.9 and 512 + 10 / 360 * 1024 = 540.4
    assert (min(columns), max(columns)) == (531, 540)
    assert len(paths) == len(set(paths)) == 2 * len(columns) * len(rows)
    assert {place[0] for place in places} == {"x-1", "y-2"}
