"""The month needs Linux, a C compiler and Prometheus; it is skipped, loudly, without."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.month.clock import COMPILER


@pytest.fixture(autouse=True)
def can_drive_a_clock() -> None:
    if sys.platform != "linux" or not shutil.which(COMPILER):
        pytest.skip(f"MONTH NOT TESTED: its clock needs Linux and a C compiler ({COMPILER})")
