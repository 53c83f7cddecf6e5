"""The engine of several hosts as deploy/valkey starts it: with a user of its own, over TLS."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from echocast.workers.engine.embedded import engine_binary
from tests.deploy.namespaces import Host
from tests.patience import PATIENCE_SECONDS

VALKEY = Path(__file__).parents[2] / "deploy" / "valkey"
PASSWORD = "a-password-of-the-test"


@contextmanager
def engine(host: Host, folder: Path) -> Iterator[str]:
    """The URL of an engine that runs on a host; a terminator speaks TLS where it can't itself."""
    certificates = folder / "certificates"
    make_certificates(certificates, f"IP:{host.address}")
    for name in ("run", "data"):
        (folder / name).mkdir()
    binary = engine_with_tls()
    environment = {
        **os.environ,
        "ENGINE_PASSWORD": PASSWORD,
        "ENGINE_BINARY": str(binary or engine_binary()),
        "ENGINE_RUN": str(folder / "run"),
        "ENGINE_DATA": str(folder / "data"),
        "ENGINE_CERTIFICATES": str(certificates if binary else folder),
    }
    start = ["sh", str(VALKEY / "start.sh")]
    plain = ["--bind", "127.0.0.1", "--port", "6380"]
    terminator = [sys.executable, "-m", "tests.deploy.tls_terminator", host.address]
    with ExitStack() as stack:
        command = start if binary else [*start, *plain]
        stack.enter_context(host.running(command, environment, folder / "engine.log"))
        if not binary:
            log = folder / "terminator.log"
            stack.enter_context(host.running([*terminator, str(certificates)], os.environ, log))
        yield (
            f"rediss://echocast:{PASSWORD}@{host.address}:6379/0"
            f"?ssl_ca_certs={certificates / 'ca.crt'}"
        )


def make_certificates(folder: Path, *names: str) -> None:
    """What deploy/valkey/certificates.sh makes."""
    if shutil.which("openssl") is None:
        pytest.skip("ENGINE OVER TLS NOT TESTED: no openssl to make certificates with")
    script = ["sh", str(VALKEY / "certificates.sh"), str(folder), *names]
    subprocess.run(script, check=True, timeout=PATIENCE_SECONDS)


def engine_with_tls() -> str | None:
    """An engine on the PATH that is built with TLS."""
    for name in ("valkey-server", "redis-server"):
        if (program := shutil.which(name)) and _speaks_tls(program):
            return program
    return None


def _speaks_tls(binary: str) -> bool:
    """Without a certificate every engine refuses; one that speaks TLS asks for it."""
    options = ["--port", "0", "--tls-port", "6379", "--save", ""]
    refused = subprocess.run(
        [binary, *options], capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    return "tls-cert-file" in refused.stdout + refused.stderr
