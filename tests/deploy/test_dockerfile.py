"""The Dockerfile without an engine: a linter, its promises, and a gateway without PyTorch."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from dataclasses import replace
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import typer.main

from echocast.service.cli.main import app
from tests.deploy.compose_file import ROOT
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import other_storm, post
from tests.service.real_processes import Place, engine, eventually, gateway, place, pretend_worker

TEXT = (ROOT / "Dockerfile").read_text()
# Instructions, one a line, by the stage they stand in.
LINES = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", TEXT)).splitlines()
STAGE = re.compile(r"FROM (?P<base>\S+) AS (?P<name>\S+)")


def stages() -> dict[str, tuple[str, list[str]]]:
    """Name -> what it stands on, its instructions."""
    instructions: dict[str, tuple[str, list[str]]] = {}
    for line in filter(None, LINES):
        if stage := STAGE.fullmatch(line):
            instructions[stage["name"]] = stage["base"], []
        elif instructions:
            instructions[list(instructions)[-1]][1].append(line)
    return instructions


def whole(name: str) -> list[str]:
    """The instructions that make a stage, from its base image on."""
    base, own = stages()[name]
    return [*(whole(base) if base in stages() else []), *own]


STAGES = stages()
IMAGES = ("gateway", "worker")


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("DOCKERFILE NOT LINTED: there is no hadolint for this machine")
    linted = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_and_tells_its_health(image: str) -> None:
    lines = whole(image)
    assert lines.index("USER 10001:10001") > max(
        number for number, line in enumerate(lines) if line.startswith("RUN")
    )
    assert sum(line.startswith("HEALTHCHECK") for line in lines) == 1
    assert 'ENTRYPOINT ["echocast"]' in lines
    (command,) = json.loads(lines[-1].removeprefix("CMD "))
    assert command in typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("image", "port"), [("gateway", "ECHOCAST_PORT"), ("worker", "ECHOCAST_WORKER_METRICS_PORT")]
)
def test_ports_volumes_and_health_checks_are_those_of_the_settings(image: str, port: str) -> None:
    lines = whole(image)
    given = dict(re.findall(r"(ECHOCAST_\w+)=(\S+)", "\n".join(lines)))
    assert f"EXPOSE {given[port]}" in lines
    assert f"VOLUME {given['ECHOCAST_DATA_DIR']}" in lines
    assert given[port.replace("PORT", "HOST")] == "0.0.0.0"
    *_, url = health_check(lines)
    assert url.startswith(f"http://127.0.0.1:{given[port]}/")


def test_a_health_check_tells_what_answers_from_what_does_not() -> None:
    _, *command, _ = health_check(whole("gateway"))
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        ends = [
            subprocess.run(
                [sys.executable, *command, f"{url}{path}"], timeout=PATIENCE_SECONDS
            ).returncode
            for path in ("/healthz", "/missing")
        ]
        server.shutdown()
    assert ends == [0, 1]
    assert subprocess.run([sys.executable, *command, url], timeout=PATIENCE_SECONDS).returncode == 1


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def health_check(lines: list[str]) -> list[str]:
    """The words of an image's health check."""
    (line,) = [line for line in lines if line.startswith("HEALTHCHECK")]
    words: list[str] = json.loads(line.partition(" CMD ")[2])
    return words


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_is_installed_in_an_image_but_copied(image: str) -> None:
    runs = [line for line in whole(image) if line.startswith("RUN")]
    assert not [line for line in runs if re.search("apt|pip|gcc|build-essential", line)]
    copied = [line for line in STAGES[image][1] if line.startswith("COPY")]
    assert copied == [f"COPY --from={image}-build /opt/echocast /opt/echocast"]


def test_every_package_is_pinned_a_wheel_and_from_no_named_host() -> None:
    installs = re.findall(r"pip install.*?(?=&&|$)", "\n".join(LINES), re.MULTILINE)
    assert len(installs) == 6
    for install in installs:
        ours = "--no-deps --force-reinstall ." in install
        assert ours or "--only-binary :all:" in install
        assert ours or "--constraint constraints.txt" in install
    assert set(re.findall(r"https?://[^/:\"]+", TEXT)) == {"http://127.0.0.1"}
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in pinned if line.startswith("uv==")]


def test_pytorch_is_the_build_for_cpus_where_nothing_else_is_asked_for() -> None:
    """By a name that uv knows, so that no address of a package index stands here."""
    assert re.search(r"^ARG TORCH_BACKEND=cpu$", TEXT, re.MULTILINE)
    assert re.search(r"^ARG TORCH_INDEX=$", TEXT, re.MULTILINE)
    (line,) = [line for line in STAGES["worker-build"][1] if "--torch-backend" in line]
    choice = line.removeprefix("RUN ").partition(" && ")[0]
    for backend, index, expected in (
        ("cpu", "", "--torch-backend cpu"),
        ("", "", ""),
        ("cpu", "file:///indexes/ours", "--index-url file:///indexes/ours"),
    ):
        done = subprocess.run(
            ["sh", "-euc", f'{choice} && printf "%s" "$*"'],
            env={"TORCH_BACKEND": backend, "TORCH_INDEX": index},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == expected


def test_images_are_labelled() -> None:
    labels = {"title", "description", "licenses", "version", "revision"}
    for image in IMAGES:
        assert (
            set(re.findall(r"org\.opencontainers\.image\.(\w+)=", "\n".join(whole(image))))
            == labels
        )


def test_the_gateway_has_every_dependency_but_pytorch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "deploy" / "gateway-requirements.txt").read_text().splitlines()[1:]
    extras = project["optional-dependencies"]
    gateway_extras = ("service", "s3", "formats", "tracing")
    everything = [
        *project["dependencies"],
        *(name for extra in gateway_extras for name in extras[extra]),
    ]
    assert sorted(lines) == sorted(name for name in everything if not name.startswith("torch"))


def test_what_is_copied_exists_and_reaches_the_engine_and_nothing_else_does() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in rules if line.startswith("!")}
    copied = {
        source
        for line in LINES
        if line.startswith("COPY") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert rules[1] == "*"
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
    assert any(fnmatch("model/__pycache__", rule) for rule in rules)


@pytest.mark.parametrize("image", IMAGES)
def test_the_package_is_copied_with_the_folders_that_its_links_lead_to(image: str) -> None:
    """A link is copied as a link. The version, in ``echocast/``, is there before any install."""
    lines = STAGES[f"{image}-build"][1]
    links = {
        path.name: path.readlink() for path in (ROOT / "echocast").iterdir() if path.is_symlink()
    }
    assert links == {name: Path("..") / name for name in ("model", "workers", "service")}
    copied = [
        ROOT / source for line in lines if line.startswith("COPY") for source in line.split()[1:-1]
    ]
    for folder in ("model", "workers", "service"):
        for link in filter(Path.is_symlink, (ROOT / folder).rglob("*")):
            assert any(link.resolve().is_relative_to(source) for source in copied), link
    last = lines.index("RUN pip install --no-deps --force-reinstall .")
    assert all(f"COPY {name} {name}" in lines[:last] for name in links)
    first = next(n for n, line in enumerate(lines) if re.search(r"pip install.* '?\.", line))
    assert "COPY echocast echocast" in lines[:first]


def test_a_gateway_needs_no_pytorch(models: Path, tmp_path: Path) -> None:
    """It starts, answers, and takes a nowcast, where importing torch fails in all its processes."""
    (tmp_path / "torch.py").write_text("raise ImportError('There is no PyTorch here.')")
    with place(models) as home, engine(home):
        pretend_worker(home)
        where = replace(home, environment={**home.environment, "PYTHONPATH": str(tmp_path)})
        serves(where)


def serves(where: Place) -> None:
    with gateway(where) as gate:
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        assert "tiny" in {model["name"] for model in gate.client.get("/models").json()["models"]}
        assert post(gate.client, other_storm(80)).status_code == 202
