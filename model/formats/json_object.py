"""JSON objects that have one meaning: every name once, numbers finite."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from echocast.model.errors import ContractViolation, UnreadableInput, short


def json_object(data: bytes) -> dict[str, Any]:
    """The object that a body is.

    Args:
        data: The body, UTF-8.

    Raises:
        UnreadableInput: The bytes are not JSON.
        ContractViolation: They are no object, or a name occurs twice in one, or a number is NaN or
            infinite.
    """
    try:
        body = json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"The body is not JSON: {short(error)}.") from error
    if not isinstance(body, dict):
        raise ContractViolation(
            f"The body must be a JSON object, not {type(body).__name__}.", rule="json-shape"
        )
    return body


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which every name occurs once: readers differ in which of two they take."""
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ContractViolation(
            f"Every name in a JSON object must occur once, but {short(twice)!r} occurs twice.",
            rule="json-duplicate",
        )
    return members


def _refuse_constant(name: str) -> float:
    rule = "missing values are null" if name == "NaN" else "values are finite"
    raise ContractViolation(
        f"JSON has no {name}, but the body holds it; {rule}.", rule="infinite-value"
    )
