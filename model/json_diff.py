"""Where two descriptions in JSON differ, in words."""

from __future__ import annotations

import json
from typing import Any


def describe_difference(actual: Any, expected: Any) -> str:
    """Where a value is not as expected: ``batch: 6, not 8``, by fields where both are objects.

    Args:
        actual: What there is.
        expected: What should be; of an object, only the fields that it names are looked at.
    """
    if isinstance(actual, dict) and isinstance(expected, dict):
        fields = [name for name in expected if actual.get(name) != expected[name]]
        return ", ".join(
            f"{name}: {describe_difference(actual.get(name), expected[name])}" for name in fields
        )
    return f"{json.dumps(actual)}, not {json.dumps(expected)}"
