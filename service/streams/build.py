"""Put the streams of one gateway together."""

from __future__ import annotations

from echocast.service.decoding.pool import Pool
from echocast.service.decoding.scratch import Scratch
from echocast.service.metrics.exposition import StreamExposition
from echocast.service.streams.frame_intake import FrameIntake
from echocast.service.streams.latest import LatestForecasts
from echocast.service.streams.sample_floors import Floors
from echocast.service.streams.streams import Streams
from echocast.workers.archive.open_files import stream_files
from echocast.workers.engine.client import EngineClient
from echocast.workers.jobs.queue import Publisher
from echocast.workers.jobs.store import REQUEST_PATIENCE_SECONDS
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.count_sums import Sums
from echocast.workers.streams.stores import Library


def assembled_streams(
    settings: WorkerSettings,
    decoders: Pool,
    renderers: Pool,
    scratch: Scratch,
) -> Streams:
    """The streams; they connect to the engine when they first need to."""
    library = Library.of(stream_files(settings))
    floors = Floors.of(settings)
    engine = EngineClient(settings.engine_url, REQUEST_PATIENCE_SECONDS)
    sums = Sums(engine)
    return Streams(
        library=library,
        intake=FrameIntake(library, decoders, Publisher(settings.engine_url)),
        latest=LatestForecasts(library, renderers, scratch),
        renderers=renderers,
        sums=sums,
        exposition=StreamExposition(library, sums, floors),
        engine=engine,
        floors=floors,
    )
