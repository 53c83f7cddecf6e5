"""No other user of the machine reads what a service keeps."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from tests.service.bodies import NETCDF, netcdf
from tests.service.real_processes import Gateway, Place, eventually, gateway, place

OTHERS = 0o077


def modes(folder: Path) -> dict[str, int]:
    """Mode of everything below a folder."""
    paths = [
        folder,
        *(Path(root, name) for root, folders, files in os.walk(folder) for name in folders + files),
    ]
    return {str(path): stat.S_IMODE(path.stat().st_mode) for path in paths if path.exists()}


def test_whatever_gateway_and_worker_write_is_theirs(
    home: Place, gate: Gateway, job: dict[str, Any]
) -> None:
    gate.client.put("/streams/private", json={})
    gate.client.post("/streams/private/frames", content=netcdf(frames=1), headers=NETCDF)
    forecasts = home.data / "store" / "forecasts"
    eventually(lambda: list(forecasts.rglob("*.nc")))
    for folder in ("store", "engine"):
        open_to_others = {p: oct(m) for p, m in modes(home.data / folder).items() if m & OTHERS}
        assert open_to_others == {}


def test_the_folders_of_a_version_before_become_private(models: Path) -> None:
    with place(models) as where:
        old = where.data / "store" / "inputs"
        old.mkdir(0o755, parents=True)
        (where.data / "store").chmod(0o755)
        (old / "frames.npy").write_bytes(b"")
        with gateway(where):
            assert modes(where.data / "store")[str(where.data / "store")] == 0o700


def test_a_group_may_be_let_in(models: Path) -> None:
    with place(models, umask="027") as where:
        (where.data / "store").mkdir(0o755)
        with gateway(where):
            stored_modes = modes(where.data / "store")
            assert stored_modes.pop(str(where.data / "store")) == 0o750
            assert {mode & 0o007 for mode in stored_modes.values()} <= {0}
