"""Put the processing of streams together from settings."""

from __future__ import annotations

from functools import partial

from model.registry import Registry
from workers.engine_client import EngineClient
from workers.jobs import JobStore
from workers.queue import Publisher
from workers.retraining import request
from workers.settings import WorkerSettings
from workers.streams.attempts import Attempts
from workers.streams.drift import DriftWatch
from workers.streams.forecasting import Forecasting
from workers.streams.library import Library
from workers.streams.places import stream_files
from workers.streams.processing import StreamProcessing
from workers.streams.scorer import Scorer
from workers.streams.shadow import ShadowPolicy
from workers.streams.sums import Sums


def stream_processing(settings: WorkerSettings, patience_seconds: float) -> StreamProcessing:
    """What a worker does for streams; it connects when it is first used.

    Args:
        settings: Where engine, archive and models are.
        patience_seconds: How long a call tries again while the engine is away.
    """
    library = Library.of(stream_files(settings))
    jobs = JobStore(settings.engine_url, settings.job_policy, patience_seconds=patience_seconds)
    engine = EngineClient(settings.engine_url, patience_seconds)
    sums = Sums(engine)
    registry = Registry(settings.models_root)
    begun = partial(request, engine) if settings.retrain_on_drift else _nothing_more
    return StreamProcessing(
        library=library,
        scorer=Scorer(library, sums),
        forecasting=Forecasting(library, jobs, registry, ShadowPolicy.of(settings)),
        sums=sums,
        drift=DriftWatch(library, sums, engine, begun),
        engine=engine,
        publisher=Publisher(settings.engine_url),
        jobs=jobs,
        attempts=Attempts(engine, settings.maximum_attempts),
    )


def _nothing_more(_: str) -> None:
    """The alert alone tells of drift."""
