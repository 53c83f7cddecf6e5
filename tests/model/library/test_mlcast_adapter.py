"""The ``predict`` of mlcast."""

import ast
import inspect
import json

import numpy as np
import pytest
import torch

from echocast import predict
from echocast.mlcast import MlcastNowcaster
from echocast.model.errors import ContractViolation
from echocast.model.library.mlcast_adapter import STANDARD_NAMES
from echocast.model.library.pysteps.values import PystepsValues
from echocast.model.reflectivity import ZR
from echocast.model.synthetic.storms import storm
from tests.model.library.peers import peer, run_beside_peers

GRID = {"step_minutes": 6, "km_per_pixel": 1}
CONVERSIONS = """
import json, runpy, warnings
import numpy as np
warnings.simplefilter("ignore")
module = runpy.run_path({path!r})  # the package itself needs Lightning
scaling, rain = module["DEFAULT_SCALING"], np.array([0.2, 1.0, 5.0])
print(json.dumps({{
    name: scaling.denormalize_reflectivity(turned(rain)).tolist()
    for name, turned in module["NORMALIZATION_REGISTRY"].items()
}}))
"""


@pytest.fixture(scope="module")
def dbz():
    frames = storm(3, frames=10, height=64, width=72, coverage_radius_km=34).reflectivity_dbz
    return np.where(frames < 5, 0, frames)


def test_it_is_the_forecast_in_rain(dbz):
    past = ZR().rain_rate_mm_h(dbz, no_rain_dbz=0)
    rate = MlcastNowcaster(**GRID).predict(torch.from_numpy(past), 3)
    expected = predict(dbz, **GRID, leads=3, fill=False)
    assert rate.shape == (1, 3, 64, 72)
    assert np.array_equal(np.isnan(rate[0]), np.isnan(expected))
    heavy = expected > 20
    assert heavy.any()
    np.testing.assert_allclose(200 * rate[0][heavy] ** 1.6, 10 ** (expected[heavy] / 10), 1e-2)
    amount = MlcastNowcaster(**GRID).predict(past / 12, 3, None, "rainfall_amount")
    np.testing.assert_allclose(amount * 12, rate, rtol=1e-2, atol=1e-3)


def test_missing_stays_missing_unless_it_is_filled(dbz):
    past = ZR().rain_rate_mm_h(dbz, no_rain_dbz=0)
    assert np.isnan(past[:, 0, 0]).all()
    assert np.isnan(MlcastNowcaster(**GRID).predict(past)[0, 0, 0, 0])
    assert np.isfinite(MlcastNowcaster(**GRID, fill=True).predict(past)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ensemble_size": 5}, "no ensemble"),
        ({"standard_name": "air_temperature"}, "rainfall_rate, rainfall_flux"),
        ({"forecast_steps": 25}, "1 to 24"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ContractViolation, match=message):
        MlcastNowcaster(**GRID).predict(np.zeros((10, 64, 64)), **options)


def test_mlcast_has_the_same_parameters():
    module = peer("mlcast") / "nowcasting_module.py"
    (theirs,) = (
        node
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "predict"
    )
    ours = list(inspect.signature(MlcastNowcaster.predict).parameters.values())
    assert [argument.arg for argument in theirs.args.args] == [one.name for one in ours]
    defaults = [ast.literal_eval(default) for default in theirs.args.defaults]
    assert defaults == [one.default for one in ours][-len(defaults) :]


def test_mlcast_turns_rain_into_the_same_reflectivity(tmp_path):
    path = peer("mlcast") / "data" / "normalization.py"
    theirs = json.loads(run_beside_peers(CONVERSIONS.format(path=str(path)), tmp_path))
    assert set(theirs) == set(STANDARD_NAMES)
    for name, metadata in STANDARD_NAMES.items():
        ours = PystepsValues.of_metadata(metadata).reflectivity_dbz([0.2, 1.0, 5.0])
        np.testing.assert_allclose(ours, theirs[name], atol=1e-3)
