"""The benchmarks count and compare what they say; none is judged by its seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model.benchmarks import domain, gpu, network
from model.benchmarks.machine import convolution_peak, describe
from model.config import FAMILIES, NetworkConfig
from model.errors import EchocastError
from model.fast.choice import difference
from model.networks import Network

ROOT = Path(__file__).parents[2]


def test_the_whole_table_has_every_family_width_kernel_and_batch():
    assert len(list(network.cases())) == len(FAMILIES) * 2 * 2 * 2


def test_operations_are_those_of_the_convolutions_that_run():
    """Counted by hooks on the plain network, and from its equations."""
    plain = Network(NetworkConfig("mim", hidden_channels=4, kernel=3)).eval()
    expected, counted = network.floating_point_operations(plain, batch=1), []

    def count(module, _, out):
        counted.append(2 * module.weight.numel() * out[0, 0].numel())

    for module in plain.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        plain.step(torch.rand(1, 16, 16, 16), plain.initial_state(1, 16, 16))
    assert expected == network.STEPS * sum(counted)


def test_a_row_compares_the_forms_and_shows_their_memory():
    row = network.measure(network.Case("convlstm", 8, 3, 2), peak_gflops=100.0, rounds=1)
    assert row["agrees"]
    assert row["ratio"] > 0
    assert row["plain"]["mib_5_steps"] > 0
    assert row["fast"]["share_of_peak"] == pytest.approx(row["fast"]["gflops"] / 100)
    assert network.markdown([row]).splitlines()[-1].startswith("| convlstm | 8 | 3 | 2 |")


def test_a_row_without_a_fast_form_says_so():
    row = network.measure(network.Case("convlstm", 4, 1, 1), peak_gflops=100.0, rounds=1)
    assert row["fast"] is None
    assert "| - |" in network.markdown([row])


def test_the_machine_has_a_name_and_a_peak():
    assert describe()["threads"] >= 1
    assert convolution_peak() > 0


def test_pysteps_is_asked_for_only_where_it_is_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(EchocastError, match="not installed"):
        domain.sprog(domain._storm((64, 64)))


def test_the_command_prints_json():
    command = [sys.executable, "-m", "model.benchmarks", "network", "--family", "convlstm"]
    command += ["--width", "64", "--kernel", "3", "--batch", "1", "--rounds", "1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    (row,) = json.loads(done.stdout)["devices"]["cpu"]["rows"]
    assert (row["family"], row["width"]) == ("convlstm", 64)


def test_half_convolutions_are_the_plain_ones_but_for_rounding():
    torch.manual_seed(1)
    plain = Network(NetworkConfig("mim", hidden_channels=8, kernel=3)).eval()
    frames = torch.rand(2, 10, 1, 32, 32)
    with torch.inference_mode():
        expected = gpu.forecast(plain, frames)
        rounded = gpu.forecast(gpu.with_half_convolutions(plain), frames)
    assert rounded.dtype == torch.float32
    assert 0 < difference(expected, rounded) < gpu.BFLOAT16_TOLERANCE


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_gpu_benchmark_says_so_and_ends_well():
    command = [sys.executable, "-m", "model.benchmarks", "gpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, "no GPU" in done.stdout) == (0, True)
