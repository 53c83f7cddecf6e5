"""Addresses, settings, loaded networks, merged observations, metrics."""

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from pydantic import ValidationError

from echocast.model.frames import Frames
from echocast.service.http.described_model import attribute_docstrings
from echocast.workers.engine.url import (
    broker_url,
    client_url,
    connection_options,
    embedded_url,
    without_password,
)
from echocast.workers.errors import EngineError
from echocast.workers.jobs.job import Sweep
from echocast.workers.jobs.queue import NOWCAST, Publisher, celery_app
from echocast.workers.metrics import WorkerMetrics
from echocast.workers.settings import WorkerSettings
from tests.workers.storms import storm


def test_plain_network_addresses_stay_as_they_are() -> None:
    url = "redis://user:secret@host:6379/2"
    assert client_url(url) == broker_url(url) == url


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        ("", "ssl_cert_reqs=required&ssl_check_hostname=true"),
        (
            "?ssl_ca_certs=/a/ca.crt",
            "ssl_cert_reqs=required&ssl_check_hostname=true&ssl_ca_certs=/a/ca.crt",
        ),
        ("?ssl_cert_reqs=none", "ssl_cert_reqs=none&ssl_check_hostname=false"),
    ],
)
def test_certificates_are_checked_unless_the_address_says_otherwise(asked: str, query: str) -> None:
    url = "rediss://user:se%2Fcret@host:6380/0"
    assert client_url(url + asked) == broker_url(url + asked) == f"{url}?{query}"
    assert client_url(client_url(url + asked)) == client_url(url + asked)


def test_only_a_network_can_fall_silent() -> None:
    assert connection_options("unix:///a/b.sock?db=0") == {}
    options = connection_options("redis://host")
    assert options["socket_timeout"] > 1  # Celery's blocking read takes a second
    assert options["socket_keepalive"]


def test_a_log_shows_no_password() -> None:
    url = "rediss://user:secret@host:6380/0?ssl_ca_certs=/a/ca.crt"
    assert without_password(url) == "rediss://host:6380/0"
    assert without_password("unix:///a/b.sock?db=0") == "unix:///a/b.sock"


@pytest.mark.parametrize(
    "url", ["unix:///a/b.sock?db=3", "redis+socket:///a/b.sock?virtual_host=3"]
)
def test_a_socket_has_two_spellings(url: str) -> None:
    assert client_url(url) == "unix:///a/b.sock?db=3"
    assert broker_url(url) == "redis+socket:///a/b.sock?virtual_host=3"


def test_odd_folder_names_survive_both_spellings(tmp_path: Path) -> None:
    url = embedded_url(tmp_path / "rain & snow 100%")
    assert "%25" in broker_url(url)
    assert client_url(client_url(url)) == client_url(url)


@pytest.mark.parametrize("url", ["http://host", "host:6379", ""])
def test_other_addresses_are_refused(url: str) -> None:
    for spell in (client_url, broker_url):
        with pytest.raises(EngineError, match="starts with redis"):
            spell(url)


def test_celery_uses_tls_for_rediss() -> None:
    with celery_app("rediss://host:6380/0?ssl_cert_reqs=required").connection() as connection:
        assert connection.as_uri().startswith("rediss://")


def test_settings_come_from_the_environment_and_are_frozen(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ECHOCAST_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ECHOCAST_LEASE_SECONDS", "2.5")
    settings = WorkerSettings()
    assert settings.job_policy.lease_seconds == 2.5
    assert settings.archive_root == tmp_path / "store"
    assert settings.engine_url == embedded_url(tmp_path / "engine")
    assert WorkerSettings(redis_url="redis://far").engine_url == "redis://far"
    with pytest.raises(ValidationError):
        settings.threads = 3
    with pytest.raises(ValidationError):
        WorkerSettings(lease_seconds=0)


def test_every_setting_says_what_it_is() -> None:
    assert WorkerSettings.model_fields.keys() == attribute_docstrings(WorkerSettings).keys()


def test_merged_observations_are_sorted_and_the_later_part_counts() -> None:
    early, late = storm(1, frames=2, first=12), storm(2, frames=2, first=11)
    both = Frames.overlaid([early, late])
    assert both.times == (*late.times, early.times[1])
    assert (both.reflectivity_dbz[1] == late.reflectivity_dbz[1]).all()
    assert Frames.overlaid([early]) is early


def scores(hits: int) -> dict:
    table = {"hits": hits, "misses": 1, "false_alarms": 0, "correct_negatives": 9}
    return {"methods": {"model": {"30": {"leads": [table], "pooled": table}}}}


def sample(metrics: WorkerMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_scores_are_counted_once_however_often_they_are_recounted() -> None:
    metrics = WorkerMetrics()
    metrics.on_scores(scores(2), None)
    metrics.on_scores(scores(2), scores(2))
    metrics.on_scores(scores(5), scores(2))
    labels = {"method": "model", "threshold_dbz": "30", "lead": "1"}
    name = "echocast_verification_pixels_total"
    assert sample(metrics, name, outcome="hits", **labels) == 5
    assert sample(metrics, name, outcome="misses", **labels) == 1


def test_metrics_have_base_units_and_no_ids() -> None:
    metrics = WorkerMetrics()
    metrics.on_end("succeeded", {"network": 0.2, "total": 0.3})
    metrics.on_launch(3, 0.2)
    metrics.on_split(MemoryError())
    metrics.on_sweep(Sweep(("a", "b"), (), (), 1, 2, 3))
    text = generate_latest(metrics.registry).decode()
    assert 'echocast_job_phase_seconds_sum{phase="network"} 0.2' in text
    assert 'echocast_launch_splits_total{reason="out-of-memory"} 1.0' in text
    for decision, count in {"published": 1, "lapsed": 1, "poisoned": 2, "expired": 3}.items():
        assert f'echocast_janitor_jobs_total{{decision="{decision}"}} {count}.0' in text


def test_the_door_can_import_what_it_needs_without_torch() -> None:
    program = (
        "import sys\n"
        "from echocast.workers import settings\n"
        "from echocast.workers.archive import archive\n"
        "from echocast.workers.engine import embedded\n"
        "from echocast.workers.jobs import queue, store\n"
        "heavy = {'torch', 'netCDF4', 'h5py', 'xarray', 'cv2', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_whatever_breaks_while_publishing_is_left_to_the_janitor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """kombu lets an AttributeError through when a connection dies in its hands."""
    publisher = Publisher("redis://127.0.0.1:1/0")

    def torn(*_: object, **__: object) -> None:
        raise AttributeError("'NoneType' object has no attribute 'client'")

    monkeypatch.setattr("celery.Celery.send_task", torn)
    assert publisher.publish(NOWCAST, "a" * 8) is False
    publisher.close()
