"""A whole retraining on twelve synthetic events: the better is promoted, the worse rejected."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.errors import InputError, ModelError, RegistryConflict
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry.checkpoint import load
from echocast.model.registry.checkpoint import save as save_checkpoint
from echocast.model.registry.model_card import front_matter
from echocast.model.registry.reader import RegistryReader
from echocast.model.registry.registry import Registry
from echocast.model.retraining.collect import event_cases
from echocast.model.retraining.config import PromotionCriteria
from echocast.model.retraining.fencing_token import raise_fence
from echocast.model.retraining.paired_forecasts import PairedForecasts
from echocast.model.retraining.promotion import judge
from echocast.model.retraining.split import Split
from echocast.model.retraining.stages import Work
from echocast.model.retraining.train import LOSSES, losses_in
from echocast.model.training.tensorboard import FOLDER
from tests.model.retraining.worlds import CONFIG, event, fill, network, registry, retraining
from tests.patience import PATIENCE_SECONDS

EVENTS = 12


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("store"), [event(k) for k in range(EVENTS)])


@pytest.fixture(scope="module")
def retrained(archive, tmp_path_factory):
    """The story of a crippled champion: folder of the models, work folder, verdict."""
    root = tmp_path_factory.mktemp("told")
    models = registry(root / "models", network(dry_db=12))
    verdict = retraining(archive, models, root / "work").run()
    return root, verdict


def again(retrained, tmp_path: Path, *, without: tuple[str, ...], champion=None) -> Registry:
    """The same work folder, some stages of it undone, and models of one's own."""
    shutil.copytree(retrained[0] / "work", tmp_path / "work")
    for stage in without:
        (tmp_path / "work" / f"{stage}.json").unlink()
        if (tmp_path / "work" / stage).is_dir():
            shutil.rmtree(tmp_path / "work" / stage)
    return registry(tmp_path / "models", champion or network(dry_db=12))


def test_a_planted_better_challenger_wins_and_becomes_the_challenger_only(retrained):
    root, verdict = retrained
    models = Registry(root / "models")
    assert verdict.outcome == "promote", verdict.why
    assert models.reader.roles().champion == "tiny/1"
    assert models.reader.card("challenger").manifest["retrained_from"] == "tiny/1"
    assert verdict.sample["events"] == 4
    entry = models.reader.history()[-1]
    assert (entry.what, entry.facts["verdict"]) == ("retrain", "promote")
    assert entry.facts["promoted"] is False


def test_the_story_can_be_read_afterwards(retrained):
    models = Registry(retrained[0] / "models")
    facts = models.reader.history()[-1].facts
    page = (models.root / facts["report"]).read_text()
    for words in ("promote", facts["challenger"], "CSI-40", "held out: 4 events", "data:image/svg"):
        assert words in page
    sections = ("checks", "pooled", "equal-bias", "scales", "probabilities", "archive")
    assert all(f'<section id="{name}">' in page for name in sections)
    verdict = json.loads((models.root / facts["report"]).with_name("decision.json").read_text())
    assert verdict["decision"]["verdict"] == "promote"
    directory = models.reader.resolve("challenger")
    assert {f.name for f in directory.iterdir()} >= {"evaluation.json", "card.md", "manifest.json"}
    assert (directory / "card.md").read_text().startswith(front_matter(facts["challenger"]))
    network, _ = load(directory)
    assert network.config.input_frames == 4


def test_the_training_is_logged_beside_its_checkpoint(retrained):
    run = retrained[0] / "work" / "run"
    logged = EventAccumulator(str(run / FOLDER)).Reload().Scalars("loss/total")
    losses = losses_in(run / LOSSES)
    assert [event.step for event in logged] == [step for step, _ in losses]
    assert [e.value for e in logged] == pytest.approx([loss for _, loss in losses], rel=1e-4)


def test_held_out_events_neither_teach_nor_choose_probability_thresholds(retrained):
    work = retrained[0] / "work"
    collected = json.loads((work / "collect.json").read_text())
    split, taught = collected["split"], collected["windows"]
    last = max(time for e in split["training"] for time in e["times"])
    first = min(time for e in split["calibration"] for time in e["times"])
    latest = max(time for e in split["calibration"] for time in e["times"])
    judged = min(time for e in split["held_out"] for time in e["times"])
    assert last < first <= latest < judged
    assert len(taught) == len(split["training"]) == 5
    chosen_on = json.loads(next(work.glob("challenger/*/*/manifest.json")).read_text())
    assert len(chosen_on["cuts_chosen_on"]) == len(split["calibration"]) == 3


def test_judging_in_one_go_says_the_same(archive, retrained):
    work = retrained[0] / "work"
    split = Split.from_json(json.loads((work / "collect.json").read_text())["split"])
    champion = Nowcaster.load(RegistryReader(retrained[0] / "models").resolve("tiny/1"))
    challenger = Nowcaster.load(next(work.glob("challenger/*/*")))
    events = {e.name: partial(event_cases, archive, e, 4, 3, 2) for e in split.held_out}
    slow = PromotionCriteria(**{**CONFIG["gate"], "latency_ratio": 1e9})
    verdict = judge(champion, challenger, events, slow)
    assert verdict.outcome == "promote"
    assert verdict.sample == retrained[1].sample
    skill = [check for check in verdict.checks if check.name != "latency"]
    assert skill == [check for check in retrained[1].checks if check.name != "latency"]


def test_a_challenger_that_may_becomes_the_champion(archive, retrained, tmp_path):
    models = again(retrained, tmp_path, without=("publish",))
    verdict = retraining(archive, models, tmp_path / "work", promotes=True).run()
    assert verdict == retrained[1]
    assert models.reader.roles().champion == models.reader.history()[-1].facts["challenger"]
    assert models.reader.roles().previous == "tiny/1"
    *_, promotion = [entry for entry in models.reader.history() if entry.what == "promote"]
    scores = promotion.scores
    assert scores["better at 40 dBZ"]["low"] > 0


def test_a_champion_that_came_in_the_meantime_stays(archive, retrained, tmp_path):
    models = again(retrained, tmp_path, without=("publish",))
    staged = models.stage("tiny")
    save_checkpoint(network(), staged, {})
    models.publish(staged, "tiny", "2")
    models.promote("tiny/2", who="somebody", why="Better by far.")
    retraining(archive, models, tmp_path / "work", promotes=True).run()
    assert models.reader.roles().champion == "tiny/2"
    assert "tiny/2" in models.reader.history()[-1].facts["not_promoted_because"]


def test_a_planted_worse_challenger_is_rejected_and_serves_only_despite_the_gate(
    archive, retrained, tmp_path
):
    models = again(retrained, tmp_path, without=("judge", "publish"), champion=network())
    planted = next((tmp_path / "work").glob("challenger/*/*"))
    save_checkpoint(network(dry_db=12), planted, {"cuts": [0.5, 0.5, 0.5]})
    verdict = retraining(archive, models, tmp_path / "work", promotes=True).run()
    assert verdict.outcome == "reject"
    assert {"CSI-20 not worse", "better at 40 dBZ"} <= {
        check.name for check in verdict.checks if check.passed is False
    }
    assert models.reader.roles().champion == "tiny/1"
    assert models.reader.roles().challenger is None
    facts = models.reader.history()[-1].facts
    assert facts["verdict"] == "reject"
    listed = models.reader.card(facts["challenger"])
    assert listed.aliases == ()
    gate = {"verdict": "reject", "why": verdict.why, "report": facts["report"]}
    assert listed.manifest["gate"] == gate
    with pytest.raises(RegistryConflict, match=r"decided 'reject': .*--despite-gate"):
        models.promote(listed.reference, who="me", why="It looks fine.")
    entry = models.promote(listed.reference, who="me", why="A test.", despite_gate=True)
    assert entry.facts["despite_gate"] == gate
    assert models.reader.roles().champion == listed.reference


def test_a_training_that_diverges_is_rejected(archive, retrained, tmp_path):
    stages = ("collect", "train", "calibrate", "judge", "publish")
    models = again(retrained, tmp_path, without=stages)
    for made in ("run", "challenger"):
        shutil.rmtree(tmp_path / "work" / made)
    order = json.loads((tmp_path / "work" / "order.json").read_text())
    order["config"]["peak_rate"] = 1e30
    (tmp_path / "work" / "order.json").write_text(json.dumps(order))
    verdict = retraining(archive, models, tmp_path / "work", peak_rate=1e30).run()
    assert verdict.outcome == "reject"
    assert "loss of step" in verdict.why
    facts = models.reader.history()[-1].facts
    assert facts["verdict"] == "reject"
    assert models.reader.directory(facts["challenger"]) is None


def test_an_archive_too_short_says_what_is_missing_before_anything_is_trained(tmp_path):
    archive = fill(tmp_path / "store", [event(k) for k in range(5)])
    models = registry(tmp_path / "models", network())
    verdict = retraining(archive, models, tmp_path / "work").run()
    assert verdict.outcome == "insufficient evidence"
    assert verdict.missing == {
        "training_events": 2,
        "calibration_events": 1,
        "held_out_events": 1,
    }
    assert not (tmp_path / "work" / "run").exists()
    assert models.reader.history()[-1].facts["missing"] == verdict.missing
    assert "2 of 4 training events" in verdict.why
    facts = models.reader.history()[-1].facts
    page = (models.root / facts["report"]).read_text()
    assert "Held out:" not in page
    assert "Found: 2 training events, 1 calibration events, 2 held out events, 0 left" in page
    assert "No challenger was trained for the champion" in page
    assert facts["challenger"] is None
    assert "tiny/1-r" not in page


def test_an_archive_shorter_than_a_window_is_insufficient(tmp_path):
    archive = fill(tmp_path / "store", [event(0)[:6]])
    models = registry(tmp_path / "models", network())
    verdict = retraining(archive, models, tmp_path / "work").run()
    assert verdict.outcome == "insufficient evidence"
    assert verdict.missing["held_out_events"] == 3


def test_the_report_tells_where_the_archive_breaks(tmp_path):
    whole = event(0)
    other = replace(whole[8:], attributes={"zr_a": "300", "zr_b": "1.4"})
    archive = fill(tmp_path / "store", [whole[:8], other])
    models = registry(tmp_path / "models", network())
    retraining(archive, models, tmp_path / "work").run()
    page = (models.root / models.reader.history()[-1].facts["report"]).read_text()
    assert "the z-r changes from not given to 300/1.4" in page


def test_the_same_folder_is_not_for_another_retraining(archive, retrained, tmp_path):
    models = again(retrained, tmp_path, without=("publish",))
    with pytest.raises(ModelError, match=r"another config \(seed: 1, not 2\); .*remove the folder"):
        retraining(archive, models, tmp_path / "work", seed=2).run()
    elsewhere = fill(tmp_path / "store", [event(0)])
    with pytest.raises(ModelError) as refused:
        retraining(elsewhere, models, tmp_path / "work").run()
    assert archive.url in str(refused.value)
    assert elsewhere.url in str(refused.value)


def test_two_at_once_in_one_folder_are_refused(archive, retrained, tmp_path):
    models = again(retrained, tmp_path, without=("publish",))
    with (
        Work(tmp_path / "work").locked(),
        pytest.raises(ModelError, match="Another process is retraining"),
    ):
        retraining(archive, models, tmp_path / "work").run()


def test_one_that_lost_its_place_publishes_nothing(archive, retrained, tmp_path):
    models = again(retrained, tmp_path, without=("publish",))
    raise_fence(models.root, 8)
    before = len(models.reader.history())
    with pytest.raises(RegistryConflict, match="number 7 has lost its place to number 8"):
        retraining(archive, models, tmp_path / "work", number=7, promotes=True).run()
    assert models.reader.roles().champion == "tiny/1"
    assert len(models.reader.history()) == before
    with pytest.raises(RegistryConflict):
        raise_fence(models.root, 7)
    retraining(archive, models, tmp_path / "work", number=8, promotes=True).run()
    assert models.reader.roles().champion != "tiny/1"


def test_frames_that_vanish_on_the_way_are_told(retrained, tmp_path):
    models = again(retrained, tmp_path, without=("judge", "publish"))
    emptied = fill(tmp_path / "store", [event(0)])
    order = json.loads((tmp_path / "work" / "order.json").read_text())
    order["archive"] = emptied.url
    (tmp_path / "work" / "order.json").write_text(json.dumps(order))
    with pytest.raises(InputError, match="is gone from the archive"):
        retraining(emptied, models, tmp_path / "work").run()


def test_a_contest_comes_back_from_its_file(retrained, tmp_path):
    files = sorted((retrained[0] / "work" / "judge").glob("*.npz"))
    first = PairedForecasts.load(files[0])
    scores = first.scores
    shapes = {"classes": (1, 6, 50, 2), "brier": (1, 6, len(scores.lead_minutes))}
    chances = {name: np.ones(shape, np.int64) for name, shape in shapes.items()}
    starts = tuple(replace(start, **chances) for start in scores.starts)
    first = replace(first, scores=replace(scores, starts=starts, probabilistic=("challenger",)))
    first.save(tmp_path / "again.npz")
    again = PairedForecasts.load(tmp_path / "again.npz")
    assert again.scores.to_json() == first.scores.to_json()
    assert (again.storms, again.unknown) == (first.storms, first.unknown)
    assert again.scores.probabilistic == ("challenger",)


def test_killed_in_every_stage_it_comes_to_the_same_verdict(archive, retrained, tmp_path):
    """Every life is a process that ends by SIGKILL within its stage; the last one finishes."""
    registry(tmp_path / "models", network(dry_db=12))
    done = subprocess.run(
        [sys.executable, "-m", "tests.model.retraining.killed", archive.url, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lives = json.loads(done.stdout.splitlines()[-1])
    assert lives == dict.fromkeys(("collect", "train", "calibrate", "judge", "publish"), -9)
    verdict = json.loads((tmp_path / "work" / "judge.json").read_text())
    assert verdict == json.loads(json.dumps(retrained[1].to_json()))
    steps = [step for step, _ in losses_in(tmp_path / "work" / "run" / LOSSES)]
    assert steps == list(range(1, CONFIG["steps"] + 1))
    models = Registry(tmp_path / "models")
    (entry,) = [entry for entry in models.reader.history() if entry.what == "retrain"]
    assert models.reader.roles().champion == entry.facts["challenger"]


def test_two_processes_retrain_together(archive, retrained, tmp_path):
    """One collects, judges and publishes; both train."""
    stages = ("collect", "train", "calibrate", "judge", "publish")
    models = again(retrained, tmp_path, without=stages)
    shutil.rmtree(tmp_path / "work")
    config = json.dumps({**CONFIG, "steps": 3, "batch": 2})
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    folders = ["--work", str(tmp_path / "work"), "--models-dir", str(models.root)]
    retrain = ["-m", "echocast.model", "retrain", archive.url, *folders]
    done = subprocess.run(
        [sys.executable, *torchrun, *retrain, "--config", config, "--json"],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "work" / "train.json").read_text()) == {"steps": 3, "failure": ""}
    assert [entry.what for entry in models.reader.history()].count("retrain") == 1
    assert len(done.stdout.strip().splitlines()) == 1, "only one of them speaks"


def test_the_command_builds_an_archive_and_comes_to_a_verdict(tmp_path):
    write_frames(event(0), tmp_path / "event.nc")
    registry(tmp_path / "models", network())
    store, work, models = (str(tmp_path / name) for name in ("store", "work", "models"))
    build = ["archive", "build", str(tmp_path / "event.nc"), "--output", store]
    built = CliRunner().invoke(app, [*build, "--stream", "radar", "--json"])
    assert json.loads(built.stdout) == {"stream": "radar", "written": 13}
    retrain = ["retrain", store, "--work", work, "--models-dir", models]
    answer = CliRunner().invoke(app, [*retrain, "--json"])
    assert json.loads(answer.stdout)["verdict"] == "insufficient evidence"
    repeated = CliRunner().invoke(app, retrain)
    verdict, report = repeated.stdout.splitlines()
    assert verdict.startswith("insufficient evidence: Missing")
    assert Path(report.removeprefix("Report: ")).is_file()
