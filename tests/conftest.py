"""What tests of several rooms share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch: threads wait briefly, then sleep


@pytest.fixture(scope="session")
def radar_folder() -> Path:
    """The folder of real radar events; tests that need it are skipped, loudly, without it."""
    folder = os.environ.get("ECHOCAST_TEST_DATA")
    if not folder:
        pytest.skip("REAL RADAR NOT TESTED: ECHOCAST_TEST_DATA names no folder")
    return Path(folder) / "radar"
