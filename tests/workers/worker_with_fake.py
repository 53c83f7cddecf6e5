"""``python -m tests.workers.worker_with_fake``: a real worker process around a fake nowcaster."""

import logging
import sys

from echocast.workers.settings import WorkerSettings
from echocast.workers.worker import run_worker
from tests.workers.fake_nowcaster import load_fake

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("echocast").setLevel(logging.INFO)
    sys.exit(run_worker(WorkerSettings(), load_fake))
