"""The settings of a deployment: names and defaults that operators rely on; read once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from echocast.service.settings import ServiceSettings, unknown_settings
from echocast.workers.settings import WorkerSettings

DEFAULTS = """
adhoc_limit_bytes None
adhoc_look_seconds 60.0
access_log False
address_connection_limit 800
allowed_hosts
audit_limit_bytes 10485760
base_map_attribution
base_map_url
batch_cost None
batch_items 16
body_limit_bytes 268435456
caller_queue_limit 500
connection_limit 1000
data_dir echocast-data
decode_backlog 64
decode_memory_bytes None
decode_processes 2
decode_timeout_seconds 120.0
device auto
drain_seconds 1.0
engine_memory_bytes 536870912
engine_patience_seconds 60.0
engine_wait_seconds 30.0
event_floor_blocks 10
event_floor_pixels 1000
event_floor_storms 60
fetch_allow_private False
fetch_at None
fetch_contact
fetch_image_limit_bytes 268435456
fetch_key_file None
fetch_radius_km 200.0
fetch_sources
fetch_stream
fetch_url
free_space_floor_bytes 536870912
head_limit_bytes 65536
head_timeout_seconds 10.0
host 127.0.0.1
idempotency_ttl_seconds 86400
institution
janitor_seconds 5.0
job_deadline_seconds 900.0
job_timeout_seconds 1800.0
job_ttl_seconds 604800
keys
keys_file None
launch_timeout_seconds 300.0
lease_renewal_seconds 5.0
lease_seconds 15.0
linger_seconds 0.005
log text
log_level INFO
maximum_attempts 3
memory_bytes None
models_dir None
models_watch_seconds 2.0
mqtt_discovery_prefix homeassistant
mqtt_key_file None
mqtt_language en
mqtt_password_file None
mqtt_places
mqtt_seconds 30.0
mqtt_service_url
mqtt_stream
mqtt_time_zone
mqtt_url
notify_hosts
notify_key_file None
notify_seconds 30.0
notify_service_url
pixels_in_work None
port 8000
queue_limit 1000
rate_per_minute 1200
redis_url None
render_memory_bytes None
render_processes 1
renderings_per_minute 1200
retrain_config {}
retrain_interval_seconds 604800.0
retrain_on_drift False
retrain_promotes False
retry_after_seconds 5
shadow_days 14.0
shadow_fewest_blocks 12
shadow_fewest_pixels 100000
shadow_look_seconds 3600.0
shadow_promotes False
shadow_rolls_back False
shadow_share 0.1
sources_dir None
stop_grace_seconds 4.0
stream_sweep_seconds 10.0
streams_url None
threads None
trainer_device cpu
trainer_lease_seconds 60.0
trainer_look_seconds 30.0
trainer_threads None
umask 077
unclaimed_seconds 10.0
upload_files_limit 1000
upload_timeout_seconds 300.0
uploads_at_a_time 64
refusals_per_minute 30
wait_limit_seconds 30.0
worker_concurrency 16
maps_public False
metrics_by_lead False
public_url
tiles_stream
worker_metrics_host 127.0.0.1
worker_metrics_port 0
worker_tolerance_seconds 60.0
workers 1
stream_retention_gb None
stream_retention_seconds 300.0
"""
NAMES = dict((*line.split(maxsplit=1), "")[:2] for line in DEFAULTS.split("\n") if line)


@pytest.mark.parametrize("name", NAMES)
def test_each_variable_has_its_name_and_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"ECHOCAST_{name.upper()}"
    monkeypatch.delenv(variable, raising=False)
    assert str(getattr(ServiceSettings(), name)) == NAMES[name]
    kind = type(getattr(ServiceSettings(), name))
    text = {bool: "true", int: "1000", float: "0.5"}.get(kind, "7")
    words = {"log": "json", "log_level": "ERROR", "stream_retention_gb": "7.5"}
    words["mqtt_language"] = "de"
    text = words.get(name, text)
    text = "536870913" if name.endswith("memory_bytes") else text
    monkeypatch.setenv(variable, text)
    assert str(getattr(ServiceSettings(), name)) == text.replace("true", "True")


def test_no_variable_came_or_went() -> None:
    assert set(ServiceSettings.model_fields) == set(NAMES)


def test_settings_that_gateway_and_workers_share_are_declared_once() -> None:
    own = set(ServiceSettings.__annotations__)
    assert not own & set(WorkerSettings.model_fields)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ServiceSettings().port = 1  # type: ignore[misc]


def test_a_gateway_reads_its_environment_once(tmp_path: Path) -> None:
    """What changes in the environment afterwards changes nothing; arguments go before it."""
    code = """
import json, os
from echocast.service.app import create_app
from echocast.service.settings import ServiceSettings
settings = ServiceSettings(data_dir=os.environ["FOLDER"])
os.environ["ECHOCAST_DATA_DIR"] = "/dev/null/elsewhere"
os.environ["ECHOCAST_QUEUE_LIMIT"] = "nonsense"
create_app(settings)
print(json.dumps([str(settings.archive_root), settings.queue_limit]))
"""
    environment = {**os.environ, "FOLDER": str(tmp_path), "ECHOCAST_QUEUE_LIMIT": "7"}
    python = [sys.executable, "-c", code]
    done = subprocess.run(python, env=environment, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout or "null") == [str(tmp_path / "store"), 7], done.stderr


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("ECHOCAST_RATE_PER_MINUT", "ECHOCAST_RATE_PER_MINUTE"),
        ("ECHOCAST_REDIS", "ECHOCAST_REDIS_URL"),
        ("ECHOCAST_KEYFILE", "ECHOCAST_KEYS_FILE"),
        ("echocast_dat_dir", "ECHOCAST_DATA_DIR"),
    ],
)
def test_an_unknown_setting_is_named_with_the_nearest_one(variable: str, nearest: str) -> None:
    (sentence,) = unknown_settings([variable, "PATH", "ECHOCAST_PORT", "echocast_port"])
    assert sentence.startswith(f"There is no setting {variable.upper()};")
    assert sentence.endswith(f"Did you mean {nearest}?")


def test_a_setting_like_no_other_is_named_alone_and_known_ones_are_not() -> None:
    assert [*unknown_settings(["ECHOCAST_XYZZY_QUX_42"])] == [
        "There is no setting ECHOCAST_XYZZY_QUX_42; it changes nothing."
    ]
    known = [f"ECHOCAST_{name.upper()}" for name in NAMES]
    assert not [*unknown_settings([*known, "ECHOCAST_KEY", "ECHOCAST_TEST_DATA"])]


@pytest.mark.parametrize("command", ["up", "gateway", "worker", "trainer", "beat"])
def test_every_process_names_unknown_settings_at_start(command: str, tmp_path: Path) -> None:
    """A nonsensical umask ends each before it begins; the names come first."""
    settings = {"ECHOCAST_DATA_DIRR": "x", "ECHOCAST_UMASK": "9", "ECHOCAST_DATA_DIR": "data"}
    python = [sys.executable, "-m", "echocast.service.cli.main", command]
    done = subprocess.run(
        python,
        env={**os.environ, **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.startswith("echocast: There is no setting ECHOCAST_DATA_DIRR;")
    assert done.stderr.count("There is no setting") == 1
