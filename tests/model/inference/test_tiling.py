"""Any domain: tiled equals whole, skipping changes nothing that matters, memory may run out.

Agreement is judged on the shipped, trained network.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch

from echocast.model.inference import tiling
from echocast.model.inference.preprocessing import reach
from echocast.model.inference.tiling import (
    Domain,
    bytes_per_pixel,
    in_patches,
    pieces,
    skipped_share,
)
from echocast.model.inference.winograd.selection import SelectedSteps
from echocast.model.inference.winograd.steps import FastSteps
from echocast.model.network.config import RADAR, RADAR_SMALL
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry.reader import SHIPPED, RegistryReader
from echocast.model.synthetic.storms import storm

SHARE = 0.999  # of pixels that have to agree


@pytest.fixture(scope="module")
def trained():
    return Nowcaster.load(RegistryReader(SHIPPED).resolve("champion"))


@pytest.fixture(scope="module")
def prepared(trained):
    frames = storm(6, frames=10, height=200, width=500)
    values = frames.reflectivity_dbz.copy()
    values[:, :, 260:] = frames.no_rain_dbz
    return trained.prepare(frames.with_values(values, frames.times))


def with_domain(trained, **changes):
    """The same nowcaster with fast steps, whatever is faster here, and another domain."""
    steps = FastSteps(trained._network)
    other = Nowcaster(trained._network, trained.identity, choice=SelectedSteps(steps, "compiled-4"))
    other._domain = Domain(trained._network, steps)
    for name, value in changes.items():
        setattr(other._domain, name, value)
    return other


def apart(one, other, near):
    """The difference in dBZ that ``SHARE`` of the pixels that matter do not exceed."""
    return np.quantile(np.abs(one.frames_dbz - other.frames_dbz)[:, near], SHARE)


@pytest.fixture(scope="module")
def whole(trained, prepared):
    everywhere = with_domain(trained)
    everywhere._domain._where_near = lambda *_: everywhere.choice.steps
    return everywhere.predict([prepared])[0]


def near_of(prepared):
    return reach(prepared, RADAR_SMALL)[:200, :500]


def test_tiled_equals_whole(trained, prepared, whole):
    tiled = with_domain(trained, most_pixels=300 * 300)
    assert apart(tiled.predict([prepared])[0], whole, near_of(prepared)) < 0.5


def test_leaving_out_what_no_echo_reaches_changes_nothing_that_matters(trained, prepared, whole):
    near = near_of(prepared)
    assert skipped_share(torch.from_numpy(near[None]), 4) > 0.1
    assert apart(with_domain(trained).predict([prepared])[0], whole, near) < 0.1


class Narrow(Domain):
    """A domain on a device where only so many pixels fit."""

    def __init__(self, network, fits):
        super().__init__(network)
        self.fits, self.tried = fits, []

    def _roll_out(self, window, progress):
        height, width = window.frames.shape[-2:]
        self.tried.append(height * width)
        if height * width > self.fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        batch, config = len(window.frames), self._network.config
        frame = torch.ones(batch, height, width)
        chances = torch.ones(batch, len(config.exceedance_thresholds_dbz), height, width)
        return [(frame, chances)] * config.output_frames


def window_of(batch, height, width):
    frames = torch.zeros(batch, 10, 1, height, width)
    near = torch.ones(batch, height, width, dtype=torch.bool)
    return tiling.Window(frames, None, near)


def test_one_window_that_does_not_fit_is_tiled(trained):
    narrow = Narrow(trained._network, 400 * 400)
    leads = narrow.run(window_of(1, 600, 700))
    torch.testing.assert_close(leads.frames, torch.ones_like(leads.frames))
    assert narrow.tried[0] == 600 * 700
    assert max(narrow.tried[-4:]) <= 400 * 400


def test_several_windows_that_do_not_fit_are_left_to_the_batcher(trained):
    with pytest.raises(RuntimeError, match="out of memory"):
        Narrow(trained._network, 400 * 400).run(window_of(2, 600, 700))


def test_what_fits_in_no_tile_is_an_error(trained):
    with pytest.raises(RuntimeError, match="out of memory"):
        Narrow(trained._network, 100).run(window_of(1, 600, 700))


def test_other_errors_are_not_taken_for_a_lack_of_memory(trained, monkeypatch):
    narrow, tried = Narrow(trained._network, 0), []

    def broken(*_):
        tried.append(1)
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(narrow, "_roll_out", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        narrow.run(window_of(1, 600, 700))
    assert len(tried) == 1


@pytest.mark.parametrize(("size", "most"), [(100, 300), (301, 300), (1000, 300), (7001, 1200)])
def test_weights_of_pieces_add_up_to_one_and_pieces_fit(size, most):
    total, parts = torch.zeros(size), pieces(size, most, 96, 4)
    for span, weight in parts:
        total[span] += weight
        assert span.start % 4 == 0
    torch.testing.assert_close(total, torch.ones(size))
    assert all(a.stop - b.start >= 96 for (a, _), (b, _) in pairwise(parts))


def test_wider_networks_take_more_memory_per_pixel():
    assert bytes_per_pixel(RADAR) == 2 * bytes_per_pixel(RADAR_SMALL)


def test_what_matters_is_computed_with_its_surroundings():
    near = torch.zeros(1, 80, 80, dtype=torch.bool)
    near[0, 40, 40] = True
    patches = in_patches(near, 4)
    assert int(patches.sum()) == 11 * 11
    assert skipped_share(near, 4) == pytest.approx(1 - 121 / 400)
