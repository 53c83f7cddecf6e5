"""A network on a grid of any size: whole where it fits, in blended tiles beyond.

Pixels that no echo can reach are not computed, if the steps can leave them out. A grid beyond the
memory budget is cut into overlapping tiles whose forecasts are blended with raised-cosine weights.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from echocast.model.errors import is_out_of_memory
from echocast.model.inference.winograd.steps import FastSteps
from echocast.model.network.config import NetworkConfig
from echocast.model.network.network import Context, Network, Recurrence

MEMORY_BUDGET = 2 * 2**30  # bytes of one roll-out's memories, about; beyond, a grid is cut
TILE_BUDGET = 2**29  # of a tile: the planes around the network's memories take as much again
MEMORIES = 6  # values kept per channel and layer: H, C, N, S, M and one in the making
POINTS_PER_PIXEL = {3: 2.25, 5: 4.0}  # of the minimal filtering, by kernel
MARGIN = 48  # pixels that a tile has around its own pixels, at least
HALO_PIXELS = 20  # pixels around them that are computed too

log = logging.getLogger(__name__)


class Window(NamedTuple):
    """What a roll-out reads.

    Args:
        frames: (batch, time, 1, height, width) in network scale, NaN where missing, whole patches.
        context: Of every window, on the device that computes.
        near: (batch, height, width), where the network's output is used.
        margin: Pixels that a tile needs around its own pixels.
        bases: (batch, lead, 1, height, width): what the residuals are added to; None: the newest
            frame.
    """

    frames: Tensor
    context: Context
    near: Tensor
    margin: int = MARGIN
    bases: Tensor | None = None

    def crop(self, rows: slice, columns: slice) -> Window:
        """A part of the grid."""
        frames, near = (part[..., rows, columns] for part in (self.frames, self.near))
        bases = None if self.bases is None else self.bases[..., rows, columns]
        return self._replace(frames=frames, near=near, bases=bases)


class TiledForecast(NamedTuple):
    """Forecast frames.

    Args:
        frames: (batch, lead, height, width) in network scale, 0 to 1.
        exceedance_probability: float16 (batch, lead, threshold, height, width).
    """

    frames: Tensor
    exceedance_probability: Tensor


class Domain:
    """A network on grids of any size.

    Args:
        network: In evaluation mode.
        steps: What computes its steps.
        memory: Bytes that the memories of a roll-out may take before the grid is cut.
    """

    def __init__(
        self, network: Network, steps: Recurrence | None = None, memory: int = MEMORY_BUDGET
    ) -> None:
        self._network, self._steps = network, steps or network
        self.most_pixels = memory // bytes_per_pixel(network.config)
        self.tile_pixels = TILE_BUDGET // bytes_per_pixel(network.config)

    @torch.inference_mode()
    def run(self, window: Window, progress: Callable[[], None] = lambda: None) -> TiledForecast:
        """The forecast frames of a window; 0 where nothing is near.

        ``progress`` is called after every step of a roll-out. When memory runs out, one window is
        computed in smaller and smaller tiles.

        Raises:
            MemoryError, RuntimeError: Memory ran out on several windows, or on the smallest tile.
        """
        batch, _, _, height, width = window.frames.shape
        most = self.most_pixels // batch
        while True:
            try:
                return self._in_tiles(window, most, progress)
            except (MemoryError, RuntimeError) as error:
                side = min(most, height * width) ** 0.5
                if batch > 1 or side < 6 * window.margin or not is_out_of_memory(error):
                    raise
                log.warning("Memory ran out on %d x %d pixels; trying tiles.", height, width)
            most = min(most, height * width) // 4

    def _in_tiles(self, window: Window, most: int, progress: Callable[[], None]) -> TiledForecast:
        height, width = window.frames.shape[-2:]
        overlap, patch = 2 * window.margin, self._network.config.patch
        fits = height * width <= most
        tile = math.isqrt(min(most, self.tile_pixels))
        side = max(height, width) if fits else max(tile, 3 * overlap)
        blended = _nothing(window, self._network.config)
        for (rows, down), (columns, across) in itertools.product(
            pieces(height, side, overlap, patch), pieces(width, side, overlap, patch)
        ):
            part = window.crop(rows, columns)
            if not part.near.any():
                continue
            weights = down[:, None] * across * part.near
            for lead, (frame, exceedance_probability) in enumerate(self._roll_out(part, progress)):
                blended.frames[:, lead, rows, columns] += frame * weights
                shared = (exceedance_probability * weights[:, None]).half()
                blended.exceedance_probability[:, lead, :, rows, columns] += shared
        return blended

    def _roll_out(
        self, window: Window, progress: Callable[[], None]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The network on a whole window: frame and probabilities of one lead time after another."""
        config = self._network.config
        observed = window.frames.to(window.context.step_minutes.device)
        frames = observed.nan_to_num(0.0)
        valid = observed.isfinite().to(observed.dtype)
        ahead = [frames[:, -1]] * config.output_frames
        if window.bases is not None:
            ahead = [base.to(frames.device) for base in window.bases.unbind(1)]
        bases = [*frames[:, :-1].unbind(1), *ahead]
        leads = self._network.roll_out(
            frames,
            bases,
            valid,
            window.context,
            recurrence=_Reporting(self._where_near(window.near, valid[:, -1]), progress),
            first=len(bases) - config.output_frames,
        )
        for lead in leads:
            exceedance_probability = lead.exceedance_logits.sigmoid().half()
            yield lead.frame[:, 0].clamp(0, 1).cpu(), exceedance_probability.cpu()

    def _where_near(self, near: Tensor, valid: Tensor) -> Recurrence:
        """The steps, without what lies far from all that matters, if they can do that.

        What is left out is dry sky, measured or not: these are its two kinds.
        """
        patches = in_patches(near, patch := self._network.config.patch)
        if not isinstance(self._steps, FastSteps) or bool(patches.all()):
            return self._steps
        measured = F.avg_pool2d(valid, patch)[:, 0]
        return self._steps.only(patches, measured)


def skipped_share(near: Tensor, patch: int) -> float:
    """Share of the grid that need not be computed, given (batch, height, width) where it counts."""
    return 1 - float(in_patches(near, patch).float().mean())


def in_patches(near: Tensor, patch: int) -> Tensor:
    """Patches to compute, (batch, rows, columns): those with a pixel that counts, and a halo."""
    coarse = F.max_pool2d(near[:, None].float(), patch, ceil_mode=True)
    around = 2 * (HALO_PIXELS // patch) + 1
    return F.max_pool2d(coarse, around, 1, around // 2)[:, 0] > 0


def bytes_per_pixel(config: NetworkConfig) -> int:
    """What the memories of a roll-out take, about."""
    points = POINTS_PER_PIXEL.get(config.kernel, 1.0) + 1
    return math.ceil(4 * MEMORIES * sum(config.widths) * points / config.patch**2)


def pieces(size: int, most: int, overlap: int, multiple: int) -> list[tuple[slice, Tensor]]:
    """One axis in overlapping pieces, with raised-cosine weights that add up to 1.

    Args:
        size: Its pixels.
        most: Pixels of a piece, at most, but for rounding up; at least two overlaps.
        overlap: Pixels that neighbours share, at least.
        multiple: Pieces begin at multiples of this.
    """
    if size <= most:
        return [(slice(0, size), torch.ones(size))]
    count = math.ceil((size - overlap) / (most - overlap))
    length = math.ceil((size + (count - 1) * (overlap + multiple)) / count / multiple) * multiple
    starts = [(size - length) * k // (count - 1) // multiple * multiple for k in range(count)]
    spans = [slice(start, min(start + length, size)) for start in starts]
    spans[-1] = slice(starts[-1], size)
    weights = [torch.ones(span.stop - span.start) for span in spans]
    for k in range(count - 1):
        shared = spans[k].stop - spans[k + 1].start
        rising = torch.sin(math.pi / 2 * (torch.arange(shared) + 0.5) / shared).square()
        weights[k][-shared:] = 1 - rising
        weights[k + 1][:shared] = rising
    return list(zip(spans, weights, strict=True))


def _nothing(window: Window, config: NetworkConfig) -> TiledForecast:
    batch, height, width = window.near.shape
    leads, thresholds = config.output_frames, len(config.exceedance_thresholds_dbz)
    return TiledForecast(
        torch.zeros(batch, leads, height, width),
        torch.zeros(batch, leads, thresholds, height, width, dtype=torch.float16),
    )


@dataclass(frozen=True)
class _Reporting:
    """Steps that call ``progress`` after each."""

    steps: Recurrence
    progress: Callable[[], None]

    def initial_state(self, batch: int, height: int, width: int) -> Any:
        return self.steps.initial_state(batch, height, width)

    def step(self, planes: Tensor, state: Any) -> tuple[Tensor, Any]:
        made = self.steps.step(planes, state)
        self.progress()
        return made

    def advance(self, planes: Tensor, state: Any) -> Any:
        state = self.steps.advance(planes, state)
        self.progress()
        return state
