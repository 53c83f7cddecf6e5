"""Intake: an uploaded frame is checked against its stream and stored; then a message is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from echocast.model.errors import InputError
from echocast.model.formats.reading_words import STATED
from echocast.model.formats.stream_frame import PackedFrame
from echocast.model.formats.stream_layout import stamp
from echocast.model.frames import joined_notes
from echocast.model.grid import Grid
from echocast.model.grid_difference import grid_note
from echocast.service.decoding.pool import Pool
from echocast.service.decoding.stream_operations import packed_frame
from echocast.service.decoding.uploads import Upload
from echocast.service.errors import StreamPaused
from echocast.service.http.request_id import current_id
from echocast.service.http.traceparent import current_traceparent
from echocast.service.streams.schemas import FrameView
from echocast.workers.archive.frames_file import description_of
from echocast.workers.jobs.origin import RequestOrigin
from echocast.workers.jobs.queue import STREAM, Publisher
from echocast.workers.runtime.tracing import OFF, Tracing
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Origin, Stream


@dataclass(frozen=True)
class FrameIntake:
    """Takes frames in.

    Args:
        stores: The files.
        decoders: Read uploads.
        publisher: Sends messages to workers; without the engine, their sweep finds the frame.
        tracing: Takes spans.
    """

    stores: StreamStores
    decoders: Pool
    publisher: Publisher
    tracing: Tracing = OFF

    async def take(
        self,
        stream: Stream,
        time: datetime,
        upload: Upload,
        reading: Mapping[str, Any],
        *,
        replace: bool,
    ) -> FrameView:
        """Decode, check and store a frame; answer when it can't be lost any more.

        Raises:
            StreamPaused: The stream takes no frames now.
            UnknownStream: It was deleted meanwhile.
            InputError: The upload is unreadable, or is no frame of this stream and time.
            StreamConflict: Another frame of that time is there and must not be replaced.
            DiskFull: Too little space is left.
        """
        check_not_paused(stream)
        await asyncio.to_thread(self.stores.files.check_space)
        with self.tracing.span("decode"):
            await self._decode(stream, time, upload, reading)
        packed = packed_frame(upload.directory)
        view = await asyncio.to_thread(self._store, stream, time, packed, replace)
        frame, origin = f"{stream.name}/{stamp(view.time)}", self._origin()
        await asyncio.to_thread(self.publisher.publish, STREAM, frame, origin)
        return view

    def _origin(self) -> RequestOrigin:
        """The request that is answered."""
        traceparent = self.tracing.traceparent() or current_traceparent.get()
        return RequestOrigin(current_id.get(), traceparent)

    async def _decode(
        self, stream: Stream, time: datetime, upload: Upload, reading: Mapping[str, Any]
    ) -> None:
        of_stream = not any(name in reading for name in STATED)
        request = {
            "op": "frame",
            "kind": upload.kind,
            "paths": [str(file.path) for file in upload.files],
            "directory": str(upload.directory),
            "reading": {**stream.reading, **reading, "of_stream": of_stream},
            "units": stream.units,
            "step_minutes": stream.step_minutes,
            "time": time.isoformat(),
        }
        try:
            await self.decoders.ask(request)
        except InputError as error:
            raise type(error)(upload.readable(str(error)), rule=error.rule) from error

    def _store(self, stream: Stream, time: datetime, packed: Path, replace: bool) -> FrameView:
        """The hash is computed here: a child that read a hostile file is not trusted."""
        description = json.loads(description_of(packed).read_bytes())
        grid = Grid.from_json(description["grid"])
        check_not_paused(self.stores.streams.current(stream))
        origin = Origin.of_frame(grid, time, stream.step)
        origin = self.stores.streams.set_origin(stream, origin)
        place = origin.place(time, stream.step)
        notes = {str(k): str(v) for k, v in description.get("notes", {}).items()}
        terms = stream.source.attributes() if stream.source else {}
        newest = self.stores.frames.newest_time(stream.name)
        frame = PackedFrame.of(
            place,
            packed.read_bytes(),
            grid.shape,
            float(description["no_rain_dbz"]),
            datetime.now(UTC),
            late=newest is not None and newest > place,
            attributes={str(k): str(v) for k, v in description["attributes"].items()} | terms,
            notes=joined_notes([notes, grid_note(origin.grid, grid)]),
        )
        self.stores.files.check_space()
        outcome = self.stores.frames.put(stream.name, frame, replace=replace)
        stored = self.stores.frames.header(stream.name, place) or frame.header
        return FrameView(
            stream=stream.name,
            time=place,
            sha256=stored.sha256,
            outcome=outcome,  # type: ignore[arg-type]
            late=stored.late,
        )


def check_not_paused(stream: Stream) -> None:
    """Refuse frames of a stream that is paused.

    Raises:
        StreamPaused: It is.
    """
    if stream.paused:
        raise StreamPaused(
            f"The stream {stream.name!r} is paused and takes no frames; resume it"
            f" ('echocast stream resume {stream.name}') and send them again."
        )
