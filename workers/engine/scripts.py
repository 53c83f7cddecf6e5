"""Lua scripts: files in the folder ``lua`` of the package that runs them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

PRELUDE = "prelude"


@cache
def load_scripts(package: str) -> Mapping[str, str]:
    """The scripts of a package by name; its ``prelude.lua`` comes before each of them.

    Args:
        package: Its full name, e.g. ``echocast.workers.jobs``.
    """
    files = (resources.files(package) / "lua").iterdir()
    texts = {file.name.removesuffix(".lua"): file.read_text("utf-8") for file in files}
    prelude = texts.pop(PRELUDE, "")
    return {name: prelude + text for name, text in texts.items()}
