"""``echocast up`` as one process tree, two of them side by side, and the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from echocast.service.processes.listening import bound_socket
from echocast.service.processes.readiness import stop_process, wait_until
from echocast.workers.runtime.refusal import REFUSED
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.service.bodies import NETCDF, WAIT, netcdf
from tests.service.command_line import echocast
from tests.service.nowcasts.test_nothing_lost import alive
from tests.service.real_processes import Gateway, Place, eventually, place, start

CLI = [sys.executable, "-m", "echocast.service.cli.main"]
HEAVY = ("torch", "netCDF4", "h5py", "xarray", "cv2", "matplotlib")


@contextmanager
def service(where: Place, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    port = free_port()
    process = start("echocast.service.cli.main", where, "up", "--port", str(port), *options)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(f"{url}/readyz", process, PATIENCE_SECONDS)
        with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            yield process, client
    finally:
        stop_process(process)


def descendants(pid: int) -> list[int]:
    try:
        listed = list(Path(f"/proc/{pid}/task").glob("*/children"))
        children = [int(child) for path in listed for child in path.read_text().split()]
    except OSError:
        return []
    return [*children, *(pid for child in children for pid in descendants(child))]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def trainer_and_beat_run(process: subprocess.Popen[bytes], where: Place) -> None:
    lines = [command_line(pid) for pid in descendants(process.pid)]
    for module in ("echocast.workers.retraining.trainer", "echocast.workers.retraining.beat"):
        (line,) = [line for line in lines if module in line]
        assert "parent_watch" in line
    log = where.data / "echocast.service.cli.main.log"
    eventually(lambda: "Beat asks for a retraining" in log.read_text())
    assert "is started again" not in log.read_text()


def test_two_services_side_by_side(models: Path) -> None:
    """Each serves its own, one retrains; what dies comes back; SIGINT and SIGKILL leave nothing."""
    with (
        place(models, log="json", unknown="x") as here,
        place(models) as there,
        service(here) as (first, one),
        service(there, "--retrain") as (second, two),
    ):
        trainer_and_beat_run(second, there)
        headers = {**NETCDF, **WAIT}
        job = one.post("/nowcast", content=netcdf(), headers=headers).json()
        assert job["status"] == "succeeded"
        assert two.get(job["links"]["self"]).status_code == 404
        metrics = one.get("/metrics").text
        assert "echocast_http_requests_total" in metrics
        assert "echocast_worker" in metrics or "echocast_job" in metrics

        gateway_pid = next(
            p
            for p in descendants(first.pid)
            if "echocast.service.processes.gateway" in command_line(p)
        )
        os.kill(gateway_pid, signal.SIGKILL)
        eventually(lambda: one.get("/healthz").status_code == 200)
        assert one.get(job["links"]["self"]).json()["status"] == "succeeded"

        # engine and Valkey, worker, gateway with a renderer and as many decoders as memory allows
        eventually(lambda: min(len(descendants(tree.pid)) for tree in (first, second)) >= 6)
        trees = descendants(first.pid), descendants(second.pid)
        first.kill()
        second.send_signal(signal.SIGINT)
        assert second.wait(PATIENCE_SECONDS) == 0
        eventually(lambda: not any(alive(pid) for pid in trees[1]))
        eventually(lambda: not any(alive(pid) for pid in trees[0]))
        own_sentences_are_json(here)


def own_sentences_are_json(where: Place) -> None:
    """Those of the command itself, and what its supervisor says."""
    log = (where.data / "echocast.service.cli.main.log").read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    own = [line["message"] for line in lines if line["role"] == "up"]
    assert log.count("Echocast starts on") == log.count("Ready.") == 1
    for beginning in (
        "There is no setting ECHOCAST_UNKNOWN",
        "Echocast starts on",
        "Ready.",
        "The gateway ended (-9)",
    ):
        assert any(message.startswith(beginning) for message in own), (beginning, own)


def test_an_engine_that_is_killed_while_it_starts_is_started_again(models: Path) -> None:
    """The engine's supervisor is killed, then every Valkey that it starts, until it has given up.

    Valkey has enough data to load that it is met before it answers.
    """
    with place(models) as where, service(where) as (process, client):
        store = where.store()
        store.engine.redis.eval(MANY_KEYS, 0)
        store.close()
        log = where.data / "echocast.service.cli.main.log"
        (supervisor,) = children(process.pid, "service.processes.engine")
        os.kill(supervisor, signal.SIGKILL)

        def has_given_up() -> bool:
            for pid in children(process.pid, "valkey-server"):
                os.kill(pid, signal.SIGKILL)
            return "The embedded engine did not start" in log.read_text()

        give_up = time.monotonic() + PATIENCE_SECONDS
        while not has_given_up() and time.monotonic() < give_up:
            time.sleep(0.002)
        eventually(lambda: process.poll() is not None or client.get("/readyz").status_code == 200)
        assert process.poll() is None, log.read_text()[-2000:]
        answer = client.post("/nowcast", content=netcdf(), headers={**NETCDF, **WAIT})
        assert answer.json()["status"] == "succeeded"


MANY_KEYS = "for n = 1, 200000 do redis.call('SET', 'echocast-test:' .. n, n) end"


def children(pid: int, name: str) -> list[int]:
    """Descendants whose command line has that name; valkey sets its title once it runs."""
    named = []
    for child in descendants(pid):
        with suppress(OSError):
            if name in command_line(child):
                named.append(child)
    return named


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        env={**os.environ, **environment},
    )


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with bound_socket("127.0.0.1", 0) as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        for role in ("up", "gateway"):
            done = run(role, "--port", port, "--data", str(tmp_path))
            assert done.returncode == REFUSED
            assert done.stderr.splitlines()[-1].startswith("echocast: Cannot listen")
            assert "Traceback" not in done.stderr


def test_a_taken_port_for_metrics_is_one_sentence(tmp_path: Path) -> None:
    """Of any worker; the gateway's own is taken, too."""
    first = free_port(2)
    with bound_socket("127.0.0.1", first + 1) as taken:
        taken.listen()
        done = refused_ports(tmp_path, "--port", "0", first=first)
    ours = refused_ports(tmp_path, "--port", str(first + 1), first=first)
    sentence = f"echocast: Cannot listen on 127.0.0.1 port {first + 1}: Address already in use."
    assert done.stderr.splitlines() == ours.stderr.splitlines() == [sentence]


def refused_ports(data: Path, *options: str, first: int) -> subprocess.CompletedProcess[str]:
    metrics = {"ECHOCAST_WORKER_METRICS_PORT": str(first)}
    done = echocast("up", "--workers", "2", "--data", str(data), *options, **metrics)
    assert done.returncode == REFUSED
    return done


def test_an_address_that_is_not_ours_is_one_sentence(tmp_path: Path) -> None:
    _, line = echocast("key", "submit", "team").stdout.splitlines()
    there = ("--host", "192.0.2.1", "--port", "0")
    done = echocast("up", *there, "--data", str(tmp_path), ECHOCAST_KEYS=line)
    assert done.returncode == REFUSED
    assert done.stderr.startswith("echocast: Cannot listen on 192.0.2.1 port 0: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_row_of_ports_that_cannot_be_is_not_sought_for_ever() -> None:
    module = "echocast.service.processes.listening"
    code = f"from {module} import free_port; free_port('127.0.0.1', 70000)"
    python = [sys.executable, "-c", code]
    done = subprocess.run(
        python, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert "StartRefused: No 70000 free TCP ports in a row" in done.stderr.splitlines()[-1]


def test_bad_settings_are_one_sentence(tmp_path: Path) -> None:
    for done in (
        echocast("up", "--data", str(tmp_path), ECHOCAST_PORT="many"),
        echocast("up", "--host", "0.0.0.0", "--data", str(tmp_path)),
        echocast("up", "--retrain", "--data", str(tmp_path), ECHOCAST_RETRAIN_CONFIG="{steps: 5}"),
        echocast(
            "up", "--retrain", "--data", str(tmp_path), ECHOCAST_RETRAIN_CONFIG='{"steps": -5}'
        ),
    ):
        assert done.returncode == REFUSED
        assert done.stderr.startswith("echocast: ")
        assert len(done.stderr.splitlines()) == 1
    unknown = echocast("key", "everything")
    assert unknown.returncode == 2  # not a command
    assert "Traceback" not in unknown.stderr


def test_version_and_key() -> None:
    assert json.loads(echocast("version", "--json").stdout)["echocast"]
    secret, line = echocast("key", "submit", "team").stdout.splitlines()
    assert secret.startswith("echocast_")
    assert line.endswith(" submit team")
    assert secret not in line


def test_nowcast_without_a_server(models: Path, tmp_path: Path) -> None:
    (tmp_path / "in.nc").write_bytes(netcdf(frames=20))
    output = tmp_path / "out.nc"
    reference = "2026-07-01T12:54:00Z"
    arguments = ("--output", str(output), "--reference-time", reference, "--json")
    done = run("nowcast", str(tmp_path / "in.nc"), *arguments, ECHOCAST_MODELS_DIR=str(models))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verification"]["sample"]["frames"] == 10
    assert output.is_file()
    missing = run("nowcast", str(tmp_path / "none.nc"), "-o", str(output))
    assert missing.returncode == 2
    assert "none.nc'doesnotexist" in re.sub(r"[\s│]", "", missing.stderr)  # in a box, wrapped
    (tmp_path / "none.nc").write_bytes(b"not radar")
    unreadable = run("nowcast", str(tmp_path / "none.nc"), "-o", str(output))
    assert unreadable.returncode == 1
    assert unreadable.stderr.startswith("echocast: none.nc must be NetCDF, HDF5")
    assert "Traceback" not in missing.stderr + unreadable.stderr


def test_the_gateway_stays_light() -> None:
    modules = (
        "echocast.service.processes.up",
        "echocast.service.processes.gateway",
        "echocast.service.cli.main",
    )
    code = f"""
import importlib, sys
for module in {(*modules, "echocast.service.demo.demo")}:
    importlib.import_module(module)
    print(module, [name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if not line.endswith(" []")] == []
    assert len(done.stdout.splitlines()) == 4


def test_a_gateway_that_has_worked_is_still_light(door: Gateway) -> None:
    """No library that could crash on a hostile file is ever mapped into the gateway."""
    answer = door.client.post("/nowcast", content=netcdf(seed=80), headers=NETCDF)
    assert answer.status_code == 202
    maps = Path(f"/proc/{door.process.pid}/maps").read_text().lower()
    assert not [name for name in ("torch", "netcdf", "hdf5", "cv2") if name in maps]
    door.client.delete(answer.headers["location"])


def test_demo_runs_from_start_to_end(models: Path, tmp_path: Path) -> None:
    done = run("demo", "--output", str(tmp_path / "out"), ECHOCAST_MODELS_DIR=str(models))
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"input.nc", "forecast.nc", "forecast.png", "loop.webp", "scores.json"}
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["sample"]["frames"] == 10
    assert "persistence" in done.stdout
    assert "equals extrapolation" in done.stdout


def test_demo_takes_a_persons_files(models: Path, tmp_path: Path) -> None:
    nonsense = tmp_path / "mine.nc"
    nonsense.write_bytes(b"not radar")
    done = run("demo", str(nonsense), "--output", str(tmp_path), ECHOCAST_MODELS_DIR=str(models))
    assert done.returncode == 1
    assert done.stderr.startswith("echocast: ")
    assert "mine.nc" in done.stderr


def test_children_do_not_inherit_the_listening_socket() -> None:
    """A child that outlives a killed gateway for a moment would keep its port from the next one."""
    with bound_socket("127.0.0.1", 0) as listener:
        assert not listener.get_inheritable()
