"""The engine as deploy/valkey starts it: one user, with the rights our commands need."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from echocast.service.processes.readiness import stop_process
from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.embedded import engine_binary
from echocast.workers.retraining.requests import request_retraining
from tests.deploy.engine_host import PASSWORD, VALKEY, make_certificates
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.service.real_processes import eventually


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    environment = {
        **os.environ,
        "ENGINE_PASSWORD": PASSWORD,
        "ENGINE_BINARY": str(engine_binary()),
        **{f"ENGINE_{name}": str(tmp_path) for name in ("RUN", "DATA", "CERTIFICATES")},
    }
    command = ["sh", str(VALKEY / "start.sh"), "--port", str(port), "--bind", "127.0.0.1"]
    with (tmp_path / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        stop_process(process)


def test_only_our_user_gets_in_and_does_only_what_we_do(url: str) -> None:
    with redis.Redis.from_url(url, username="echocast", password=PASSWORD) as client:
        eventually(client.ping)
        client.set("echocast:here", "1")
        client.publish("echocast:done", "{}")
        assert client.eval("return redis.call('GET', 'echocast:here')", 0) == b"1"
        assert client.info("server")["uptime_in_seconds"] >= 0
        for command in ("FLUSHALL", "CONFIG GET *", "KEYS *", "ACL LIST", "SHUTDOWN"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get("somebody-else's")
    for user, password in ((None, None), ("default", PASSWORD), ("echocast", "wrong")):
        with (
            redis.Redis.from_url(url, username=user, password=password) as stranger,
            pytest.raises(redis.exceptions.AuthenticationError),
        ):
            stranger.ping()


def test_our_user_may_ask_for_retrainings_and_look_for_streams(url: str) -> None:
    engine = EngineClient(url.replace("//", f"//echocast:{PASSWORD}@"), 30)
    assert request_retraining(engine, "a test")
    assert list(engine.redis.scan_iter("echocast:stream:home:*")) == []
    engine.close()


def test_writes_are_safe_and_nothing_is_evicted() -> None:
    settings = dict(
        line.split(maxsplit=1)
        for line in (VALKEY / "valkey.conf").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert settings["appendfsync"] == "always"
    assert settings["maxmemory-policy"] == "noeviction"


def test_no_engine_without_a_password(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "ENGINE_RUN": str(tmp_path)}
    refused = subprocess.run(
        ["sh", str(VALKEY / "start.sh")],
        env=environment,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    assert refused.returncode != 0
    assert b"ENGINE_PASSWORD is not set" in refused.stderr


def test_certificates_name_the_engine_and_are_renewed_by_the_same_authority(tmp_path: Path) -> None:
    def verified(*how: str) -> bool:
        command = ["openssl", "verify", "-CAfile", "ca.crt", *how, "engine.crt"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE_SECONDS)
        return done.returncode == 0

    make_certificates(tmp_path, "DNS:engine.example.org", "IP:10.0.0.5")
    authority = (tmp_path / "ca.crt").read_bytes()
    first = (tmp_path / "engine.crt").read_bytes()
    assert verified("-verify_hostname", "engine.example.org")
    assert verified("-verify_ip", "10.0.0.5")
    assert not verified("-verify_hostname", "other.example.org")
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0
    make_certificates(tmp_path, "DNS:engine.example.org")
    assert (tmp_path / "ca.crt").read_bytes() == authority
    assert (tmp_path / "engine.crt").read_bytes() != first
    assert verified("-verify_hostname", "engine.example.org")
