"""deploy/kustomization.yaml: schemas of Kubernetes, its restricted profile, and our own command."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kubernetes_validate
import pytest
import typer.main
import yaml

from echocast.service.cli.main import app
from tests.deploy.compose_file import ROOT
from tests.deploy.test_compose import SERVICES, SETTINGS
from tests.deploy.test_dockerfile import whole
from tests.patience import PATIENCE_SECONDS

VERSION = "1.37"
FOLDER = ROOT / "deploy"
OFFERED = "#  - kubernetes/"
CLIENTS = {"fetch": "ECHOCAST_KEY", "mqtt": "METRICS_KEY", "notify": "METRICS_KEY"}


@cache
def rendered() -> list[dict[str, Any]]:
    """What would be applied, with what is there for those who want it."""
    if shutil.which("kubectl") is None:
        pytest.skip("KUSTOMIZATION NOT TESTED: there is no kubectl, which renders it")
    with TemporaryDirectory() as name:
        folder = shutil.copytree(FOLDER, Path(name) / "deploy")
        text = (file := folder / "kustomization.yaml").read_text()
        assert text.count(OFFERED) == len(CLIENTS)
        file.write_text(text.replace(OFFERED, OFFERED.removeprefix("#")))
        done = subprocess.run(
            ["kubectl", "kustomize", str(folder)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(*kinds: str) -> dict[str, dict[str, Any]]:
    return {r["metadata"]["name"]: r for r in rendered() if r["kind"] in kinds}


def pods() -> dict[str, dict[str, Any]]:
    """Specifications of pods, by the name of what makes them."""
    made = of_kind("Deployment", "StatefulSet")
    return {name: one["spec"]["template"]["spec"] for name, one in made.items()}


def test_every_field_is_one_of_kubernetes() -> None:
    for resource in rendered():
        kubernetes_validate.validate(resource, VERSION, strict=True)
    wrong = {**of_kind("Deployment")["beat"], "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_pods_obey_the_restricted_profile_which_their_namespace_enforces() -> None:
    (namespace,) = of_kind("Namespace").values()
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    for name, pod in pods().items():
        context = pod["securityContext"]
        assert context["runAsNonRoot"], name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert not pod["automountServiceAccountToken"]
        volumes = [set(volume) - {"name"} for volume in pod.get("volumes", [])]
        assert all(kind <= {"configMap", "emptyDir", "persistentVolumeClaim"} for kind in volumes)
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]


def test_users_are_those_of_the_images() -> None:
    users = {name: pod["securityContext"]["runAsUser"] for name, pod in pods().items()}
    engine = int(SERVICES["valkey"]["user"].split(":")[0])
    assert users.pop("valkey") == engine
    assert set(users.values()) == {10001}
    assert "USER 10001:10001" in whole("gateway")


@pytest.mark.parametrize("name", ["gateway", "worker", "trainer", "beat"])
def test_commands_variables_and_ports_are_ours(name: str) -> None:
    (container,) = pods()[name]["containers"]
    assert container["args"] == [name]
    assert name in typer.main.get_command(app).commands  # type: ignore[attr-defined]
    names = {variable["name"] for variable in container["env"]}
    assert names - {"ENGINE_PASSWORD"} <= SETTINGS
    assert container["image"].split(":")[0] == SERVICES[name]["image"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pods()[name]["volumes"]}
    for port in container.get("ports", []):
        assert f"EXPOSE {port['containerPort']}" in whole(SERVICES[name]["image"].split("-")[1])


@pytest.mark.parametrize("name", CLIENTS)
def test_clients_have_a_key_of_the_service_and_nothing_of_the_engine(name: str) -> None:
    (container,) = pods()[name]["containers"]
    assert container["args"][0] == name
    assert container["image"].split(":")[0] == SERVICES[name]["image"]
    variables = {one["name"]: one for one in container["env"]}
    assert set(variables) <= SETTINGS | {"ECHOCAST_KEY"}
    assert not {"ENGINE_PASSWORD", "ECHOCAST_REDIS_URL"} & set(variables)
    assert variables["ECHOCAST_KEY"]["valueFrom"]["secretKeyRef"]["key"] == CLIENTS[name]
    where = [*container["args"], *(f"--url={one.get('value')}" for one in container["env"])]
    assert "--url=http://gateway:8000" in where


def test_the_gateway_knows_where_messages_may_go_once_that_is_offered() -> None:
    (gateway,), (notify,) = (pods()[name]["containers"] for name in ("gateway", "notify"))
    sources = [
        {one["name"]: one for one in container["env"]}["ECHOCAST_NOTIFY_HOSTS"]["valueFrom"]
        for container in (gateway, notify)
    ]
    assert sources[0]["configMapKeyRef"].pop("optional")
    assert sources[0] == sources[1]
    assert of_kind("ConfigMap")["notify"]["data"].keys() == {"ECHOCAST_NOTIFY_HOSTS"}


def test_the_engine_is_that_of_compose_and_has_its_settings() -> None:
    (container,) = pods()["valkey"]["containers"]
    assert container["image"] == SERVICES["valkey"]["image"]
    assert container["command"] == SERVICES["valkey"]["entrypoint"]
    (settings,) = (one for name, one in of_kind("ConfigMap").items() if name != "notify")
    for name, text in settings["data"].items():
        assert text == (FOLDER / "valkey" / name).read_text()


def test_who_serves_is_asked_whether_it_is_well() -> None:
    for name in ("gateway", "worker", "valkey"):
        (container,) = pods()[name]["containers"]
        assert {"startupProbe", "livenessProbe"} <= set(container), name
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            port = container.get(probe, {}).get("httpGet", {}).get("port")
            assert port is None or port in {port["name"] for port in container["ports"]}


def test_nobody_reaches_a_pod_but_by_a_policy_and_services_lead_to_pods() -> None:
    policies = {name: one["spec"] for name, one in of_kind("NetworkPolicy").items()}
    assert policies.pop("nobody") == {"podSelector": {}, "policyTypes": ["Ingress"]}
    ports = {
        label["matchLabels"]["app"]: one["ingress"][0]["ports"]
        for one in policies.values()
        if (label := one["podSelector"])
    }
    assert set(ports) == {"gateway", "worker", "valkey"}
    for app_name, allowed in ports.items():
        (container,) = pods()[app_name]["containers"]
        assert [port["port"] for port in allowed] == [port["name"] for port in container["ports"]]
    for name, service in of_kind("Service").items():
        made = of_kind("Deployment", "StatefulSet")[name]
        labels = made["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
