"""The page's modules as one: a browser then asks once, where it would ask for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Final

IMPORT: Final = re.compile(
    r'^import (?:\* as )?(?P<names>.+) from "\./(?P<module>\w+)\.js";$', re.M
)
EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|class|const) (?P<name>\w+))", re.M)
LEFT: Final = re.compile(r"^(?:import|export)\b.*|.*\bimport\(.*", re.M)


def one_script(modules: Mapping[str, str]) -> str:
    """One module that does what they do; each keeps a scope of its own.

    Args:
        modules: Name without suffix -> text. Each imports others by a line of its own, and exports
            functions, classes and constants where they are declared.

    Raises:
        ValueError: A module imports or exports in another way.
        graphlib.CycleError: Two modules import each other.
    """
    needs = {name: {m["module"] for m in IMPORT.finditer(text)} for name, text in modules.items()}
    order = TopologicalSorter(needs).static_order()
    return "\n".join(_scope(name, modules[name]) for name in order)


def _scope(name: str, text: str) -> str:
    """A module as the object of what it exports."""
    body = EXPORT.sub("", IMPORT.sub(r"const \g<names> = \g<module>_js;", text))
    if other := LEFT.search(body):
        raise ValueError(f"{name}.js imports or exports in a way that is not joined: {other[0]}")
    exports = ", ".join(match["name"] for match in EXPORT.finditer(text))
    return f"const {name}_js = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();"
