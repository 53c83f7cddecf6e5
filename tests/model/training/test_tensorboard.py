"""What a run tells: scalars that TensorBoard reads back, no step twice, and skill that fades."""

import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from echocast.model.training.distributed import SINGLE, ProcessGroup
from echocast.model.training.prefetch import Loader
from echocast.model.training.run import Run
from echocast.model.training.sampler import Sampler
from echocast.model.training.step import Report
from echocast.model.training.tensorboard import FOLDER, MovingCsi, training_log
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import STREAM_THRESHOLDS_DBZ
from tests.model.training.test_training import CONFIG
from tests.model.training.training_windows import stored
from tests.patience import PATIENCE_SECONDS


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("windows"))


def logged(store, folder, until, *, saved=True):
    run, loader = Run(CONFIG, folder), Loader(Sampler([store], CONFIG))
    run.resume()
    reports = []
    with training_log(folder, run.step, SINGLE) as log:
        for batch in loader.batches(run.step, until):
            reports.append(run.advance(batch))
            log(reports[-1], loader.waited_seconds)
    if saved:
        run.save()
    return reports


def read(folder):
    events = EventAccumulator(str(folder / FOLDER)).Reload()
    return {
        tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def test_every_step_is_read_back_once_also_those_made_again_after_a_kill(store, tmp_path):
    first = logged(store, tmp_path, 2)
    lost = logged(store, tmp_path, 4, saved=False)
    again = logged(store, tmp_path, 6)
    assert again[:2] == lost
    reports = first + again
    scalars = read(tmp_path)
    for tag, values in {
        "loss/total": [r.loss for r in reports],
        "loss/intensity": [r.intensity_loss for r in reports],
        "loss/exceedance": [r.exceedance_loss for r in reports],
        "learning_rate": [r.rate for r in reports],
        "gradient_norm": [r.gradient_norm for r in reports],
    }.items():
        steps, read_back = zip(*scalars[tag], strict=True)
        assert steps == (1, 2, 3, 4, 5, 6)
        assert read_back == pytest.approx(values, rel=1e-6)
    for threshold in STREAM_THRESHOLDS_DBZ:
        csi = [(r.step, r.tables[threshold].critical_success_index) for r in reports]
        expected = [(step, value) for step, value in csi if value == value]
        assert scalars.get(f"csi/{threshold:g}_dbz", []) == [
            (step, pytest.approx(value, rel=1e-6)) for step, value in expected
        ]
    assert scalars["csi/20_dbz"]
    assert all(0 < share <= 1 for _, share in scalars["waiting_share"])


def test_parts_add_up_to_the_loss(store, tmp_path):
    for report in logged(store, tmp_path, 2):
        assert report.intensity_loss + report.exceedance_loss == pytest.approx(report.loss)
        assert min(report.intensity_loss, report.exceedance_loss) > 0


def test_only_the_process_that_leads_writes(store, tmp_path):
    with training_log(tmp_path, 0, ProcessGroup(1, 2)) as log:
        log(report_of(ContingencyTable(1)), 0.0)
    assert not (tmp_path / FOLDER).exists()


def report_of(table):
    return Report(1, 1.0, 1.0, 0.0, 1e-3, 1.0, dict.fromkeys(STREAM_THRESHOLDS_DBZ, table))


def test_skill_is_unknown_until_there_was_rain_and_forgets_slowly():
    skill = MovingCsi()
    skill.update(report_of(ContingencyTable(correct_negatives=9)))
    assert str(skill) == "CSI-30 n/a"
    skill.update(report_of(ContingencyTable(hits=1, misses=2, false_alarms=1)))
    assert str(skill) == "CSI-30 0.250"
    skill.update(report_of(ContingencyTable(hits=4)))
    assert str(skill) == f"CSI-30 {(0.95 + 4) / (4 * 0.95 + 4):.3f}"


WITHOUT = """
import sys
sys.modules["tensorboard"] = None
from echocast.model.__main__ import app
app()
"""


def test_without_tensorboard_training_goes_on_and_says_so_once(store, tmp_path):
    windows = tmp_path / "windows"
    stored(windows)
    arguments = ["train", "network", windows, "--steps", 2, "--batch", 1, "--threads", 1]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *map(str, arguments), "--output", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("No TensorBoard log") == 1
    assert "Trained 2 steps" in done.stdout
    assert not (tmp_path / "run" / FOLDER).exists()
