"""Where two descriptions in JSON differ, in words."""

from __future__ import annotations

import json
from typing import Any


def unlike(here: Any, asked: Any) -> str:
    """Where a value is not as asked: ``batch: 6, not 8``, by fields where both are objects.

    Args:
        here: What there is.
        asked: What should be; of an object, only the fields that it names are looked at.
    """
    if isinstance(here, dict) and isinstance(asked, dict):
        fields = [name for name in asked if here.get(name) != asked[name]]
        return ", ".join(f"{name}: {unlike(here.get(name), asked[name])}" for name in fields)
    return f"{json.dumps(here)}, not {json.dumps(asked)}"
