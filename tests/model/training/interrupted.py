"""``python -m tests.model.training.interrupted CONFIG WINDOWS FOLDER``: killed after step four."""

import json
import os
import signal
import sys
from pathlib import Path

from echocast.model.training.config import TrainingConfig
from echocast.model.training.distributed import SINGLE
from echocast.model.training.loop import train
from echocast.model.training.prefetch import Loader
from echocast.model.training.run import Run
from echocast.model.training.sampler import Sampler
from echocast.model.training.tensorboard import training_log
from echocast.model.training.windows import WindowStore

KILLED_AFTER = 4


def go_on(config: TrainingConfig, windows: Path, folder: Path, killed_after: int = 0) -> None:
    """Train from where the run in a folder stands; 0: to the end."""
    run = Run(config, folder)
    run.resume()
    loader = Loader(Sampler([WindowStore.load(windows)], config))
    with training_log(folder, run.step, SINGLE) as log:
        for report in train(run, loader, save_every_seconds=0):
            log(report, loader.waited_seconds)
            if report.step == killed_after:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    named, *folders = sys.argv[1:]
    config = TrainingConfig.from_json(json.loads(named))
    go_on(config, *map(Path, folders), killed_after=KILLED_AFTER)
