"""Put the processing of streams together from settings."""

from __future__ import annotations

from functools import partial

from echocast.model.registry.registry import RegistryReader
from echocast.workers.archive.open_files import stream_files
from echocast.workers.engine.client import EngineClient
from echocast.workers.jobs.queue import Publisher
from echocast.workers.jobs.store import JobStore
from echocast.workers.retraining.requests import request_retraining
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.drift import DriftWatch
from echocast.workers.streams.forecasting import Forecasting
from echocast.workers.streams.poison import Attempts
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.scoring import Scorer
from echocast.workers.streams.shadow import ShadowPolicy
from echocast.workers.streams.stores import StreamStores


def stream_processing(settings: WorkerSettings, patience_seconds: float) -> StreamProcessing:
    """What a worker does for streams; it connects when it is first used.

    Args:
        settings: Where engine, archive and models are.
        patience_seconds: How long a call tries again while the engine is away.
    """
    stores = StreamStores.of(stream_files(settings))
    jobs = JobStore(settings.engine_url, settings.job_policy, patience_seconds=patience_seconds)
    engine = EngineClient(settings.engine_url, patience_seconds)
    sums = CountSums(engine)
    registry = RegistryReader(settings.models_root)
    begun = partial(request_retraining, engine) if settings.retrain_on_drift else _nothing_more
    return StreamProcessing(
        stores=stores,
        scorer=Scorer(stores, sums),
        forecasting=Forecasting(stores, jobs, registry, ShadowPolicy.of(settings)),
        sums=sums,
        drift=DriftWatch(stores, sums, engine, begun),
        engine=engine,
        publisher=Publisher(settings.engine_url),
        jobs=jobs,
        attempts=Attempts(engine, settings.maximum_attempts),
    )


def _nothing_more(_: str) -> None:
    """The alert alone tells of drift."""
