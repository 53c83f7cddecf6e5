"""What a gateway imports stays light: modules that bring torch and others are imported late."""

import subprocess
import sys

import pytest

from tests.patience import PATIENCE_SECONDS

HEAVY = "{'torch', 'netCDF4', 'h5py', 'xarray', 'cv2', 'matplotlib'}"
LIGHT = ["contract", "verification.forecast_scores", "forecast", "quantisation"]
LIGHT += ["registry.registry", "network.config", "formats.json_reader"]


@pytest.mark.parametrize("module", LIGHT)
def test_what_a_gateway_may_import_stays_light(module):
    loaded = f"', '.join({HEAVY} & set(sys.modules))"
    check = f"import sys, echocast.model.{module}; sys.exit({loaded})"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    "module",
    ["formats.readers", "formats.forecast_writer", "plotting.pictures", "synthetic.storms"],
)
def test_reading_and_drawing_need_no_torch(module):
    check = f"import sys, echocast.model.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], timeout=PATIENCE_SECONDS).returncode == 0
