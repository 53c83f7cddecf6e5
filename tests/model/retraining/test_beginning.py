"""What can be known before long work is said before it, and leaves the folder free."""

import json
from dataclasses import replace

import pytest
from rich.progress import Progress

from echocast.model.errors import InputError, RegistryError
from echocast.model.registry.registry import Registry
from echocast.model.retraining.collect import collect
from echocast.model.retraining.config import RetrainingConfig
from echocast.model.retraining.frame_archive import FrameArchive
from echocast.model.training.windows import WindowStore
from tests.model.retraining.worlds import CONFIG, TINY, event, fill, network, registry, retraining


def test_a_mistyped_archive_or_stream_leaves_the_folder_free(tmp_path):
    models = registry(tmp_path / "models", network())
    nothing, work = FrameArchive(str(tmp_path / "nothing")), tmp_path / "work"
    with pytest.raises(InputError, match="holds no frames"):
        retraining(nothing, models, work).run()
    archive = fill(tmp_path / "store", [event(0)])
    with pytest.raises(InputError, match="no frames of a stream 'rader'"):
        retraining(archive, models, work, streams=["rader"]).run()
    with pytest.raises(InputError, match="multiple of 4 pixels, the patch of tiny/1, not 50"):
        retraining(archive, models, work, crop=50).run()
    assert retraining(archive, models, work).run().outcome == "insufficient evidence"


@pytest.mark.parametrize("place", ["a file", "/proc/models"])
def test_models_that_cannot_be_written_are_told_before_anything_is_collected(tmp_path, place):
    archive = fill(tmp_path / "store", [event(0)])
    (tmp_path / "a file").write_text("")
    with pytest.raises(RegistryError, match="can't be written"):
        retraining(archive, Registry(tmp_path / place), tmp_path / "work").run()
    assert not list((tmp_path / "work").glob("*.json"))


def test_a_grid_that_is_no_multiple_of_the_patch_is_trained_on(tmp_path):
    archive = fill(tmp_path / "store", [event(k, side=46) for k in range(12)])
    models = registry(tmp_path / "models", network())
    job = retraining(archive, models, tmp_path / "work", steps=1, batch=1)
    job.run()
    assert json.loads((tmp_path / "work" / "train.json").read_text())["failure"] == ""


@pytest.mark.parametrize("coordinates", ["lagrangian", "eulerian"])
def test_windows_are_cut_in_the_coordinates_of_the_network(tmp_path, coordinates):
    archive = fill(tmp_path / "store", [event(k) for k in range(12)])
    config = RetrainingConfig.from_json({**CONFIG, "rules": {"wet_share": 0, "window_frames": 7}})
    plain = replace(TINY, coordinates="eulerian", base="newest", control_widths=())
    windows = TINY if coordinates == "lagrangian" else plain
    collected = collect(archive, config, windows, tmp_path / "windows", Progress(disable=True))
    assert collected["windows"]
    infos = WindowStore.load(tmp_path / "windows").infos
    assert {info.coordinates for info in infos} == {coordinates}
