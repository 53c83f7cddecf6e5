"""``python -m tests.deploy.paused_worker FILE``: a worker whose network waits while FILE exists."""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from echocast.model.forecast import ModelIdentity
from echocast.workers.settings import WorkerSettings
from echocast.workers.worker import run_worker
from tests.workers.fake_nowcaster import FakeNowcaster, FakePrepared

HOLD = Path(sys.argv[1])


class PausedNowcaster(FakeNowcaster):
    def predict(
        self, batch: Sequence[FakePrepared], progress: Callable[[], None]
    ) -> list[np.ndarray]:
        while HOLD.exists():
            time.sleep(0.05)
        return super().predict(batch, progress)


def load(settings: object, reference: str) -> PausedNowcaster:
    name, _, version = reference.partition("/")
    return PausedNowcaster(ModelIdentity(name, version or "1", "e" * 64))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("echocast").setLevel(logging.INFO)
    sys.exit(run_worker(WorkerSettings(), load))
