"""Lua scripts: a real Valkey accepts each of them, and a wheel carries them all."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from echocast.workers.engine.client import WHOLE, EngineClient
from echocast.workers.engine.scripts import load_scripts

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "workers").rglob("*.lua"))
BUILD = "import setuptools; setuptools.setup()"


def package_of(file: Path) -> str:
    return ".".join(("echocast", *file.parent.parent.relative_to(ROOT).parts))


SCRIPTS = [file for file in FILES if file.stem != "prelude"]


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: f"{package_of(file)}.{file.stem}")
def test_the_engine_accepts_a_script(file: Path, engine: EngineClient) -> None:
    text = load_scripts(package_of(file))[file.stem]
    assert text.endswith(file.read_text("utf-8"))
    assert engine.redis.script_load(WHOLE + text)


def test_what_a_package_shares_comes_before_each_of_its_scripts_and_no_other() -> None:
    for package in {package_of(file) for file in SCRIPTS}:
        scripts = load_scripts(package)
        prelude = ROOT / package.partition(".")[2].replace(".", "/") / "lua" / "prelude.lua"
        first = prelude.read_text("utf-8") if prelude.exists() else "-- "
        assert "prelude" not in scripts
        assert all(text.startswith(first) for text in scripts.values())


def test_a_wheel_holds_the_scripts(tmp_path: Path) -> None:
    places = "egg_info", f"--egg-base={tmp_path}", "build", f"--build-base={tmp_path / 'build'}"
    built = subprocess.run(
        [sys.executable, "-c", BUILD, "-q", *places, "bdist_wheel", f"--dist-dir={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".lua")}
    assert inside == {f"echocast/{file.relative_to(ROOT)}" for file in FILES}
