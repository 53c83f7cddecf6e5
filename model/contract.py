"""The input contract: what frames must be before a network may read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from echocast.model.errors import ContractViolation, InputTooLarge
from echocast.model.frames import Frames, joined_notes
from echocast.model.sequence.rhythm import even_places, even_step

COMPRESSION_LIMIT = 2000  # deflate reaches 1032 : 1
PLAUSIBLE_BYTES = 256 * 2**20  # any file may claim this much


@dataclass(frozen=True)
class InputContract:
    """Limits on what may be asked for.

    Args:
        minimum_side: Fewest pixels along y and x.
        maximum_side: Most pixels along y and x.
        maximum_frame_pixels: Most pixels of one frame.
        maximum_frames: Most frames of one request, observations included.
        maximum_pixels: Most pixels of all frames of one request together.
        maximum_missing_share: Largest share of a frame that may be missing, 0..1.
        minimum_dbz: Values below are no reflectivity: clear air gives -64 dBZ in 16-bit products.
        maximum_dbz: Values above are no reflectivity.
        step_tolerance: How much a step may differ from the median step, or a time from its place in
            an even rhythm, as a share of the step.
        future_tolerance_s: How far in the future the newest frame may be, in seconds.
    """

    minimum_side: int = 16
    maximum_side: int = 8192
    maximum_frame_pixels: int = 40_000_000
    maximum_frames: int = 2000
    maximum_pixels: int = 400_000_000
    maximum_missing_share: float = 0.9
    minimum_dbz: float = -70.0
    maximum_dbz: float = 95.0
    step_tolerance: float = 0.1
    future_tolerance_s: float = 60.0

    def check_size(self, shape: tuple[int, int, int], where: str) -> None:
        """Check a claimed shape (time, y, x) before any value is read.

        Raises:
            InputTooLarge: There are too many frames or pixels.
        """
        frames, height, width = shape
        for name, value, limit in (
            ("pixels along a side", max(height, width), self.maximum_side),
            ("pixels a frame", height * width, self.maximum_frame_pixels),
            ("frames", frames, self.maximum_frames),
            ("pixels in all frames together", frames * height * width, self.maximum_pixels),
        ):
            if value > limit:
                raise InputTooLarge(
                    f"{where} claims {value} {name} (time, y, x = {shape}); at most {limit} are"
                    " allowed."
                )

    def check_claim(self, claimed_bytes: int, file_bytes: int, where: str) -> None:
        """Check that a file can hold what its header claims.

        Raises:
            InputTooLarge: No compression packs that much into so few bytes.
        """
        if claimed_bytes > max(PLAUSIBLE_BYTES, file_bytes * COMPRESSION_LIMIT):
            raise InputTooLarge(
                f"{where} claims {claimed_bytes} bytes of values in a file of {file_bytes} bytes;"
                " no file compresses that well."
            )


def split(
    frames: Frames,
    input_frames: int,
    contract: InputContract,
    reference_time: datetime | None = None,
    now: datetime | None = None,
) -> tuple[Frames, Frames | None]:
    """The input of a nowcast and the observations that can verify it.

    Args:
        frames: Everything that was sent.
        input_frames: Frames that the network takes.
        contract: The limits.
        reference_time: The newest frame at or before it ends the input; None: the newest frame.
        now: Present time, UTC; None: the clock.

    Returns:
        The input frames, and the frames after them or None.

    Raises:
        ContractViolation: A rule of the contract is broken.
        InputTooLarge: There are too many frames or pixels.
    """
    check_frames(frames, contract, now)
    known = frames if reference_time is None else frames.up_to(reference_time)
    _check_count(known, input_frames, reference_time)
    later = frames.after(known.times[-1])
    inputs = _even(known[-input_frames:], contract)
    _check_missing(inputs, contract)
    return inputs, later if len(later) else None


def check_frames(frames: Frames, contract: InputContract, now: datetime | None = None) -> None:
    """The rules that every frame obeys, input or observation.

    Args:
        frames: Any number of frames.
        contract: The limits.
        now: Present time, UTC; None: the clock.

    Raises:
        ContractViolation: Too small a grid, values of another unit, or times in the future.
        InputTooLarge: There are too many frames or pixels.
    """
    contract.check_size((len(frames), *frames.grid.shape), "The input")
    _check_smallest(frames, contract)
    _check_future(frames, contract, now or datetime.now(UTC))
    _check_range(frames, contract)


def _check_smallest(frames: Frames, contract: InputContract) -> None:
    if min(frames.grid.shape) < contract.minimum_side:
        raise ContractViolation(
            f"A grid needs at least {contract.minimum_side} pixels a side, but this one is"
            f" {frames.grid.shape[0]} x {frames.grid.shape[1]} (y x x).",
            rule="grid-size",
        )


def _check_future(frames: Frames, contract: InputContract, now: datetime) -> None:
    limit = now + timedelta(seconds=contract.future_tolerance_s)
    if len(frames) and frames.times[-1] > limit:
        raise ContractViolation(
            f"The newest frame is valid at {frames.times[-1].isoformat()}, more than"
            f" {contract.future_tolerance_s:g} s in the future.",
            rule="future",
        )


def _check_range(frames: Frames, contract: InputContract) -> None:
    values = frames.reflectivity_dbz
    for worst in (np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)):
        if not (np.isnan(worst) or contract.minimum_dbz <= worst <= contract.maximum_dbz):
            t, y, x = (int(index[0]) for index in np.nonzero(values == worst))
            raise ContractViolation(
                f"Reflectivity must lie in {contract.minimum_dbz:g}..{contract.maximum_dbz:g} dBZ,"
                f" but frame {t} holds {worst:g} dBZ at row {y}, column {x}; wrong units?"
                " A code for missing values must be declared, or be NaN or null.",
                rule="range",
            )


def _check_count(known: Frames, input_frames: int, reference_time: datetime | None) -> None:
    if len(known) < input_frames:
        until = "" if reference_time is None else f" up to {reference_time.isoformat()}"
        raise ContractViolation(
            f"A nowcast needs at least {input_frames} frames{until}, but there are {len(known)}.",
            rule="frame-count",
        )


def _even(inputs: Frames, contract: InputContract) -> Frames:
    """The input in even steps: times that jitter as a stream's may are read as its even rhythm."""
    step = inputs.step.total_seconds()
    gaps = np.diff([time.timestamp() for time in inputs.times])
    worst = int(np.argmax(np.abs(gaps - step)))
    if abs(gaps[worst] - step) <= contract.step_tolerance * step:
        return inputs
    even = even_step(inputs.times, contract.step_tolerance * inputs.step)
    places = even_places(inputs.times, even, contract.step_tolerance * even)
    if places is None:
        raise ContractViolation(
            f"The input frames must be evenly spaced, but {gaps[worst] / 60:g} minutes lie between"
            f" {inputs.times[worst].isoformat()} and {inputs.times[worst + 1].isoformat()} where"
            f" the usual step is {step / 60:g} minutes.",
            rule="step",
        )
    return _moved(inputs, places)


def _moved(inputs: Frames, places: tuple[datetime, ...]) -> Frames:
    off = max(abs(place - time) for place, time in zip(places, inputs.times, strict=True))
    note = (
        f"The times jitter by up to {off.total_seconds():.3g} seconds; they were read as every"
        f" {(places[1] - places[0]) / timedelta(minutes=1):g} minutes up to"
        f" {places[-1].isoformat()}."
    )
    notes = joined_notes([inputs.notes, {"time": note}])
    return replace(inputs.derived(inputs.reflectivity_dbz, places), notes=notes)


def _check_missing(inputs: Frames, contract: InputContract) -> None:
    for time, missing in zip(inputs.times, inputs.missing, strict=True):
        if (share := float(missing.mean())) > contract.maximum_missing_share:
            raise ContractViolation(
                f"At most {contract.maximum_missing_share:.0%} of an input frame may be missing,"
                f" but {share:.1%} of the frame of {time.isoformat()} is.",
                rule="missing-share",
            )
