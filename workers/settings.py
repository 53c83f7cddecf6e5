"""Deployment settings of a worker, read once from the environment at the process edge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from echocast.workers.engine.url import embedded_url
from echocast.workers.runtime.machine import MIB, usable_bytes

if TYPE_CHECKING:
    from echocast.workers.jobs.job import JobPolicy

WORKER_BYTES = 512 * MIB  # of a worker without jobs, and of the smallest
MOST_PIXELS, BYTES_A_PIXEL = 40_000_000, 50
OWN_FOLDERS = (  # in ``data_dir``
    *("store", "models", "engine", "retraining", "copies", "audit", "rules"),
)


class WorkerSettings(BaseSettings):
    """Addresses, folders, limits and times of a worker; prefix ``ECHOCAST_``."""

    model_config = SettingsConfigDict(env_prefix="ECHOCAST_", frozen=True, extra="ignore")

    data_dir: Path = Path("echocast-data")
    """Folder of the archive (``store``) and of the embedded engine (``engine``)."""
    institution: str = Field(default="", max_length=200)
    """Who runs this service: stands as ``institution`` in every forecast file."""
    umask: str = Field(default="077", pattern="^[0-7]{1,4}$")
    """Permissions that nobody gets on files of the service, in octal: 077 keeps them to its user,
    027 lets its group read. Folders of ``data_dir`` lose them when a process starts."""
    log: Literal["text", "json"] = "text"
    """Form of log lines: ``text`` for people, ``json`` for machines, one object a line."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Level from which on messages of Echocast are logged; those of libraries from WARNING on."""
    redis_url: str | None = None
    """redis://, rediss://, unix:// or redis+socket:// address; unset: the embedded engine."""
    models_dir: Path | None = None
    """Folder of the model registry, which hosts may share; unset: ``models`` in ``data_dir``. The
    first start takes over the models that ship with Echocast."""
    models_watch_seconds: float = Field(default=2.0, gt=0)
    """Seconds after which a worker reads again which model is the champion."""
    shadow_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the nowcasts of streams that a challenger makes as well, to be scored beside the
    champion; they are not served."""
    shadow_promotes: bool = False
    """Whether a challenger that live scores show to be better is promoted."""
    shadow_rolls_back: bool = False
    """Whether the model before a promotion goes on in the shadow for ``shadow_days``, and serves
    again where live scores show it to be better."""
    shadow_days: float = Field(default=14.0, gt=0)
    """Days of live scores that are compared, back from the newest frame."""
    shadow_fewest_blocks: int = Field(default=12, ge=2)
    """Blocks of six hours with rain of 30 dBZ in them, below which nothing is decided."""
    shadow_fewest_pixels: int = Field(default=100_000, ge=1)
    """Pixels hit, missed or falsely alarmed, below which nothing is decided."""
    shadow_look_seconds: float = Field(default=3600.0, gt=0)
    """Seconds between two comparisons of live scores."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:<index>``: one device per worker process."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of the network on a CPU; unset: as many as there are CPUs in the quota of this
    process's container, and as it may run on."""
    memory_bytes: int | None = Field(default=None, ge=512 * MIB)
    """Memory that this process and its children may use, in bytes; unset: that of its container,
    else of the machine. ``pixels_in_work`` and the limits of the gateway's children follow."""
    engine_memory_bytes: int = Field(default=512 * MIB, ge=64 * MIB)
    """Memory that the embedded engine's data may take, in bytes; then it refuses to write. Each
    stream has sums of 400 days, counted pairs and jobs there, up to 70 MB in all."""
    engine_wait_seconds: float = Field(default=30.0, ge=0)
    """Seconds a starting worker waits for its engine before it gives up."""
    engine_patience_seconds: float = Field(default=60.0, ge=0)
    """Seconds a worker tries again to reach an engine that went away in the middle of a job."""

    lease_seconds: float = Field(default=15.0, gt=0)
    """Seconds after which a job whose worker fell silent is given to another."""
    lease_renewal_seconds: float = Field(default=5.0, gt=0)
    """Seconds between two renewals of leases and of the worker's heartbeat."""
    janitor_seconds: float = Field(default=5.0, gt=0)
    """Seconds between two sweeps of the elected janitor."""
    unclaimed_seconds: float = Field(default=10.0, gt=0)
    """Seconds a job may wait unclaimed before the janitor checks whether its message was lost."""
    maximum_attempts: int = Field(default=3, ge=1)
    """Workers that one job may end before it fails as poison."""
    queue_limit: int = Field(default=1000, ge=1)
    """Jobs that may wait; more are refused."""
    caller_queue_limit: int = Field(default=500, ge=1)
    """Jobs of one key (or address, without keys) that may wait; more are refused."""
    job_deadline_seconds: float = Field(default=900.0, gt=0)
    """Seconds after submission when a job that still waits expires."""
    job_ttl_seconds: int = Field(default=7 * 86400, ge=1)
    """Seconds the engine remembers a job after its end; the archive keeps the files."""
    idempotency_ttl_seconds: int = Field(default=86400, ge=1)
    """Seconds an idempotency key is remembered."""

    worker_concurrency: int = Field(default=16, ge=1)
    """Jobs one worker prepares and writes at the same time, and a small one more of an account that
    has no other there."""
    batch_items: int = Field(default=16, ge=1)
    """Most jobs in one launch of the network."""
    batch_cost: int | None = Field(default=None, ge=1)
    """Most pixels x frames in one launch; a single larger job still runs, alone. Unset: 500 000 on
    a CPU, where larger launches are no faster and make other callers wait, 16 000 000 on a GPU. On
    a CPU a million takes about 150 MB while the network runs."""
    linger_seconds: float = Field(default=0.005, ge=0, le=1)
    """Longest wait for more jobs before a launch, only while others are being prepared."""
    launch_timeout_seconds: float = Field(default=300.0, gt=0)
    """Seconds without a step of the network after which it counts as hung and the worker exits."""
    job_timeout_seconds: float = Field(default=1800.0, gt=0)
    """Seconds after which a phase of a job, waiting apart, counts as hung and the worker exits."""
    stop_grace_seconds: float = Field(default=4.0, ge=0)
    """Seconds that running jobs may go on after SIGTERM; then they go back into the queue."""
    pixels_in_work: int | None = Field(default=None, ge=1)
    """Most pixels x frames of all jobs in one worker, in any phase; a single larger job still runs,
    alone. An eighth of it is for a job of an account that has no other there. A million holds about
    50 MB outside the network. Unset: 40 000 000, or what fits into ``memory_bytes`` beside 512 MiB
    of the worker itself."""

    streams_url: str | None = None
    """Object store of streams, e.g. ``s3://bucket/prefix``; unset: the archive in ``data_dir``."""
    stream_sweep_seconds: float = Field(default=10.0, gt=0)
    """Seconds between two searches for frames of streams that are not processed to their end."""

    event_floor_pixels: int = Field(default=1000, ge=1)
    """Pixels hit, missed or falsely alarmed below which dashboards show no score."""
    event_floor_blocks: int = Field(default=10, ge=0)
    """Blocks of six hours with such pixels below which dashboards show no score."""
    event_floor_storms: int = Field(default=60, ge=0)
    """Storms (regions of 10 km2 or more, hour by hour) below which dashboards show no score."""

    retrain_interval_seconds: float = Field(default=7 * 86400.0, gt=0)
    """Seconds between two retrainings that the schedule asks for."""
    retrain_on_drift: bool = False
    """Whether a retraining is requested when the model of a stream becomes worse."""
    retrain_promotes: bool = False
    """Whether a challenger that won becomes the champion at once; else it only is challenger."""
    retrain_config: str = "{}"
    """JSON: what retrainings train on and how they judge, e.g. ``{"streams": ["radar"]}``.
    A started retraining goes on only with the same value; the log says how to start anew."""
    trainer_device: str = "cpu"
    """Device of trainings; a GPU should be one that serves no forecasts."""
    trainer_threads: int | None = Field(default=None, ge=1)
    """Threads of a training on a CPU; unset: half as many as a worker has."""
    trainer_lease_seconds: float = Field(default=60.0, gt=0)
    """Seconds after which a retraining whose trainer fell silent is given to another."""
    trainer_look_seconds: float = Field(default=30.0, gt=0)
    """Seconds after which a trainer asks the engine again, as a message may be lost."""

    free_space_floor_bytes: int = Field(default=512 * 1024 * 1024, ge=0)
    """Bytes that must stay free on the archive's disk; below, new work is refused."""
    adhoc_limit_bytes: int | None = Field(default=None, ge=0)
    """Bytes that nowcasts of no stream may take in the archive; unset: a fifth of the disk, at most
    20 GiB. The oldest go first, also where less than twice ``free_space_floor_bytes`` is free. What
    is an hour young stays."""
    stream_retention_gb: float | None = Field(default=None, gt=0)
    """GB (10^9 bytes) that frames and forecasts of one stream may take, where its declaration names
    no other ``retention_gb``; unset: its part of three fifths of the disk, at most 10. The oldest
    forecasts go first, then the oldest frames. Where the disk is nearly full all the same, the
    largest stream gives what is missing. Files of the newest 24 steps and of the longest gap
    stay."""
    stream_retention_seconds: float = Field(default=300.0, gt=0)
    """Seconds between two looks for files of streams that are not needed any more."""
    adhoc_look_seconds: float = Field(default=60.0, gt=0)
    """Seconds between two checks of that limit."""
    worker_metrics_host: str = "127.0.0.1"
    """Address on which the worker's metrics are served."""
    worker_metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of the worker's metrics for Prometheus; 0 means off. ``/metrics`` of the gateway relays
    those of ``workers`` workers from this port on."""

    @property
    def launch_cost(self) -> int:
        """Most pixels x frames in one launch on this worker's device."""
        return self.batch_cost or (16_000_000 if self.device.startswith("cuda") else 500_000)

    @property
    def usable_memory_bytes(self) -> int:
        """Memory of this process and its children."""
        return self.memory_bytes or usable_bytes()

    @property
    def pixel_budget(self) -> int:
        """Most pixels x frames of all jobs in this worker."""
        fitting = (self.usable_memory_bytes - WORKER_BYTES) // BYTES_A_PIXEL
        return self.pixels_in_work or max(1, min(MOST_PIXELS, fitting))

    @property
    def archive_root(self) -> Path:
        """Folder of inputs, forecasts and verification."""
        return self.data_dir / "store"

    @property
    def models_root(self) -> Path:
        """Folder of the model registry."""
        return self.models_dir or self.data_dir / "models"

    @property
    def engine_directory(self) -> Path:
        """Folder of the embedded engine: socket, data, log."""
        return self.data_dir / "engine"

    @property
    def own_folders(self) -> list[Path]:
        """Folders in ``data_dir`` that only the service writes to."""
        return [self.data_dir / name for name in OWN_FOLDERS]

    @property
    def engine_url(self) -> str:
        """Address of the engine: the configured one, else that of the embedded engine."""
        return self.redis_url or embedded_url(self.engine_directory)

    @property
    def job_policy(self) -> JobPolicy:
        """What the job store needs of these settings."""
        from echocast.workers.jobs.job import JobPolicy

        return JobPolicy(
            queue_limit=self.queue_limit,
            caller_queue_limit=self.caller_queue_limit,
            lease_seconds=self.lease_seconds,
            maximum_attempts=self.maximum_attempts,
            deadline_seconds=self.job_deadline_seconds,
            ttl_seconds=self.job_ttl_seconds,
            idempotency_ttl_seconds=self.idempotency_ttl_seconds,
        )
