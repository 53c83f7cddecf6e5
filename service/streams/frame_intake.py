"""Intake: an uploaded frame checked against its stream and stored, before anybody hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from echocast.model.errors import InputError
from echocast.model.formats.stream_frame import StreamFrame
from echocast.service.decoding.pool import Pool
from echocast.service.decoding.uploads import Upload
from echocast.service.streams.schemas import FrameView
from echocast.workers.archive.frames_file import FRAMES_FILE, read_stored
from echocast.workers.jobs.queue import STREAM, Publisher
from echocast.workers.streams.paths import stamp
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Origin, Stream


@dataclass(frozen=True)
class FrameIntake:
    """Takes frames in.

    Args:
        stores: The files.
        decoders: Read uploads.
        publisher: Tells the workers; where the engine is away, their sweep finds the frame.
    """

    stores: StreamStores
    decoders: Pool
    publisher: Publisher

    async def take(
        self, stream: Stream, time: datetime, upload: Upload, variable: str | None, *, replace: bool
    ) -> FrameView:
        """Decode, check and store a frame; answer when it can't be lost any more.

        Raises:
            InputError: The upload is unreadable, or is no frame of this stream and time.
            StreamConflict: Another frame of that time is there and must not be replaced.
            DiskFull: Too little space is left.
        """
        await asyncio.to_thread(self.stores.files.check_space)
        decoded = await self._decode(stream, time, upload, variable)
        directory = Path(decoded["directory"])
        view = await asyncio.to_thread(self._store, stream, time, directory, replace)
        await asyncio.to_thread(self.publisher.publish, STREAM, f"{stream.name}/{stamp(view.time)}")
        return view

    async def _decode(
        self, stream: Stream, time: datetime, upload: Upload, variable: str | None
    ) -> Mapping[str, Any]:
        request = {
            "op": "frame",
            "kind": upload.kind,
            "paths": [str(file.path) for file in upload.files],
            "directory": str(upload.directory),
            "variable": variable,
            "units": stream.units,
            "step_minutes": stream.step_minutes,
            "time": time.isoformat(),
        }
        try:
            answer = await self.decoders.ask(request)
        except InputError as error:
            raise type(error)(upload.readable(str(error)), rule=error.rule) from error
        return dict(answer["frame"])

    def _store(self, stream: Stream, time: datetime, directory: Path, replace: bool) -> FrameView:
        """The hash is computed here: a child that read a hostile file is not believed."""
        sent = read_stored(directory / FRAMES_FILE)
        origin = Origin.of_frame(sent.grid, time, stream.step)
        origin = self.stores.streams.settled(stream, origin)
        place = origin.place(time, stream.step)
        newest = self.stores.frames.newest_time(stream.name)
        frame = StreamFrame.of(
            place,
            sent.reflectivity_dbz[0],
            sent.no_rain_dbz,
            datetime.now(UTC),
            late=newest is not None and newest > place,
            attributes=sent.attributes,
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
