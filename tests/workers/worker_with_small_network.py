"""``python -m tests.workers.worker_with_small_network``: a real worker around a tiny network.

Grids of more than 400 x 400 pixels are cut into tiles.
"""

import logging
import sys
from dataclasses import replace

import torch

from echocast.model.forecast import ModelIdentity
from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import Network
from echocast.model.nowcaster import Nowcaster
from echocast.model.products import ExceedanceDecision
from echocast.workers.settings import WorkerSettings
from echocast.workers.worker import run_worker


def load(settings: WorkerSettings, reference: str) -> Nowcaster:
    network = Network(replace(RADAR_SMALL, hidden_channels=4, layers=2, kernel=1)).eval()
    nowcaster = Nowcaster(
        network, ModelIdentity(*reference.split("/"), "0"), decision=ExceedanceDecision((0.5,) * 6)
    )
    nowcaster._domain.most_pixels = 400 * 400
    return nowcaster


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)
    sys.exit(run_worker(WorkerSettings(), load))
