"""Memory of the device that runs the network: a GPU's own, or that of the container."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from echocast.workers.runtime.machine import usable_bytes
from echocast.workers.runtime.memory import resident_bytes


class DeviceMemory(Collector):
    """Gauges: how much memory is used and how much there is.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:<index>``.
    """

    def __init__(self, device: str) -> None:
        self._device = device

    def collect(self) -> Iterator[Metric]:
        """Two gauges; none where the system does not say."""
        values = _gpu(self._device) if self._device.startswith("cuda") else _container()
        texts = "Used on the device: by all on a GPU, by this worker on a CPU.", "There is."
        for name, text, value in zip(("used", "total"), texts, values, strict=False):
            family = GaugeMetricFamily(
                f"echocast_worker_device_memory_{name}_bytes", text, labels=("device",)
            )
            family.add_metric((self._device,), value)
            yield family


def _gpu(device: str) -> tuple[float, float]:
    from torch.cuda import mem_get_info

    free, total = mem_get_info(device)
    return total - free, total


def _container() -> tuple[float, ...]:
    used = resident_bytes()
    return (used, usable_bytes()) if used else ()
