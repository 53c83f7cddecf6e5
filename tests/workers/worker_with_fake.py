"""``python -m tests.workers.worker_with_fake``: a real worker process around a fake nowcaster."""

import sys

from echocast.workers.runtime.logging import configure_logging
from echocast.workers.settings import WorkerSettings
from echocast.workers.worker import run_worker
from tests.workers.fake_nowcaster import load_fake

if __name__ == "__main__":
    settings = WorkerSettings()
    configure_logging("worker", settings.log, settings.log_level)
    sys.exit(run_worker(settings, load_fake))
