"""A retraining whose process is killed in the middle of every stage; each time another goes on."""

import importlib
import json
import os
import signal
import sys
from pathlib import Path

import torch

from echocast.model.registry import checkpoint
from echocast.model.registry.registry import Registry
from echocast.model.retraining.frame_archive import FrameArchive
from echocast.model.retraining.paired_forecasts import PairedForecasts
from echocast.model.training.run import Run
from echocast.model.training.windows import WindowStore
from tests.model.retraining.worlds import retraining

SAVED_AT, KILLED_AT = 15, 20
# What an optimiser and a picture import at their first use: once, before lives are forked.
HEAVY = ("torch._dynamo", "matplotlib.backends.backend_agg", "matplotlib.figure")


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(owner, name: str) -> None:
    """Die as soon as this has been done."""
    original = getattr(owner, name)

    def act(*arguments, **named):
        original(*arguments, **named)
        die()

    setattr(owner, name, act)


def in_training() -> None:
    original = Run.advance

    def advance(run, batch):
        loss = original(run, batch)
        if run.step == SAVED_AT:
            run.save()
        if run.step == KILLED_AT:
            die()
        return loss

    Run.advance = advance


DEATHS = {
    "collect": lambda: after(WindowStore, "save"),
    "train": in_training,
    "calibrate": lambda: after(checkpoint, "save"),
    "judge": lambda: after(PairedForecasts, "save"),
    "publish": lambda: after(Registry, "promote"),
}


def life(archive: FrameArchive, folder: Path, death: str) -> int:
    """How a process ended that was to die in a stage, or nowhere."""
    child = os.fork()
    if child == 0:
        if death:
            DEATHS[death]()
        models = Registry(folder / "models")
        retraining(archive, models, folder / "work", promotes=True).run()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    torch.set_num_threads(1)
    for name in HEAVY:
        importlib.import_module(name)
    archive, folder = FrameArchive(sys.argv[1]), Path(sys.argv[2])
    ends = {stage: life(archive, folder, stage) for stage in DEATHS}
    assert life(archive, folder, "") == 0
    print(json.dumps(ends))


if __name__ == "__main__":
    main()
