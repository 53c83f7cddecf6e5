"""The network on a GPU: bfloat16 convolutions, float32 memories and gates, one graph a sequence.

The convolutions read and write channels last. All launches of a sequence are recorded once per
shape as a CUDA graph and replayed as one.
"""

from __future__ import annotations

import copy
import itertools
import statistics
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.machine import convolution_peak, describe, now
from echocast.model.inference.winograd.selection import difference
from echocast.model.network.config import PAPER, NetworkConfig
from echocast.model.network.network import Context, Network

BATCHES = (1, 4, 16, 32, 64)
EAGER_BATCHES = (1, 32)
PIXELS = 64
REPEATS = 20
BFLOAT16_TOLERANCE = 0.05  # standard deviations, after ten steps on the network's own forecasts
WARMING_RUNS = 3
GOALS = {"batch_1_ms": 2.5, "batch_32_per_second": 3500, "batch_1_ratio": 10, "batch_32_ratio": 4}


class HalfConvolution(nn.Module):
    """A convolution in bfloat16 and channels last between float32 values.

    Args:
        plain: Whose weights it takes.
    """

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        weight = plain.weight.detach().to(torch.bfloat16)
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last))
        bias = None if plain.bias is None else plain.bias.detach()[:, None, None].clone()
        self.register_buffer("bias", bias)
        self.padding = plain.kernel_size[0] // 2

    def forward(self, x: Tensor) -> Tensor:
        """Like the plain one."""
        x = x.to(torch.bfloat16, memory_format=torch.channels_last)
        out = F.conv2d(x, self.get_buffer("weight"), padding=self.padding).float()
        return out if self.bias is None else out + self.get_buffer("bias")


def with_half_convolutions(network: Network) -> Network:
    """A copy whose convolutions are in bfloat16, but for the head."""
    half = copy.deepcopy(network)
    for module in list(half.layers.modules()):
        for name, part in list(module.named_children()):
            if isinstance(part, nn.Conv2d):
                setattr(module, name, HalfConvolution(part))
    return half


def forecast(network: Network, frames: Tensor) -> Tensor:
    """All forecast frames of a sequence, (batch, time, channel, height, width)."""
    count, ones = network.config.output_frames, frames.new_ones(len(frames))
    bases = [*frames.unbind(1), *[frames[:, -1]] * (count - 1)]
    rolled = network.roll_out(frames, bases, torch.ones_like(frames), Context(5 * ones, ones))
    leads = itertools.islice(rolled, len(bases) - count, None)
    return torch.stack([prediction.frame for prediction in leads], 1)


class SequenceGraph:
    """A whole forecast recorded as a CUDA graph for one shape.

    Args:
        network: On a GPU.
        frames: Of that shape.
    """

    def __init__(self, network: Network, frames: Tensor) -> None:
        self._frames = frames.clone()
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARMING_RUNS):
                forecast(network, self._frames)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._forecast = forecast(network, self._frames)

    def __call__(self, frames: Tensor) -> Tensor:
        """The forecast of these frames; the next call writes over it."""
        self._frames.copy_(frames)
        self._graph.replay()
        return self._forecast


@torch.inference_mode()
def measure(config: NetworkConfig = PAPER) -> dict[str, Any]:
    """Build, check and time the network on the GPU.

    Returns:
        Plain JSON values: per batch milliseconds, sequences per second, and the difference from
        float32 in standard deviations; the eager network; what the goals are and which are met.
    """
    torch.manual_seed(1)
    plain = Network(config).eval().cuda()
    half = with_half_convolutions(plain)
    rows, eager = [], {batch: _eager(plain, batch) for batch in EAGER_BATCHES}
    for batch in BATCHES:
        frames = _frames(batch, config)
        graph = SequenceGraph(half, frames)
        apart = difference(forecast(plain, frames), graph(frames))
        again = torch.equal(graph(frames).clone(), graph(frames))
        seconds = _median_seconds(graph, frames)
        row: dict[str, Any] = {
            "batch": batch,
            "ms": 1e3 * seconds,
            "sequences_per_second": batch / seconds,
        }
        row |= {"disagreement": apart, "agrees": apart < BFLOAT16_TOLERANCE, "repeats": again}
        row["ratio"] = eager[batch] / seconds if batch in eager else None
        row["peak_mib"] = torch.cuda.max_memory_allocated() / 2**20
        rows.append(row)
    return {
        "machine": describe(),
        "convolution_peak_gflops_fp32": convolution_peak("cuda"),
        "eager_ms": {str(batch): 1e3 * seconds for batch, seconds in eager.items()},
        "rows": rows,
        "goals": GOALS,
    }


def _frames(batch: int, config: NetworkConfig) -> Tensor:
    shape = batch, config.input_frames, config.image_channels, PIXELS, PIXELS
    return torch.rand(shape, device="cuda")


def _eager(network: Network, batch: int) -> float:
    frames = _frames(batch, network.config)
    return _median_seconds(lambda given: forecast(network, given), frames)


def _median_seconds(call: Any, frames: Tensor) -> float:
    times = []
    for _ in range(REPEATS + WARMING_RUNS):
        started = now("cuda")
        call(frames)
        times.append(now("cuda") - started)
    return statistics.median(times[WARMING_RUNS:])
