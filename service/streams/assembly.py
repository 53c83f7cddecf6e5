"""Put the stream streams of one gateway together."""

from __future__ import annotations

from service.intake.decode import Pool
from service.intake.scratch import Scratch
from service.streams.intake import FrameIntake
from service.streams.streams import Streams
from service.streams.latest import LatestForecasts
from workers.engine_client import EngineClient
from workers.jobs import REQUEST_PATIENCE_SECONDS
from workers.queue import Publisher
from workers.settings import WorkerSettings
from workers.streams.library import Library
from workers.streams.places import stream_files
from workers.streams.sums import Sums


def assembled_streams(
    settings: WorkerSettings,
    decoders: Pool,
    renderers: Pool,
    scratch: Scratch,
) -> Streams:
    """The streams; it connects to the engine when it first needs to."""
    library = Library.of(stream_files(settings))
    engine = EngineClient(settings.engine_url, REQUEST_PATIENCE_SECONDS)
    return Streams(
        library=library,
        intake=FrameIntake(library, decoders, Publisher(settings.engine_url)),
        latest=LatestForecasts(library, renderers, scratch),
        renderers=renderers,
        sums=Sums(engine),
        engine=engine,
    )
