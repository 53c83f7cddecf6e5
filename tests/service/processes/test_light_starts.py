"""What a process of the service imports at its start: every module costs each start of it."""

import json
import subprocess
import sys

import pytest

from echocast.service.decoding.child import WARM
from tests.patience import PATIENCE_SECONDS

ARRAYS = {"torch", "netCDF4", "h5py", "cv2", "PIL", "pyproj", "rasterio"}
TOOLS = {"dask", "httpx", "jinja2", "matplotlib", "numba", "pint", "rich", "scipy", "xarray"}
SOURCES = {"echocast.service.sources.source", "echocast.service.sources.library"}


def imported(*modules: str) -> set[str]:
    """What is loaded once a new process has imported these."""
    show = f"import sys, json, {', '.join(modules)}; print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", show]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=PATIENCE_SECONDS)
    return set(json.loads(done.stdout))


def test_a_gateway_starts_without_what_its_children_or_few_requests_need():
    loaded = imported("echocast.service.processes.gateway")
    assert loaded & (ARRAYS | TOOLS | SOURCES) == set()


def test_a_gateway_starts_without_reading_our_source_text():
    show = "import linecache, sys, json, echocast.service.processes.gateway as gateway;"
    show += "print(json.dumps([name for name in linecache.cache if '/service/' in name]))"
    command = [sys.executable, "-c", show]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=PATIENCE_SECONDS)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("role", "unneeded"),
    [
        ("decode", {"torch", "cv2", "rasterio", "pyproj", "pydantic", "redis"} | TOOLS),
        ("render", {"torch", "rasterio", "pyproj", "pydantic", "redis", "dask", "pint", "scipy"}),
    ],
)
def test_a_child_warms_up_without_what_few_files_need(role, unneeded):
    assert imported("echocast.service.decoding.child", *WARM[role]) & unneeded == set()


def test_the_command_line_starts_without_what_only_its_commands_need():
    loaded = imported("echocast.service.cli.main")
    assert loaded & (ARRAYS | TOOLS | {"fastapi", "numpy", "pydantic", "redis"}) == set()
