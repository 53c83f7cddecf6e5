"""What tests of several rooms share."""

import os
from pathlib import Path

import hypothesis
import pytest

from tests.patience import STRETCH

# Before torch: tiny networks gain nothing from threads, and lose much where CPUs are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # those there are wait briefly, then sleep

# No example is judged by its seconds: 0.2 pass on a busy machine without any work.
TIMED = (hypothesis.HealthCheck.too_slow,)
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=TIMED)
hypothesis.settings.load_profile("untimed")

pytest_plugins = ["tests.leaks", "tests.both_ends", "tests.processor_time", "tests.skips"]

TESTS = Path(__file__).parent
# By room; the others, which are short, between. Chaos has the longest file: it comes first of all.
END = {
    "chaos": 0,
    "deploy": 0,
    "fuzz": 0,
    "month": 0,
    "service": 0,
    "workers": 0,
    "experiments": 2,
    "model": 2,
}


@pytest.fixture(scope="session")
def radar_folder() -> Path:
    """The folder of real radar events; tests that need it are skipped, loudly, without it."""
    folder = os.environ.get("ECHOCAST_TEST_DATA")
    if not folder:
        pytest.skip("REAL RADAR NOT TESTED: ECHOCAST_TEST_DATA names no folder")
    return Path(folder) / "radar"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A test may take longer on a busy machine; processes that test side by side are told so."""
    if not hasattr(config, "workerinput"):
        config.option.timeout *= STRETCH


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Services at one end, networks at the other: where both ends meet, short files remain."""
    items.sort(key=lambda item: END.get(item.path.relative_to(TESTS).parts[0], 1))
