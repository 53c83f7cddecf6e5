"""What is installed is one name, ``echocast``, which works beside anybody's own modules."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[1]
SOURCES = (
    *("echocast", "model", "workers", "service", "deploy"),
    *("pyproject.toml", "README.md", "LICENSE"),
)
BUILD_SDIST = "import sys, setuptools.build_meta as build; build.build_sdist(sys.argv[1])"
PREDICT = """
import sys

import numpy as np

import echocast

sys.modules["numba"] = None  # plain steps: to compile the kernels anew takes a minute

forecast = echocast.predict(np.full((10, 64, 64), 30, np.float32), step_minutes=5)
assert forecast.shape == (10, 64, 64) and np.isfinite(forecast).all(), forecast
print(echocast.__file__)
"""
LAZY = """
import sys

import echocast

print(sorted({"numpy", "torch", "echocast.model"} & set(sys.modules)))
"""
VERSIONS = """
from importlib.metadata import version

import echocast

print(echocast.__version__, version("echocast"))
"""
BARE_NAMES = "import model.frames\nfrom workers import settings\nimport service as door\n"


def run(*command: str | Path, **options: object) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(  # type: ignore[call-overload]
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a source distribution of a copy of the checkout, without a network."""
    folder = tmp_path_factory.mktemp("build")
    copy, sdist = folder / "copy", folder / "sdist"
    copy.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy)
    run(sys.executable, "-c", BUILD_SDIST, sdist, cwd=copy)
    (archive,) = sdist.iterdir()
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", folder / "wheel", archive)
    (built,) = (folder / "wheel").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("installed")
    offline = ("--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "-q")
    run(sys.executable, "-m", "pip", "install", *offline, "--target", folder, wheel)
    return folder


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A working folder with somebody else's modules of the names of our folders."""
    for name in ("model.py", "workers.py", "model/__init__.py", "service/__init__.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise ImportError('This module is not of Echocast.')\n")
    return tmp_path


def python(code: str, packages: Path, folder: Path) -> str:
    """What code prints that runs in a folder and imports from another."""
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    return run(sys.executable, "-c", code, cwd=folder, env=environment).strip()


def test_the_wheel_holds_one_package_with_all_that_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"echocast", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    assert {name for name in names if name.startswith("echocast/")} == shipped()


def shipped() -> set[str]:
    """Files of the package as they lie in the checkout."""
    inner = (ROOT / name for name in ("model", "workers", "service"))
    inner_files = {
        Path("echocast") / path.relative_to(ROOT) for top in inner for path in files(top)
    }
    names = (path.name for path in (ROOT / "deploy" / "prometheus" / "rules").iterdir())
    rules = {f"echocast/service/metrics/rules/{name}" for name in names}  # behind a link
    own = {f"echocast/{path.name}" for path in (ROOT / "echocast").iterdir() if path.is_file()}
    return {*map(str, inner_files), *rules, *own}


def files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]


def test_weights_and_scripts_of_the_engine_are_among_them() -> None:
    endings = {Path(name).suffix for name in shipped()}
    assert {".safetensors", ".lua", ".typed"} <= endings


def test_an_installed_wheel_configures_prometheus(installed: Path, crowded: Path) -> None:
    code = "from echocast.service.cli.main import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = (sys.executable, "-c", code, "prometheus")
    text = run(*command, cwd=crowded, env=environment)
    (path,) = re.findall(r'^rule_files: \["(.+)"\]$', text, re.M)
    names = sorted(path.name for path in (ROOT / "deploy" / "prometheus" / "rules").iterdir())
    assert Path(path).is_relative_to(installed.resolve())
    assert sorted(one.name for one in Path(path).parent.glob(Path(path).name)) == names


def test_an_installed_wheel_predicts_beside_modules_of_our_folders_names(
    installed: Path, crowded: Path
) -> None:
    assert python(PREDICT, installed, crowded) == str(installed / "echocast" / "__init__.py")


def test_a_checkout_predicts_beside_modules_of_our_folders_names(crowded: Path) -> None:
    assert python(PREDICT, ROOT, crowded) == str(ROOT / "echocast" / "__init__.py")


def test_importing_loads_neither_numpy_nor_torch_nor_the_model(crowded: Path) -> None:
    assert python(LAZY, ROOT, crowded) == "[]"


def test_the_version_is_that_of_the_package(installed: Path, crowded: Path) -> None:
    ours, packaged = python(VERSIONS, installed, crowded).split()
    assert ours == packaged


def test_the_linter_refuses_the_bare_names() -> None:
    ruff = Path(sys.executable).with_name("ruff")
    words = ("check", "--select", "TID251", "--output-format", "concise", "--no-cache")
    done = subprocess.run(
        [ruff, *words, "--stdin-filename", ROOT / "example.py", "-"],
        input=BARE_NAMES,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        cwd=ROOT,
    )
    assert done.returncode == 1
    for line, name in enumerate(("model", "workers", "service"), start=1):
        assert f"example.py:{line}:" in done.stdout
        assert f"Import echocast.{name}." in done.stdout
