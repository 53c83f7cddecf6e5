"""Put the streams of one gateway together."""

from __future__ import annotations

from echocast.service.decoding.pool import Pool
from echocast.service.decoding.scratch import Scratch
from echocast.service.streams.frame_intake import FrameIntake
from echocast.service.streams.latest import LatestForecasts
from echocast.service.streams.sample_floors import SampleFloors
from echocast.service.streams.streams import Streams
from echocast.workers.archive.object_files import stream_files
from echocast.workers.engine.client import EngineClient
from echocast.workers.jobs.queue import Publisher
from echocast.workers.jobs.store import REQUEST_PATIENCE_SECONDS
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.stores import StreamStores


def assembled_streams(
    settings: WorkerSettings,
    decoders: Pool,
    renderers: Pool,
    scratch: Scratch,
) -> Streams:
    """The streams; they connect to the engine when they first need to."""
    stores = StreamStores.of(stream_files(settings))
    floors = SampleFloors.of(settings)
    engine = EngineClient(settings.engine_url, REQUEST_PATIENCE_SECONDS)
    sums = CountSums(engine)
    return Streams(
        stores=stores,
        intake=FrameIntake(stores, decoders, Publisher(settings.engine_url)),
        latest=LatestForecasts(stores, renderers, scratch),
        renderers=renderers,
        sums=sums,
        engine=engine,
        floors=floors,
    )
