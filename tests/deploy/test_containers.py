"""What docker-compose.yml starts, with the secrets that ``deploy/secrets.sh`` makes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from echocast.workers.engine.embedded import engine_binary
from echocast.workers.settings import OWN_FOLDERS
from tests.deploy.compose_file import ROOT, interpolated
from tests.deploy.container import SERVICES, Host
from tests.deploy.test_dockerfile import health_check, whole
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.service.real_processes import eventually, short_directory
from tests.service.streams.stream_feed import frame_bytes

CLI = [sys.executable, "-m", "echocast.service.cli.main"]  # what ENTRYPOINT names
NOBODY, ENGINE = 10001, 999
NEEDED = ("unshare", "mount", "chroot", "setpriv")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A checkout's ``deploy`` on a bare host."""
    with short_directory() as place:
        place.chmod(0o755)
        (place / "deploy").mkdir()
        for name in ("secrets.sh", "environment.example"):
            shutil.copy(ROOT / "deploy" / name, place / "deploy")
        yield place


def make_secrets(folder: Path) -> str:
    """What the script prints."""
    command = ["sh", str(folder / "deploy" / "secrets.sh")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def variables(folder: Path) -> dict[str, str]:
    """Variables of ``.env``."""
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and line[0] != "#")


@contextmanager
def engine(host: Host) -> Iterator[None]:
    """The engine; its program and port are this machine's."""
    port = ("--port", str(host.ports["valkey"]), "--bind", "127.0.0.1")
    own = {"ENGINE_BINARY": str(engine_binary())}
    with host.container("valkey", ENGINE, [*SERVICES["valkey"]["entrypoint"], *port], **own):
        yield


@contextmanager
def gateway(host: Host) -> Iterator[httpx.Client]:
    """The gateway, once its image's health check says that it is well."""
    port = str(host.ports["gateway"])
    _, *check = (word.replace(":8000", f":{port}") for word in health_check(whole("gateway")))
    own = {"ECHOCAST_PORT": port, "ECHOCAST_LOG": "json"}
    command = [*CLI, *SERVICES["gateway"]["command"]]
    with host.container("gateway", NOBODY, command, **own) as process:

        def healthy() -> bool:
            assert process.poll() is None, host.log("gateway").read_text()
            return subprocess.run([sys.executable, *check]).returncode == 0

        eventually(healthy)
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            yield client


@pytest.mark.skipif(
    os.getuid() != 0 or not all(map(shutil.which, NEEDED)),
    reason="CONTAINERS NOT TESTED: only root on Linux can give a process a root of its own",
)
def test_what_compose_starts_serves_without_rights_and_dropped_files_become_frames(
    folder: Path,
) -> None:
    operator = {"X-API-Key": re.findall(r"echocast_\w+", make_secrets(folder))[0]}
    secrets = variables(folder)
    host = Host(folder, secrets, {"valkey": free_port(), "gateway": free_port()})
    with engine(host), gateway(host) as client:
        assert client.get("/models").status_code == 401
        assert client.get("/models", headers=operator).status_code == 200
        prometheus = {"X-API-Key": secrets["METRICS_KEY"]}
        assert client.get("/metrics", headers=prometheus).status_code == 200
        assert client.get("/streams/radar", headers=operator).status_code == 404
        watch = [*CLI, *interpolated(SERVICES["watch"]["command"], secrets)]
        with host.container("watch", NOBODY, watch):
            (folder / "incoming" / "frame.nc").write_bytes(frame_bytes(0))
            eventually(lambda: "frame.nc: 1 frame(s), 1 new" in host.log("watch").read_text())
        assert client.get("/streams/radar", headers=operator).json()["step_minutes"] == 5
    check_log(host.log("gateway").read_text(), [*operator.values(), *prometheus.values()])
    data = [*(folder / "data").rglob("*")]
    assert {path.stat().st_uid for path in data} == {NOBODY}
    own = [folder / "data" / name for name in OWN_FOLDERS if (folder / "data" / name).exists()]
    assert {"store", "models"} <= {path.name for path in own}
    assert not [path for path in own if path.stat().st_mode & 0o077]


def check_log(text: str, secrets: list[str]) -> None:
    """Every line is JSON; the plan and the refusal are there, and no secret."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert any(line["message"].startswith("The gateway uses") for line in lines)
    assert {line["status"] for line in lines if "status" in line} == {401, 404}
    assert not [secret for secret in secrets if secret in text]


def test_secrets_are_made_once_for_their_owner_only_and_never_replaced(folder: Path) -> None:
    assert "your API key" in make_secrets(folder)
    first = (folder / ".env").read_bytes()
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    assert (folder / "incoming").stat().st_mode & 0o777 == 0o755
    assert make_secrets(folder) == ""
    assert (folder / ".env").read_bytes() == first
    assert {path.name for path in folder.iterdir()} == {"deploy", "incoming", ".env"}


def test_what_an_operator_wrote_stays_and_what_is_missing_comes(folder: Path) -> None:
    key = f"{'0' * 64} submit flood-office streams=a"
    (folder / ".env").write_text(f"# mine\nENGINE_PASSWORD=abc\nECHOCAST_KEYS={key}\nMORE=1\n")
    assert "your API key" not in make_secrets(folder)
    lines = (folder / ".env").read_text().splitlines()
    assert lines[:2] == ["# mine", "ENGINE_PASSWORD=abc"]
    assert lines[3] == "MORE=1"
    given = variables(folder)
    names = [line.split(" ", 2)[2] for line in given["ECHOCAST_KEYS"].split(";")]
    assert names == ["flood-office streams=a", "prometheus", "watch"]
    assert all(given[name] for name in ("METRICS_KEY", "ECHOCAST_KEY", "GRAFANA_PASSWORD"))


def test_a_file_that_cannot_be_read_is_not_replaced(folder: Path) -> None:
    (folder / ".env").mkdir()
    with pytest.raises(subprocess.CalledProcessError):
        make_secrets(folder)
    assert {path.name for path in folder.iterdir()} == {"deploy", ".env"}
