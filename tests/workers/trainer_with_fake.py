"""A trainer process whose child says that it began, waits for leave, and says that it ended."""

import sys

from echocast.workers.retraining import trainer
from echocast.workers.runtime.logging import configure_logging
from echocast.workers.settings import WorkerSettings

CHILD = """
import os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / f"began-{sys.argv[2]}").write_text(str(os.getpid()))
parent = os.getppid()
while not (folder / "leave").exists():
    if os.getppid() != parent:
        sys.exit(9)
    time.sleep(0.02)
(folder / f"ended-{sys.argv[2]}").write_text("")
sys.exit(int((folder / "leave").read_text() or 0))
"""


def fake_command(settings, request, lock):
    folder = settings.data_dir / "retraining" / request.id
    return [sys.executable, "-c", CHILD, str(folder), str(lock.number)]


if __name__ == "__main__":
    trainer.retrain_command = fake_command
    configure_logging("trainer")
    sys.exit(trainer.run_trainer(WorkerSettings()))
