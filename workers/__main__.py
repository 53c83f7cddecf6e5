"""``python -m echocast.workers``: one worker process, configured by the environment."""

from __future__ import annotations

import os

# Before torch starts OpenMP: a network's threads wait for each other briefly, then sleep. Spinning
# for ever made a forecast six times slower on two busy cores, sleeping at once twice slower on idle
# ones (experiments/LOG.md).
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import logging
import sys

import cv2
import torch

from echocast.model.acceptance import load_checked
from echocast.model.errors import CheckpointError
from echocast.model.registry.reader import RegistryReader, reference_of
from echocast.workers.inference.protocol import ServedModel
from echocast.workers.runtime.logging import configure_logging
from echocast.workers.runtime.machine import machine_share, usable_cpus
from echocast.workers.runtime.memory import limit_arenas
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.runtime.refusal import ending_by_a_sentence
from echocast.workers.runtime.threads import set_switch_interval
from echocast.workers.settings import WorkerSettings
from echocast.workers.worker import run_worker

# All who look at a map wait for one thread of the gateway, and that for a CPU beside the network's
# threads, one a CPU. Now it gets nine tenths of one where it needs them.
NICENESS = 10
log = logging.getLogger("echocast.worker")


def main() -> int:
    """Run a worker; errors are one sentence on standard error."""
    set_switch_interval()
    limit_arenas(usable_cpus())
    os.nice(NICENESS)
    with ending_by_a_sentence("echocast worker"):
        code = run(WorkerSettings())
    return code


def run(settings: WorkerSettings) -> int:
    """Run a worker with these settings; the exit code.

    Raises:
        EchocastError: It can't begin: see :func:`run_worker`.
    """
    configure_logging("worker", settings.log, settings.log_level)
    settings = settings.model_copy(update={"device": device_name(settings.device)})
    configure_threads(settings)
    keep_private(settings.umask, settings.own_folders)
    log.info(
        "The worker uses %s: %d threads of the network, %d pixels x frames at a time.",
        machine_share(settings.usable_memory_bytes),
        torch.get_num_threads(),
        settings.pixel_budget,
    )
    return run_worker(settings, load_nowcaster)


def configure_threads(settings: WorkerSettings) -> None:
    """The network gets the CPUs; OpenCV runs in many threads already and gets one each."""
    torch.set_num_threads(settings.threads or usable_cpus())
    cv2.setNumThreads(1)


def load_nowcaster(settings: WorkerSettings, reference: str) -> ServedModel:
    """The nowcaster of ``name/version`` from the registry, after the acceptance run.

    Raises:
        CheckpointError: There is no such model, it is damaged, or forecasts nonsense.
        ModelError: This version of Echocast has no such network.
    """
    directory = RegistryReader(settings.models_root).resolve(reference)
    nowcaster = load_checked(directory, settings.device)
    actual = f"{nowcaster.identity.name}/{nowcaster.identity.version}"
    if actual != reference_of(directory):
        raise CheckpointError(f"{directory} holds {actual} by its manifest.")
    return nowcaster


def device_name(device: str) -> str:
    """``auto`` is the first GPU where there is one."""
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    sys.exit(main())
