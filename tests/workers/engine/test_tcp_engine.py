"""An engine of one's own behind redis://, as ECHOCAST_REDIS_URL names it."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from echocast.workers.engine.embedded import engine_binary
from tests.workers.conftest import World, until
from tests.workers.storms import storm


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--logfile", "log"]
    command = [str(engine_binary()), *options, "--requirepass", "secret", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, cwd=tmp_path)
    yield f"redis://:secret@127.0.0.1:{port}/1"
    server.terminate()
    server.wait()


def test_a_worker_takes_jobs_from_an_engine_behind_tcp(redis_url: str, tmp_path: Path) -> None:
    world = World(tmp_path / "data", redis_url=redis_url)
    until(lambda: world.jobs.ping() is None)
    world.start_worker()
    assert world.end_of(world.submit(storm()).job.id).status == "succeeded"
    assert not world.settings.engine_directory.exists()
    world.close()
