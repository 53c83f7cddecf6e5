"""A service of real processes under hostile input: what they take, and which files they open."""

from __future__ import annotations

import os
import re
import shutil
import site
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from echocast.service.http.openapi_examples import shower
from tests.fuzz.children import MIB
from tests.fuzz.requests import HostileRequest
from tests.service.bodies import JSON, WAIT
from tests.service.conftest import registry
from tests.service.real_processes import engine_process, eventually, gateway, place, worker

ROOT = Path(__file__).parents[2]
STREAM = "/streams/hostile"
STRACE = ("strace", "-D", "-f", "-qq", "-y", "--seccomp-bpf", "-e", "trace=open,openat,openat2")
TRIED = re.compile(r'openat2?\([^<]*<(?P<folder>[^>]*)>, "(?P<name>[^"]*)"')
PROGRAMS = (
    *{sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent.parent)},
    *site.getsitepackages(),
    *(f"{ROOT / floor}" for floor in ("echocast", "model", "workers", "service")),
    *("/lib/", "/usr/lib/", "/usr/share/", "/proc/self/", "/sys/devices/system/cpu"),
)
HARMLESS = re.compile(  # what the loader, Python and libraries look for at their start
    rf"{ROOT}|/dev/null(/\.aws/\w+)?|/dev/urandom|/etc/(ld\.so\.cache|localtime|locale\.alias)"
    r"|/(etc|usr/local)/ssl/openssl\.cnf"
    r"|/proc/((\d+/)?stat|meminfo|version_signature|sys/crypto/fips_enabled)"
    r"|/sys/fs/cgroup/.*(cpu|memory)[^/]*|.*/lib[\w+.-]*\.so[.\d]*|.*/__editable__[^/]*"
)
UNLIMITED = {
    "rate_per_minute": "0",
    "queue_limit": "100000",
    "caller_queue_limit": "100000",
    "free_space_floor_bytes": "0",
}


@dataclass(frozen=True)
class Taken:
    """What the processes of one role take together.

    Args:
        resident_bytes: Memory.
        descriptors: Open files, sockets and pipes.
    """

    resident_bytes: int
    descriptors: int

    def __str__(self) -> str:
        return f"{self.resident_bytes / MIB:.0f} MiB, {self.descriptors} descriptors"


@dataclass(frozen=True)
class Service:
    """A service with a stream, and a nowcast that observations can be added to.

    Args:
        client: Of its gateway.
        processes: By role, those that must not end.
        job_id: Of the nowcast.
        trace: What the gateway and its children opened; None: not recorded.
        data: Its data folder.
        models: Its registry.
    """

    client: httpx.Client
    processes: dict[str, int]
    job_id: str
    trace: Path | None
    data: Path
    models: Path

    def send(self, request: HostileRequest) -> httpx.Response:
        """The answer to a request."""
        method, path = {
            "nowcast": ("POST", "/nowcast"),
            "frame": ("PUT", f"{STREAM}/frames/2026-07-01T12:00:00Z?replace=true"),
            "observations": ("POST", f"/nowcast/{self.job_id}/observations"),
        }[request.target]
        kind = {"Content-Type": request.content_type, "Prefer": "wait=0"}
        return self.client.request(method, path, content=request.content, headers=kind)

    def taken(self) -> dict[str, Taken]:
        """What each role takes now; decoders and renderers together."""
        children = [pid for pid in children_of(self.processes["gateway"]) if is_decoder(pid)]
        roles = {name: [pid] for name, pid in self.processes.items()}
        return {role: _taken(pids) for role, pids in (*roles.items(), ("decoders", children))}

    def living(self) -> dict[str, int]:
        """The processes that live still."""
        return {role: pid for role, pid in self.processes.items() if Path(f"/proc/{pid}").exists()}

    def tracebacks(self) -> int:
        """How many errors that nobody expected the logs tell of."""
        logs = self.data.glob("echocast.*.log")
        return sum(log.read_text(errors="replace").count("Traceback (most") for log in logs)

    def foreign_files(self) -> set[str]:
        """What the gateway and its children opened, or tried to, that is none of the service's."""
        if self.trace is None:
            return set()
        return foreign(self.trace.read_text(errors="replace"), (str(self.data), str(self.models)))


@contextmanager
def service(folder: Path) -> Iterator[Service]:
    """Engine, worker and gateway until the context ends."""
    trace = folder / "opened" if shutil.which("strace") else None
    under = (*STRACE, "-o", str(trace)) if trace else ()
    models = registry(folder / "models", kernel=1, layers=2)
    with (
        place(models, **UNLIMITED) as where,
        engine_process(where) as engine,
        worker(where) as worker_process,
        gateway(where, under=under) as gate,
    ):
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        processes = {
            "gateway": gate.process.pid,
            "worker": worker_process.pid,
            "engine": engine.pid,
            "Valkey": children_of(engine.pid)[0],
        }
        yield Service(gate.client, processes, prepared(gate.client), trace, where.data, models)


def prepared(client: httpx.Client) -> str:
    """Declare the stream, and forecast the shower of the documentation; the id of the nowcast."""
    client.put(STREAM, json={"step_minutes": 5}).raise_for_status()
    answer = client.post("/nowcast", json=shower(10), headers={**JSON, **WAIT})
    answer.raise_for_status()
    return str(answer.json()["id"])


def children_of(parent: int) -> list[int]:
    """Ids of its child processes, the oldest first."""
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return sorted(int(pid) for task in tasks for pid in task.read_text().split())


def is_decoder(pid: int) -> bool:
    """Whether a process is a child of the gateway's pools."""
    try:
        return b"decoding.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _taken(pids: list[int]) -> Taken:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    descriptors = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)
    return Taken(pages * os.sysconf("SC_PAGE_SIZE"), descriptors)


def foreign(trace: str, own: tuple[str, ...]) -> set[str]:
    """Files in a record of strace that are neither program, library, system nor our own."""
    tried = (Path(match["folder"], match["name"]) for match in TRIED.finditer(trace))
    paths = {os.path.normpath(path) for path in tried}
    return {p for p in paths if not p.startswith((*PROGRAMS, *own)) and not HARMLESS.fullmatch(p)}
