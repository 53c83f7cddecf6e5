"""What this machine is and can do: its name, its convolution peak, the memory of this process."""

from __future__ import annotations

import platform
import time
from pathlib import Path

import torch

PEAK_SHAPES = ((64, 448, 16, 5, 1), (64, 256, 16, 5, 4), (64, 448, 32, 3, 1), (128, 512, 16, 5, 1))
PEAK_REPEATS = 12
CLEAR_REFS = Path("/proc/self/clear_refs")


def describe() -> dict[str, str | int]:
    """Processor, threads and versions."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@torch.inference_mode()
def convolution_peak(device: str = "cpu") -> float:
    """The best GFLOP/s that a float32 convolution of the network's kind reaches here."""
    best = 0.0
    for inputs, outputs, side, kernel, batch in PEAK_SHAPES:
        convolution = torch.nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        convolution.to(device)
        x = torch.rand(batch, inputs, side, side, device=device)
        operations = 2 * convolution.weight.numel() * side**2 * batch
        for _ in range(PEAK_REPEATS):
            started = now(device)
            convolution(x)
            best = max(best, operations / (now(device) - started) / 1e9)
    return best


def now(device: str) -> float:
    """Seconds on a clock, once everything given to the device is done."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def forget_peak() -> None:
    """Let the peak begin anew, on Linux."""
    if CLEAR_REFS.exists():
        CLEAR_REFS.write_text("5")
