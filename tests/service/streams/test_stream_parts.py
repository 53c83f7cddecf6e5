"""Small parts of streams in the service: imports, scores as numbers, CPU time, commands."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from benchmarks.streams import cpu_seconds
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import ContingencyCounts, added
from echocast.service.cli.main import app
from echocast.service.streams.scores import leads_of, paired_skill
from echocast.service.streams.verification_formats import requested_format
from tests.patience import PATIENCE_SECONDS


def test_the_gateway_opens_no_radar_file_for_streams() -> None:
    """netCDF4, HDF5 and OpenCV are for child processes and workers."""
    program = (
        "import echocast.service.app, sys; print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    names = ("netCDF4", "h5py", "cv2", "matplotlib", "pyproj", "torch", "fsspec")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *names],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_paired_skill_is_the_share_of_the_way_to_perfection() -> None:
    reference = ContingencyTable(400, 300, 300, 0)
    better = ContingencyTable(700, 200, 100, 0)
    assert paired_skill(better, reference) == pytest.approx((0.7 - 0.4) / 0.6)
    assert paired_skill(reference, reference) == 0
    assert (paired_skill(reference, better) or 0) < 0


@pytest.mark.parametrize(
    ("model", "reference"),
    [
        (ContingencyTable(10, 5, 5, 10**6), ContingencyTable(10, 5, 5, 10**6)),
        (ContingencyTable(1000, 0, 0, 0), ContingencyTable(1000, 0, 0, 0)),
        (ContingencyTable(), ContingencyTable()),
    ],
)
def test_paired_skill_of_too_few_events_is_undefined(
    model: ContingencyTable, reference: ContingencyTable
) -> None:
    assert paired_skill(model, reference) is None


def test_counts_add_by_name() -> None:
    parts = [
        {"5|model|30": [1, 2, 3, 4]},
        {"5|model|30": [1, 0, 0, 1], "10|model|30": [9, 9, 9, 9]},
    ]
    total = added(parts)
    assert total == {"5|model|30": [2, 2, 3, 5], "10|model|30": [9, 9, 9, 9]}
    assert parts[0]["5|model|30"] == [1, 2, 3, 4]
    counts = ContingencyCounts.of_named(total, ["model"], [30.0], [5.0, 15.0])
    assert counts.table("model", 30.0, 0) == ContingencyTable(2, 2, 3, 5)
    assert counts.table("model", 30.0, 1) == ContingencyTable()
    assert leads_of({**total, "0|pixels|missing": [1, 1]}) == [5, 10]


@pytest.mark.parametrize(
    ("accept", "requested"),
    [(None, "json"), ("text/csv", "csv"), ("image/*", "png"), ("text/html, */*;q=0.1", "json")],
)
def test_the_format_that_is_accepted(accept: str | None, requested: str) -> None:
    assert requested_format(None, accept) == requested


def test_cpu_time_of_children_counts() -> None:
    import os

    spin = "import time; t = time.process_time()\nwhile time.process_time() < t + .3: pass\ninput()"
    before = cpu_seconds(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while cpu_seconds(os.getpid()) < before + 0.3 and time.monotonic() < give_up:
        time.sleep(0.05)
    assert cpu_seconds(os.getpid()) >= before + 0.3
    child.communicate(b"\n")


@pytest.mark.parametrize("command", ["watch", "replay", "reindex", "benchmark"])
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0
    assert "--" in done.output
