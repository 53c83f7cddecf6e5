"""A real worker process, fake network, whose counting dies of a frame that is 66 dBZ everywhere.

It stands for a frame that makes native code crash.
"""

import logging
import os
import signal
import sys

from echocast.model.grid import FloatArray
from echocast.model.verification.counts import Counts
from echocast.model.verification.frame_statistics import describe
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams import scoring
from echocast.workers.worker import run_worker
from tests.workers.fake_nowcaster import load_fake

DEADLY_DBZ = 66.0


def deadly(observed_dbz: FloatArray) -> Counts:
    if (observed_dbz == DEADLY_DBZ).all():
        os.kill(os.getpid(), signal.SIGKILL)
    return describe(observed_dbz)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    scoring.describe = deadly
    sys.exit(run_worker(WorkerSettings(), load_fake))
