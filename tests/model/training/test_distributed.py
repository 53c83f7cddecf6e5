"""Two processes that train together do what one does with the double batch."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from echocast.model.errors import ModelError
from echocast.model.network.config import RADAR_SMALL
from echocast.model.registry.checkpoint import save
from echocast.model.synthetic.storms import storm
from echocast.model.training.config import TrainingConfig
from echocast.model.training.distributed import ProcessGroup
from echocast.model.training.loop import train
from echocast.model.training.prefetch import Loader
from echocast.model.training.run import Run, trained_in
from echocast.model.training.sampler import Sampler
from echocast.model.training.step import outcome
from echocast.model.training.windows import (
    MISSING_COUNT,
    WindowInfo,
    WindowStore,
    clean,
    extract_crops,
)
from tests.patience import PATIENCE_SECONDS

TINY = replace(RADAR_SMALL, hidden_channels=4, layers=2, exceedance_thresholds_dbz=(20.0, 30.0))
DOUBLE = TrainingConfig(TINY, steps=4, batch=4, seed=4)
HALF_BATCH = replace(DOUBLE, batch=2)
TRAIN = """
import json, sys
from pathlib import Path
from echocast.model.training.windows import WindowStore
from echocast.model.training.distributed import process_group
from echocast.model.training.sampler import Sampler
from echocast.model.training.config import TrainingConfig
from echocast.model.training.prefetch import Loader
from echocast.model.training.loop import train
from echocast.model.training.run import Run
import torch
torch.set_num_threads(1)
config = TrainingConfig.from_json(json.loads(sys.argv[1]))
with process_group("cpu") as group:
    run = Run(config, Path(sys.argv[3]), group=group)
    run.resume()
    loader = Loader(Sampler([WindowStore.load(Path(sys.argv[2]))], config, group))
    losses = [report.loss for report in train(run, loader)]
    print(json.dumps({"rank": group.rank, "losses": losses}))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Windows of which some have missing pixels: means over windows would differ then."""
    rng = np.random.default_rng(1)
    windows = []
    for seed, hidden in ((1, 0), (2, 20)):
        frames = clean(storm(seed, frames=9, height=96, width=96).reflectivity_dbz)
        info = WindowInfo(f"storm{seed}", 6.0, 1.0, 5, 4)
        for counts in extract_crops(frames, 5, 4, 32, rng):
            counts[:, :hidden] = MISSING_COUNT
            windows.append((counts, info))
    return WindowStore.save(tmp_path_factory.mktemp("windows"), windows)


def test_the_parts_of_a_team_are_the_whole_batch(store):
    whole = Sampler([store], DOUBLE).batch(3)
    parts = [Sampler([store], HALF_BATCH, ProcessGroup(rank, 2)).batch(3) for rank in range(2)]
    assert torch.equal(torch.cat([part.frames for part in parts]), whole.frames)
    assert torch.equal(torch.cat([part.bases for part in parts]), whole.bases)


def test_the_mean_loss_of_the_parts_is_the_loss_of_the_whole(store, tmp_path):
    network = Run(DOUBLE, tmp_path).network
    samplers = [Sampler([store], HALF_BATCH, ProcessGroup(rank, 2)) for rank in range(2)]
    with torch.no_grad():
        whole = outcome(network, Sampler([store], DOUBLE).batch(3), 1.0).loss
        first, second = (outcome(network, sampler.batch(3), 1.0).loss for sampler in samplers)
    assert float(first + second) / 2 == pytest.approx(float(whole), rel=1e-5)
    assert abs(float(first - second)) > 1e-3


def test_two_processes_train_as_one_does_with_the_double_batch(store, tmp_path, monkeypatch):
    one = Run(DOUBLE, tmp_path / "one")
    losses = [report.loss for report in train(one, Loader(Sampler([store], DOUBLE)))]
    windows = tmp_path / "windows"
    WindowStore.save(windows, [(store.counts[k][:13], store.infos[k]) for k in range(len(store))])
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [script, json.dumps(HALF_BATCH.to_json()), windows, tmp_path / "two"]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert sorted(answer["rank"] for answer in answers) == [0, 1]
    for answer in answers:
        assert answer["losses"] == pytest.approx(losses, rel=1e-4)
    two = Run.open(tmp_path / "two")
    for key, value in one.network.state_dict().items():
        torch.testing.assert_close(two.network.state_dict()[key], value, rtol=1e-3, atol=2e-5)


def test_a_run_leaves_nothing_behind_in_the_process(store, tmp_path):
    sampler = Sampler([store], HALF_BATCH)
    first = list(train(Run(HALF_BATCH, tmp_path / "a"), Loader(sampler)))
    between = Run(replace(HALF_BATCH, seed=9), tmp_path / "b")
    between.advance(sampler.batch(0))
    assert list(train(Run(HALF_BATCH, tmp_path / "c"), Loader(sampler))) == first


def test_a_released_checkpoint_starts_a_run(store, tmp_path):
    trained = Run(HALF_BATCH, tmp_path / "run")
    list(train(trained, Loader(Sampler([store], HALF_BATCH))))
    save(trained.averaged(), tmp_path / "tiny" / "1", {})
    run = Run(replace(HALF_BATCH, warm_start="tiny/1"), tmp_path / "next")
    run.start_from(trained_in(tmp_path / "tiny" / "1")[0])
    for key, value in trained.averaged().state_dict().items():
        assert torch.equal(run.network.state_dict()[key], value)
    other = Run(replace(HALF_BATCH, network=replace(TINY, hidden_channels=8)), tmp_path / "other")
    with pytest.raises(ModelError, match="same configuration"):
        other.start_from(trained.averaged())
