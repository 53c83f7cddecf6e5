"""Which Z-R relation a file of rain states, in numbers or in words; and that it states none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from echocast.model.errors import short
from echocast.model.reflectivity import ZR

NAMES = ("zr_a", "zr_b")
_WORDS = re.compile(
    r"\bZ\s*=\s*(?P<a>[0-9]+(?:\.[0-9]+)?)\s*[*.]?\s*R\s*(?:\^|\*\*)\s*\(?(?P<b>[0-9]+(?:\.[0-9]+)?)",
    re.IGNORECASE,
)


def stated_relation(attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """``zr_a`` and ``zr_b`` of a file, and a note where it does not give them as numbers.

    Args:
        attributes: Of the field, overlaid on those of the file.

    Returns:
        The two, empty where the default is used; and what was decided, by subject.
    """
    if all(name in attributes for name in NAMES):
        return {name: attributes[name] for name in NAMES}, {}
    for name, value in attributes.items():
        if match := _WORDS.search(str(value)):
            pair = {"zr_a": float(match["a"]), "zr_b": float(match["b"])}
            relation = f"Z = {pair['zr_a']:g} R^{pair['zr_b']:g}"
            return pair, {"zr": f"{relation} was read from the attribute {short(name)!r}."}
    default = ZR()
    return {}, {
        "zr": f"No Z-R relation is stated; Z = {default.a:g} R^{default.b:g} made reflectivity of"
        " the rain."
    }
