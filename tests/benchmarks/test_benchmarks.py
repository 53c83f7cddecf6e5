"""The benchmarks count and compare what they say; none is judged by its seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import domain, gpu, network
from benchmarks import reach as of_reach
from benchmarks.machine import convolution_peak, describe
from benchmarks.table import TableFile
from echocast.model.errors import EchocastError
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.inference.winograd.selection import difference
from echocast.model.network.config import FAMILIES, NetworkConfig
from echocast.model.network.network import Network
from echocast.model.synthetic.storms import storm
from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]


def test_the_whole_table_has_every_family_width_kernel_and_batch():
    assert len(set(network.cases())) == len(FAMILIES) * 2 * 2 * 2


def test_what_matters_most_is_measured_first():
    first, *others = network.cases()
    assert first == ("mim", 64, 5, 1)
    assert [case.family for case in others[:7]] == ["mim"] * 7
    widths = [case.width for case in others[7:]]
    assert widths == sorted(widths)


def test_a_table_is_gone_on_with_where_it_was_left(tmp_path):
    file, columns = tmp_path / "table.md", ("family", "width", "ms")
    TableFile(file, "here", columns, key=2).add(["mim", 6, "1.5"])
    again = TableFile(file, "there", columns, key=2)
    assert ("mim", 6) in again
    assert ("mim", 64) not in again
    again.add(["mim", 64, "2.5"])
    again.add(["mim", 64, "3.5"])
    assert file.read_text().splitlines()[-2:] == ["| mim | 6 | 1.5 |", "| mim | 64 | 3.5 |"]
    assert TableFile(file, "here", ("family", "other"), key=1).rows == []


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
    assert expected == sum(counted)


def test_a_row_compares_the_forms_and_shows_their_memory():
    row = network.measure(network.NetworkCase("convlstm", 8, 3, 2), peak_gflops=100.0, rounds=1)
    assert row["agrees"]
    assert row["ratio"] > 0
    assert row["plain"]["mib_last"] > 0
    assert row["fast"]["share_of_peak"] == pytest.approx(row["fast"]["gflops"] / 100)
    cells = network.cells(row)
    assert len(cells) == len(network.COLUMNS)
    assert cells[: network.KEY] == ["convlstm", 8, 3, 2]


def test_a_row_without_a_fast_form_says_so():
    row = network.measure(network.NetworkCase("convlstm", 4, 1, 1), peak_gflops=100.0, rounds=1)
    assert row["fast"] is None
    assert network.cells(row).count("-") == 7


def test_the_machine_has_a_name_and_a_peak():
    assert describe()["threads"] >= 1
    assert convolution_peak() > 0


def test_pysteps_is_asked_for_only_where_it_is_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(EchocastError, match="not installed"):
        domain.sprog(domain._storm((64, 64)))


def test_the_command_prints_json_and_writes_the_table(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "network", "--family", "convlstm"]
    command += ["--width", "64", "--kernel", "3", "--batch", "1", "--rounds", "1", "--json"]
    command += ["--output", str(tmp_path / "table.md")]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=2 * PATIENCE_SECONDS
    )
    (row,) = json.loads(done.stdout)["devices"]["cpu"]["rows"]
    assert (row["family"], row["width"]) == ("convlstm", 64)
    assert (tmp_path / "table.md").read_text().splitlines()[-1].startswith("| convlstm | 64 | 3 |")


def test_the_share_beyond_reach_is_methods_every_event(tmp_path):
    frames = storm(2, frames=12, height=64, width=400)
    values = frames.reflectivity_dbz.copy()
    values[:, :, 40:] = frames.no_rain_dbz
    write_frames(frames.with_values(values, frames.times), tmp_path / "event.nc")
    row = of_reach.measure(tmp_path / "event.nc", times=3)
    assert len(row["skipped"]) == 3
    assert all(0.5 < s < b < 0.9 for s, b in zip(row["skipped"], row["beyond_reach"], strict=True))
    assert of_reach.cells(row)[:2] == ["event", "64 x 400"]
    assert len(of_reach.cells(row)) == len(of_reach.COLUMNS)


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
    command = [sys.executable, "-m", "benchmarks", "gpu"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert (done.returncode, "no GPU" in done.stdout) == (0, True)
