"""Plausible input: implausible images are replaced by what the others show, and notes say so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from echocast.model.extrapolation.bridging import bridged
from echocast.model.frames import Frames, joined_notes
from echocast.model.grid import FloatArray
from echocast.model.reflectivity import ECHO_FLOOR_DBZ
from echocast.model.sequence.plausibility import PLAUSIBILITY, Examination, examine
from echocast.model.sequence.rain_changes import FROZEN_PIXELS, WET_DBZ

DEGRADED = "degraded"


def plausible_input(frames: Frames) -> Frames:
    """The frames, those that cannot follow the others replaced along the motion.

    Where the newest image shows no echo at all, the others are dried: rain that is gone does not
    come back, and a network that sees it go in one step rains anywhere. Frames with a note
    ``plausibility`` were examined before and are not examined again.

    Returns:
        The same frames where all are plausible; else as many frames, with notes ``plausibility``
        and, where the newest or the earliest ones are not what was observed, ``degraded``.
    """
    if PLAUSIBILITY not in frames.notes:
        frames = _replaced(frames, examine(frames))
    return frames if _has_echo(frames.reflectivity_dbz[-1]) else _dried(frames)


def _replaced(frames: Frames, examination: Examination) -> Frames:
    if len(examination.believed) == len(frames):
        return frames
    notes = {**frames.notes, **_notes(frames, examination)}
    return replace(bridged(frames, examination.believed), notes=notes)


def _has_echo(image_dbz: FloatArray) -> bool:
    return bool((image_dbz >= ECHO_FLOOR_DBZ).any())


def _dried(frames: Frames) -> Frames:
    """No echo in any frame; a note, where it rained in the last but one."""
    if not any(map(_has_echo, frames.reflectivity_dbz)):
        return frames
    dry = frames.derived(np.minimum(frames.reflectivity_dbz, 0), frames.times)
    if np.count_nonzero(frames.reflectivity_dbz[-2] >= WET_DBZ) < FROZEN_PIXELS:
        return dry
    sentence = (
        f"The image of {frames.times[-1].isoformat()} shows no echo, that before it does; there is"
        " too little rain to know whether it went by a fault. The forecast is dry."
    )
    return replace(dry, notes=joined_notes([frames.notes, {PLAUSIBILITY: sentence}]))


def _notes(frames: Frames, examination: Examination) -> dict[str, str]:
    first, last = (
        frames.times[index] for index in (examination.believed[0], examination.believed[-1])
    )
    sentences = [
        f"The image of {frames.times[index].isoformat()} counts as missing. {doubt.text}"
        for index, doubt in examination.doubts.items()
    ]
    if examination.believed[0]:
        sentences.insert(0, f"Images before {first.isoformat()} cannot precede the later ones.")
    notes = {PLAUSIBILITY: " ".join(sentences)}
    if last != frames.times[-1] or examination.believed[0]:
        notes[DEGRADED] = (
            f"Only {len(examination.believed)} of {len(frames)} images, from {first.isoformat()} to"
            f" {last.isoformat()}, are plausible; the others are made of them along the motion."
        )
    return notes
