"""Several processes that train one network: their batches are one batch, their steps are equal.

Started by ``torchrun``, each process draws its part of the step's batch; gradients are averaged, so
that all make the same step, and one process writes. Without torchrun a process is a group of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from echocast.model.errors import ModelError

PATIENCE = timedelta(hours=12)  # one process may prepare or judge while the others wait


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train together.

    Args:
        rank: Which of them this one is; 0 writes.
        size: How many they are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """True in the one process that writes."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """This process's share of ``count`` items for each."""
        return slice(self.rank * count, (self.rank + 1) * count)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their mean over all processes, in one exchange."""
        if self.size == 1:
            return
        parts = list(tensors)
        flat = torch.cat([part.reshape(-1) for part in parts])
        dist.all_reduce(flat)
        flat /= self.size
        for part, mean in zip(parts, torch.split(flat, [p.numel() for p in parts]), strict=True):
            part.copy_(mean.view_as(part))

    def check_same_step(self, step: int, device: torch.device) -> None:
        """Check that all processes are at the same step.

        Raises:
            ModelError: They do not: the folder of the run is not shared by all hosts.
        """
        if self.size == 1:
            return
        bounds = torch.tensor([step, -step], device=device)
        dist.all_reduce(bounds, dist.ReduceOp.MAX)
        if int(bounds[0]) != -int(bounds[1]):
            raise ModelError(
                f"One process of the training is at step {-int(bounds[1])}, another at step"
                f" {int(bounds[0])}: all hosts must share the folder of the run."
            )

    def wait(self) -> None:
        """Return when all processes are here."""
        if self.size > 1:
            dist.barrier()


SINGLE = ProcessGroup()


@contextmanager
def process_group(device: str) -> Iterator[ProcessGroup]:
    """The process group that torchrun started us in; else a group of one.

    Args:
        device: ``cpu``, or ``cuda``, where each process of a host takes a GPU of its own.
    """
    if not dist.is_torchelastic_launched():
        yield SINGLE
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(dist.get_node_local_rank())
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)
    try:
        yield ProcessGroup(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
