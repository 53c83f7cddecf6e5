"""Lua scripts: a real Valkey accepts each of them."""

from pathlib import Path

import pytest

from echocast.workers.engine.client import WHOLE, EngineClient
from echocast.workers.engine.scripts import load_scripts

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "workers").rglob("*.lua"))


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
