"""Land that crosses the date line is one piece, and none of it lies across the whole map."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS

MODULE = Path(__file__).parents[3] / "service" / "page" / "static" / "js" / "rainmap.js"
CALL = """
globalThis.L = {{ Renderer: {{ extend: () => class {{}} }} }};
globalThis.matchMedia = () => ({{ matches: false }});
const {{ cut, unwrapped }} = await import("{module}");
console.log(JSON.stringify({call}));
"""
CHUKOTKA = [[170, 60], [179, 60], [-170, 65], [-179, 70], [170, 70], [170, 60]]
LAKE = [[-178, 64], [-176, 64], [-176, 65], [-178, 64]]
POLE = [[-180, -80], [-60, -70], [60, -70], [180, -80], [-180, -90], [-180, -80]]
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="NODE IS NOT INSTALLED")


def called(function: str, value: Any) -> Any:
    script = CALL.format(module=MODULE.as_uri(), call=f"{function}({json.dumps(value)})")
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def land(*polygons: Any) -> dict[str, Any]:
    return {"features": [{"geometry": {"type": "MultiPolygon", "coordinates": polygons}}]}


def test_land_across_the_date_line_is_drawn_at_both_edges() -> None:
    east, west, pole = called("unwrapped", land([CHUKOTKA, LAKE], [POLE]))["coordinates"]
    assert [x for x, _ in east[0]] == [170, 179, 190, 181, 170, 170]
    assert [x for x, _ in east[1]] == [182, 184, 184, 182]
    assert west == [[[x - 360, y] for x, y in ring] for ring in east]
    assert pole == [POLE]  # a ring around a pole does not close


def test_a_coast_ends_at_the_date_line_and_begins_again() -> None:
    coast = {
        "type": "MultiLineString",
        "coordinates": [[[170, 60], [179, 61], [-179, 62], [-170, 63]]],
    }
    assert called("cut", coast)["coordinates"] == [
        [[170, 60], [179, 61]],
        [[-179, 62], [-170, 63]],
    ]
