import subprocess
import sys

import pytest

HEAVY = "{'torch', 'netCDF4', 'h5py', 'xarray', 'cv2', 'matplotlib'}"


@pytest.mark.parametrize(
    "module", ["contract", "verification", "forecast", "packing", "registry", "formats.json_reader"]
)
def test_what_a_gateway_may_import_stays_light(module):
    heavy = "{'torch', 'cv2', 'matplotlib', 'xarray'}" if module == "formats.json_reader" else HEAVY
    check = f"import sys, model.{module}; sys.exit(', '.join({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    "module", ["formats.readers", "formats.cf", "drawing.pictures", "synthetic"]
)
def test_reading_and_drawing_need_no_torch(module):
    check = f"import sys, model.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], timeout=60).returncode == 0
