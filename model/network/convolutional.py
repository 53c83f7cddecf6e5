"""The non-recurrent control: what the same inputs give without a memory.

A small convolutional head that answers for every lead time by itself: it reads extrapolation (the
newest frame, in the moving frame), its smoothed exceedances, the last tendency, the base that it
adds to, and the lead time. A recurrent network that does not beat it owes its skill to its inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from echocast.model.network.gates import LayerInput, LayerState

SMOOTHED_DBZ = (20.0, 30.0, 40.0)
SMOOTHING_PIXELS = 9  # as wide as what decoded extrapolation is blurred with at 18 minutes, 1 km
MORE_IMAGES = 1 + len(SMOOTHED_DBZ)  # beside those of every residual network


class Convolution(nn.Module):
    """A layer without memory: max(0, W * X + b).

    Args:
        inputs: Channels of X.
        channels: Channels of the output.
        kernel: Side of the kernel, odd.
    """

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, channels, kernel, padding=kernel // 2)

    def forward(self, below: LayerInput, state: LayerState) -> tuple[LayerInput, LayerState]:
        """X_t to the layer's output; the memories pass by untouched."""
        return below._replace(H=F.relu(self.conv(below.H))), state


class Control(nn.Module):
    """A control beside a recurrent network, whose head output it adds to.

    Args:
        inputs: Channels of X.
        widths: Channels of each layer's output.
        kernel: Side of the kernels, odd.
        outputs: Channels of the head's output.
    """

    def __init__(self, inputs: int, widths: Sequence[int], kernel: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers(inputs, widths, kernel))
        self.head = nn.Conv2d(widths[-1], outputs, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, planes: Tensor) -> Tensor:
        """(batch, inputs, height, width) to (batch, outputs, height, width), in patches."""
        above, state = LayerInput(planes, None, planes[:, :0]), LayerState(*[planes[:, :0]] * 5)
        for layer in self.layers:
            above, state = layer(above, state)
        head: Tensor = self.head(above.H)
        return head


def layers(inputs: int, widths: Sequence[int], kernel: int) -> list[nn.Module]:
    """The layers of a control, bottom to top.

    Args:
        inputs: Channels of the first layer's X.
        widths: Channels of each layer's output.
        kernel: Side of the kernels, odd.
    """
    reads = (inputs, *widths[:-1])
    return [Convolution(X, C, kernel) for X, C in zip(reads, widths, strict=True)]


def view(frames: Tensor, scale_dbz: float) -> Tensor:
    """The observed frames as the control reads them.

    Args:
        frames: (batch, time, 1, height, width) in network scale, aligned; the newest one counts,
            and its difference from the one before, 0 where there is none.
        scale_dbz: What network value 1 stands for.

    Returns:
        (batch, 1 + 4, height, width): newest frame, tendency, and the shares of the neighbourhood
        of each pixel that reach 20, 30 and 40 dBZ.
    """
    newest = frames[:, -1]
    tendency = newest - frames[:, max(frames.shape[1] - 2, 0)]
    thresholds = newest.new_tensor(SMOOTHED_DBZ)[:, None, None] / scale_dbz
    reached = (newest >= thresholds).to(newest.dtype)
    shares = F.avg_pool2d(
        reached, SMOOTHING_PIXELS, 1, SMOOTHING_PIXELS // 2, count_include_pad=False
    )
    return torch.cat([newest, tendency, shares], 1)
