"""A command imports what it needs: what a process never loads cannot slow or break it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.service.streams.stream_feed import frame_bytes

SCIENCE = {"torch", "numba", "cv2", "scipy", "matplotlib"}
SERVER = {"fastapi", "starlette", "uvicorn", "celery", "kombu", "redis", "prometheus_client"}
OURS = {
    "echocast.model.drift",
    "echocast.model.network.network",
    "echocast.model.retraining",
    "echocast.service.app",
    "echocast.workers.streams",
    "experiments",
}
ARRAYS = {"numpy", "netCDF4", "h5py", "pydantic_settings", "echocast.model.frames"}
COMMAND = """
import atexit, json, pathlib, sys
_, target, *sys.argv = sys.argv
atexit.register(lambda: pathlib.Path(target).write_text(json.dumps(sorted(sys.modules))))
from echocast.service.cli.main import main
main()
"""


class Service(BaseHTTPRequestHandler):
    """A gateway that knows every stream and takes every frame."""

    body = json.dumps(
        {"outcome": "created", "late": True, "time": "2025-07-01T12:00:00Z", "units": "dBZ"}
    ).encode()
    on_frame: Callable[[], object] = staticmethod(lambda: None)

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def do_PUT(self) -> None:
        self.do_GET()
        if "/frames/" in self.path:
            type(self).on_frame()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", COMMAND, str(folder / "modules.json"), "echocast", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)


def loaded(folder: Path, *arguments: str) -> set[str]:
    """What the command had imported when it ended."""
    with start(folder, *arguments) as process:
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    return set(json.loads((folder / "modules.json").read_text()))


@pytest.mark.parametrize("arguments", [("--help",), ("watch", "--help"), ("key", "read")])
def test_help_and_keys_load_no_arrays(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert not loaded(tmp_path, *arguments) & (SCIENCE | SERVER | OURS | ARRAYS)


def test_replay_loads_neither_network_nor_server(tmp_path: Path, service: str) -> None:
    for slot in range(2):
        (tmp_path / f"{slot}.nc").write_bytes(frame_bytes(slot))
    files = [str(path) for path in tmp_path.glob("*.nc")]
    modules = loaded(tmp_path, "replay", *files, "--stream", "radar", "--url", service)
    assert not modules & (SCIENCE | SERVER | OURS)


def test_watch_loads_neither_network_nor_server(
    tmp_path: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "0.nc").write_bytes(frame_bytes(0))
    arguments = ("incoming", "--stream", "radar", "--url", service, "--settle-seconds", "0")
    sent = threading.Event()
    monkeypatch.setattr(Service, "on_frame", sent.set)
    with start(tmp_path, "watch", *arguments) as process:
        assert sent.wait(PATIENCE_SECONDS)
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    modules = set(json.loads((tmp_path / "modules.json").read_text()))
    assert not modules & (SCIENCE | SERVER | OURS)


def test_importing_echocast_loads_nothing_else() -> None:
    code = "import sys; import echocast; print([m for m in sys.modules if 'echocast.' in m])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('numpy' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["[]", "False"]
