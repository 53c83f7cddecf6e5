"""What tests of several rooms share."""

import os
from pathlib import Path

import pytest

# Before torch: tiny networks gain nothing from threads, and lose much where CPUs are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # those there are wait briefly, then sleep

pytest_plugins = ["tests.leaks", "tests.skips"]


@pytest.fixture(scope="session")
def radar_folder() -> Path:
    """The folder of real radar events; tests that need it are skipped, loudly, without it."""
    folder = os.environ.get("ECHOCAST_TEST_DATA")
    if not folder:
        pytest.skip("REAL RADAR NOT TESTED: ECHOCAST_TEST_DATA names no folder")
    return Path(folder) / "radar"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts services comes first: short tests of the model fill up the end."""
    items.sort(key=lambda item: "model" in item.path.parts)
