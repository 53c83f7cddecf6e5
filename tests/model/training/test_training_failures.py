"""Training on bad input and bad luck: refused in a sentence, and nothing good is lost."""

import json
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.errors import ContractViolation, ModelError
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.formats.readers import read_frames
from echocast.model.synthetic.storms import storm
from echocast.model.training.config import SCHEDULED
from echocast.model.training.distributed import SINGLE
from echocast.model.training.failed_batch import read_failed_batch
from echocast.model.training.loop import train
from echocast.model.training.prefetch import Loader
from echocast.model.training.run import RUN_FILE, Run
from echocast.model.training.sampler import Sampler
from echocast.model.training.step import Report
from echocast.model.training.tensorboard import FOLDER, training_log
from echocast.model.training.window_plan import gather
from echocast.model.training.windows import WindowStore
from tests.model.formats.foreign_files import geotiff
from tests.model.training import interrupted
from tests.model.training.test_training import CONFIG
from tests.model.training.training_windows import stored
from tests.patience import PATIENCE_SECONDS

CUT = {
    "event": "event",
    "step_minutes": 5,
    "stride": 1,
    "inputs": 5,
    "outputs": 3,
    "starts": [0, 1, 1],
    "count": 2,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("windows"))


@pytest.mark.parametrize("planted", [float("nan"), float("inf")], ids=["nan", "infinite"])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_its_batch(store, tmp_path, planted):
    config = replace(CONFIG, sampling=SCHEDULED)
    run, sampler = Run(config, tmp_path), Sampler([store], config)
    run.advance(sampler.batch(0))
    weights = {key: value.clone() for key, value in run.network.state_dict().items()}
    batch = sampler.batch(1)
    batch.frames[1, batch.inputs + 1, 0, 3, 4] = planted
    batch.valid[1, batch.inputs + 1, 0, 3, 4] = 1
    path = tmp_path / "batch-1-0.safetensors"
    with pytest.raises(ModelError, match=f"step 1 is (nan|inf).*{path}"):
        run.advance(batch)
    for key, value in run.network.state_dict().items():
        assert torch.equal(value, weights[key])
    again, facts = read_failed_batch(path)
    assert facts["step"] == 1
    assert facts["seed"] == config.seed
    assert again.inputs == batch.inputs
    for name in ("frames", "valid", "bases", "pixels", "truth_share"):
        assert torch.equal(getattr(again, name).nan_to_num(7), getattr(batch, name).nan_to_num(7))
    assert all(map(torch.equal, again.context, batch.context))
    assert again.windows == sampler.batch(1).windows
    assert [store.infos[index].inputs for _, index in again.windows] == [batch.inputs] * 2
    with pytest.raises(ModelError, match="step 1 is"):  # it fails in the same way again
        run.advance(again)


def test_a_gradient_that_is_not_finite_stops_the_run(store, tmp_path):
    run = Run(CONFIG, tmp_path)
    run.network.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(ModelError, match=r"gradient (nan|inf); its batch is in .*batch-0-0"):
        run.advance(Sampler([store], CONFIG).batch(0))


@contextmanager
def full_disk():
    """A limit on the size of files, in place of a disk that is full; lifted within the test.

    Later it would hold for the output of pytest too, which may be a file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_stops_the_run_and_leaves_the_last_checkpoint(store, tmp_path):
    run, loader = Run(CONFIG, tmp_path), Loader(Sampler([store], CONFIG))
    reports = list(train(run, loader, until=2))
    good = (tmp_path / RUN_FILE).read_bytes()
    with full_disk() as limit:
        limit(len(good) // 2)
        with pytest.raises(ModelError, match=r"step 4 could not be written.*is still in"):
            list(train(run, loader, until=4))
    assert (tmp_path / RUN_FILE).read_bytes() == good
    assert [path.name for path in tmp_path.iterdir()] == [RUN_FILE]
    again = Run(CONFIG, tmp_path)
    again.resume()
    assert again.step == 2
    whole = list(train(Run(CONFIG, tmp_path / "whole"), Loader(Sampler([store], CONFIG))))
    assert reports + list(train(again, loader)) == whole


def test_a_batch_that_cannot_be_kept_is_told_with_the_loss(store, tmp_path):
    run, batch = Run(CONFIG, tmp_path), Sampler([store], CONFIG).batch(0)
    batch.frames[:] = float("nan")
    with full_disk() as limit:
        limit(1000)
        with pytest.raises(ModelError, match=r"step 0 is nan .*could not be saved"):
            run.advance(batch)


def logging(folder, before_the_end):
    with training_log(folder, 0, SINGLE) as log:
        log(Report(1, 2.0, 1.0, 1.0, 0.1, 0.5, {}), 0.0)
        before_the_end()


def test_a_log_that_cannot_be_written_is_told_in_a_sentence(tmp_path):
    with full_disk() as limit:
        limit(10)
        with pytest.raises(ModelError, match=r"log in .* could not be written.*is still there"):
            logging(tmp_path, lambda: None)


def test_what_ends_a_training_is_told_though_its_log_cannot_be_written_either(tmp_path):
    with full_disk() as limit:

        def stop():
            limit(10)
            raise ModelError("no rain")

        with pytest.raises(ModelError, match="no rain"):
            logging(tmp_path, stop)


def test_a_disk_that_fills_up_stops_the_log_which_has_no_thread_to_leave(tmp_path):
    threads = threading.enumerate()

    def write_much(limit):
        with training_log(tmp_path, 0, SINGLE) as log:
            assert threading.enumerate() == threads
            limit(400)
            for step in range(1, 100):
                log(Report(step, 2.0, 1.0, 1.0, 0.1, 0.5, {}), 0.0)

    with full_disk() as limit, pytest.raises(ModelError, match=r"log in .* could not be written"):
        write_much(limit)


def test_every_step_that_was_logged_outlives_a_kill(tmp_path):
    with training_log(tmp_path, 0, SINGLE) as log:
        for step in range(1, 4):
            log(Report(step, 2.0, 1.0, 1.0, 0.1, 0.5, {}), 0.0)
        assert [event.step for event in logged_losses(tmp_path)] == [1, 2, 3]


def logged_losses(run):
    return EventAccumulator(str(run / FOLDER)).Reload().Scalars("loss/total")


def test_a_process_killed_between_two_checkpoints_goes_on_to_the_same_weights(tmp_path):
    config, windows = replace(CONFIG, sampling=SCHEDULED), tmp_path / "windows"
    loader = Loader(Sampler([stored(windows)], config))
    whole = Run(config, tmp_path / "whole")
    losses = [report.loss for report in train(whole, loader)]
    words = [json.dumps(config.to_json()), str(windows), str(tmp_path / "killed")]
    command = [sys.executable, "-m", interrupted.__name__, *words]
    assert (
        subprocess.run(command, timeout=2 * PATIENCE_SECONDS, check=False).returncode
        == -signal.SIGKILL
    )
    assert Run.open(tmp_path / "killed").step < len(losses)
    interrupted.go_on(config, windows, tmp_path / "killed")
    again = Run.open(tmp_path / "killed")
    for key, value in whole.averaged().state_dict().items():
        torch.testing.assert_close(again.average[key], value)
    events = logged_losses(tmp_path / "killed")
    assert [event.step for event in events] == [1, 2, 3, 4, 5, 6]
    for event in events:
        assert event.value == pytest.approx(losses[event.step - 1], rel=1e-4)


def test_a_store_without_windows_and_shares_of_none_are_refused(store):
    nothing = WindowStore(np.zeros((0, 30, 32, 32), np.uint8), [])
    with pytest.raises(ModelError, match="no windows to draw"):
        Sampler([nothing], CONFIG)
    with pytest.raises(ModelError, match="share 0"):
        Sampler([store], replace(CONFIG, shares={"storm1": 0.0, "storm2": 0.0}))


def test_a_folder_without_windows_is_told_in_a_sentence(tmp_path):
    with pytest.raises(ModelError, match=f"no windows in {tmp_path}; `echocast train windows`"):
        WindowStore.load(tmp_path)


def test_windows_of_two_sizes_are_never_in_one_batch(store):
    smaller = WindowStore(np.array(store.counts[:, :, :16, :16]), store.infos)
    sampler = Sampler([store, smaller], CONFIG)
    sizes = {tuple(sampler.batch(step).frames.shape[-2:]) for step in range(12)}
    assert sizes == {(32, 32), (16, 16)}
    odd = WindowStore(np.array(store.counts[:, :, :18, :18]), store.infos)
    with pytest.raises(ModelError, match="18 pixels a side are no multiple"):
        Sampler([odd], CONFIG)


def test_windows_of_two_steps_keep_their_own_in_one_batch(store):
    infos = [replace(info, step_minutes=5.0 + index) for index, info in enumerate(store.infos)]
    batch = Sampler([WindowStore(store.counts, infos)], replace(CONFIG, batch=8)).batch(1)
    assert batch.context.step_minutes.tolist() == [5.0 + index for _, index in batch.windows]
    assert len(set(batch.context.step_minutes.tolist())) > 1


def plan_in(tmp_path, frames, **changes):
    write_frames(frames, tmp_path / "event.nc")
    return [{"file": "event.nc", "pixel_km": 1.0, "cuts": [{**CUT, **changes}]}]


def event(**changes):
    frames = storm(2, frames=8, height=112, width=112)
    return frames.with_values(
        changes.get("dbz", frames.reflectivity_dbz), changes.get("times", frames.times)
    )


def test_a_plan_of_an_event_with_a_gap_or_another_step_is_refused(tmp_path):
    step = event().step.total_seconds() / 60
    whole = plan_in(tmp_path, event(), step_minutes=step)
    assert sum(map(len, gather(whole, tmp_path, 1))) > 0
    late = [
        time + (timedelta(hours=1) if k > 4 else timedelta(0))
        for k, time in enumerate(event().times)
    ]
    with pytest.raises(ContractViolation, match=r"event\.nc .* lie before .*without"):
        list(gather(plan_in(tmp_path, event(times=late), step_minutes=step), tmp_path, 1))
    with pytest.raises(ContractViolation, match=f"says {2 * step:g} minutes"):
        list(gather(plan_in(tmp_path, event(), step_minutes=2 * step), tmp_path, 1))


def test_a_folder_of_any_format_gives_the_windows_of_one_netcdf_file(tmp_path):
    """Tile by tile and as the plan says that it is read."""
    folder, step = tmp_path / "images", event().step.total_seconds() / 60
    folder.mkdir()
    codes = np.rint(2 * np.nan_to_num(event().reflectivity_dbz, nan=-32) + 64).clip(0, 254)
    for time, raw in zip(event().times, codes.astype(np.uint8), strict=True):
        geotiff(folder, f"{time:%Y%m%d%H%M}.tif", raw=raw, tags={"OBSERVATION TIME": ""})
    plan = plan_in(tmp_path, read_frames(sorted(folder.iterdir())), step_minutes=step)
    of_file = [{**plan[0], "tile": [112, 96]}]
    of_folder = [{**of_file[0], "file": "images", "reading": {"units": "dBZ"}}]
    windows = [list(chain(*gather(one, tmp_path, 1))) for one in (of_file, of_folder)]
    assert windows[0]
    for (first, _), (second, _) in zip(*windows, strict=True):
        assert np.array_equal(first, second)


def test_an_event_that_is_dry_throughout_is_told_by_the_command(tmp_path):
    dry = np.zeros_like(event().reflectivity_dbz)
    plan = plan_in(tmp_path, event(dbz=dry), step_minutes=event().step.total_seconds() / 60)
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    words = [
        "train",
        "windows",
        tmp_path / "plan.json",
        "--data",
        tmp_path,
        "--output",
        tmp_path / "out",
    ]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(done.exception, ModelError)
    assert "rains nowhere" in str(done.exception)
    assert not (tmp_path / "out").exists()
