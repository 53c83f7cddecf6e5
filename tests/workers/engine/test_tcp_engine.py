"""An engine of one's own behind redis://, as ECHOCAST_REDIS_URL names it."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from echocast.workers.engine.embedded import engine_binary
from echocast.workers.errors import EngineUnavailable
from tests.ports import free_port
from tests.workers.conftest import World, until
from tests.workers.storms import storm


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    port = str(free_port())
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--logfile", "log"]
    command = [str(engine_binary()), *options, "--requirepass", "secret", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, cwd=tmp_path)
    yield f"redis://:secret@127.0.0.1:{port}/1"
    server.terminate()
    server.wait()


def answers(world: World) -> bool:
    with suppress(EngineUnavailable):
        world.jobs.ping()
        return True
    return False


def test_a_worker_takes_jobs_from_an_engine_behind_tcp(redis_url: str, tmp_path: Path) -> None:
    world = World(tmp_path / "data", redis_url=redis_url)
    until(lambda: answers(world))
    world.start_worker()
    assert world.end_of(world.submit(storm()).job.id).status == "succeeded"
    assert not world.settings.engine_directory.exists()
    world.close()
