"""What a step tells of a batch: counts of what ran freely, and a loss in parts."""

from dataclasses import replace

import pytest
import torch

from echocast.model.network.network import SCALE_DBZ
from echocast.model.training.run import Run
from echocast.model.training.sampler import Sampler
from echocast.model.training.step import count_events, outcome
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import STREAM_THRESHOLDS_DBZ
from tests.model.training.test_training import CONFIG
from tests.model.training.training_windows import stored


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    store = stored(tmp_path_factory.mktemp("windows"))
    return Sampler([store], CONFIG).batch(0)


def test_events_are_closed_below_and_what_nobody_saw_does_not_count():
    frame = torch.tensor([[20.0, 19.0, 50.0, 31.0, 60.0]]) / SCALE_DBZ
    observed = torch.tensor([[20.0, 20.0, 10.0, 40.0, 60.0]]) / SCALE_DBZ
    valid = torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.0]])
    tables = [ContingencyTable(*row) for row in count_events(frame, observed, valid).tolist()]
    assert dict(zip(STREAM_THRESHOLDS_DBZ, tables, strict=True)) == {
        20.0: ContingencyTable(2, 1, 1, 0),
        30.0: ContingencyTable(1, 0, 1, 2),
        40.0: ContingencyTable(0, 1, 1, 2),
        50.0: ContingencyTable(0, 0, 1, 3),
    }


@pytest.mark.parametrize(("fed", "leads"), [(None, "all"), (0.0, "all"), (1.0, "first")])
def test_an_untrained_network_scores_as_its_base_where_it_ran_freely(batch, tmp_path, fed, leads):
    network, share = Run(CONFIG, tmp_path).network, None
    if fed is not None:
        share = torch.full(batch.frames.shape[:2], fed)[:, 1:]
        share[:, : batch.inputs] = 1
    result = outcome(network, replace(batch, truth_share=share), 0.0)
    many = slice(None) if leads == "all" else slice(1)
    later = slice(batch.inputs, None)
    expected = count_events(
        batch.bases[:, many], batch.frames[:, later][:, many], batch.valid[:, later][:, many]
    )
    assert torch.equal(result.counts, expected)
    assert expected[0].min() > 0


def test_only_windows_that_ran_freely_count_at_a_lead(batch, tmp_path):
    share = torch.ones(batch.frames.shape[:2])[:, 1:]
    share[0, batch.inputs :] = 0
    result = outcome(Run(CONFIG, tmp_path).network, replace(batch, truth_share=share), 0.0)
    pixels = batch.valid[:, batch.inputs :].sum((2, 3, 4))
    assert result.counts.sum(1).tolist() == [int(pixels[0].sum() + pixels[1:, 0].sum())] * 4


def test_the_loss_of_a_schedule_without_truth_is_that_of_running_freely(batch, tmp_path):
    network = Run(CONFIG, tmp_path).network
    torch.nn.init.normal_(network.head.weight, std=0.1)
    none = torch.zeros(batch.frames.shape[:2])[:, 1:]
    none[:, : batch.inputs] = 1
    free, fed = (
        outcome(network, replace(batch, truth_share=share), 0.5).loss for share in (None, none)
    )
    assert torch.equal(free, fed)
