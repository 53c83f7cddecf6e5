"""The Caddyfile: a real Caddy accepts it, and passes bodies on with our answers and its headers."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from echocast.service.processes.readiness import stop_process
from echocast.service.settings import ServiceSettings
from tests.deploy.compose_file import ROOT
from tests.deploy.test_compose import SERVICES
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.service.real_processes import eventually

FILE = ROOT / "deploy" / "caddy" / "Caddyfile"
SETTINGS = ServiceSettings()


def caddy(*arguments: str, **environment: str) -> list[str]:
    """The command; the test is skipped, loudly, where there is none for this machine."""
    program = shutil.which("caddy", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("CADDYFILE NOT TESTED: there is no caddy for this machine")
    return [program, *arguments]


def adapted(**environment: str) -> dict[str, Any]:
    """The file as Caddy understands it; a warning is an error."""
    done = subprocess.run(
        caddy("adapt", "--config", str(FILE), "--validate"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert '"level":"warn"' not in done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def handler(content: Any, name: str) -> Iterator[dict[str, Any]]:
    """All handlers of a name, wherever they stand."""
    if isinstance(content, dict):
        if content.get("handler") == name:
            yield content
        content = list(content.values())
    if isinstance(content, list):
        for part in content:
            yield from handler(part, name)


def test_limits_go_with_those_of_the_gateway(tmp_path: Path) -> None:
    content = adapted(HOME=str(tmp_path), SITE_ADDRESS="nowcast.example.org")
    (server,) = content["apps"]["http"]["servers"].values()
    assert server["max_header_bytes"] < SETTINGS.head_limit_bytes
    assert server["read_header_timeout"] <= SETTINGS.head_timeout_seconds * 1e9
    assert server["read_timeout"] >= SETTINGS.upload_timeout_seconds * 1e9
    (body,) = handler(content, "request_body")
    assert body["max_size"] > SETTINGS.body_limit_bytes
    (proxy,) = handler(content, "reverse_proxy")
    assert proxy["upstreams"] == [{"dial": "gateway:8000"}]
    longest = SETTINGS.upload_timeout_seconds + SETTINGS.wait_limit_seconds
    assert proxy["transport"]["response_header_timeout"] >= longest * 1e9
    assert content["admin"] == {"disabled": True}
    assert SERVICES["caddy"]["volumes"][0] == "./deploy/caddy:/etc/caddy:ro"


class Gateway(BaseHTTPRequestHandler):
    """Answers the length of a body, and takes its first byte before the last was sent."""

    began = threading.Event()

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        read = len(self.rfile.read(1))
        self.began.set()
        read += len(self.rfile.read(length - 1))
        self.send_response(202)
        self.send_header("Content-Length", str(len(str(read))))
        self.send_header("Server", "ours")
        self.end_headers()
        self.wfile.write(str(read).encode())

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def proxied(folder: Path) -> Iterator[int]:
    """Port of a Caddy before such a gateway, in plain HTTP."""
    Gateway.began.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port()
        environment = {
            "HOME": str(folder),
            "SITE_ADDRESS": f"http://127.0.0.1:{port}",
            "GATEWAY": f"127.0.0.1:{server.server_port}",
        }
        with (folder / "caddy.log").open("wb") as log:
            command = caddy("run", "--config", str(FILE))
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
                eventually(lambda: client.get(f"http://127.0.0.1:{port}/").status_code == 204)
            yield port
        finally:
            stop_process(process)
            server.shutdown()


def test_a_body_reaches_the_gateway_as_it_arrives_and_answers_have_our_headers(
    tmp_path: Path,
) -> None:
    size = 8 * 2**20
    with proxied(tmp_path) as port, socket.create_connection(("127.0.0.1", port)) as caller:
        head = f"POST /nowcast HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {size}\r\n\r\n"
        caller.sendall(head.encode() + b"x" * 65536)
        assert Gateway.began.wait(PATIENCE_SECONDS), "the body waits in the proxy"
        caller.sendall(b"x" * (size - 65536))
        answer = b""
        while str(size).encode() not in answer.partition(b"\r\n\r\n")[2]:
            answer += caller.recv(65536)
    lines = answer.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 202 Accepted"
    assert "Strict-Transport-Security: max-age=31536000" in lines
    assert "X-Content-Type-Options: nosniff" in lines
    assert not [line for line in lines if line.startswith("Server:")]
