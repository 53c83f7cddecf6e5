"""A NetCDF file is written while other threads start processes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from echocast.model.formats.netcdf.access import open_netcdf


def test_a_process_that_starts_meanwhile_and_shares_the_open_file_spoils_nothing(
    tmp_path: Path,
) -> None:
    """Until it runs its own program it has a copy of each open file, with the lock on it."""
    path = tmp_path / "a.nc"
    others: list[subprocess.Popen[bytes]] = []
    try:
        with open_netcdf(path, "w") as dataset:
            dataset.title = "written"
            others.append(subprocess.Popen(["sleep", "1000"], close_fds=False))
    finally:
        for other in others:
            other.kill()
            other.wait()
    with open_netcdf(path) as dataset:
        assert dataset.title == "written"
