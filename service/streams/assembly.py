"""Put the streams of one gateway together."""

from __future__ import annotations

from service.intake.decode import Pool
from service.intake.scratch import Scratch
from service.streams.exposition import StreamExposition
from service.streams.floors import Floors
from service.streams.intake import FrameIntake
from service.streams.latest import LatestForecasts
from service.streams.streams import Streams
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
