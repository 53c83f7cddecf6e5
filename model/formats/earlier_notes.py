"""Notes on how values were read that stay with them in files of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from echocast.model.errors import ContractViolation, short

NOTES = "echocast_notes"  # attribute of a field


def written_notes(notes: Mapping[str, str]) -> dict[str, str]:
    """Notes as an attribute of a field, by which :func:`earlier_notes` has them again."""
    return {NOTES: json.dumps(dict(notes), sort_keys=True)} if notes else {}


def earlier_notes(attributes: Mapping[str, Any]) -> dict[str, str]:
    """What was noted when the values of a field were read from another file.

    Raises:
        ContractViolation: The attribute is not what :func:`written_notes` writes.
    """
    if NOTES not in attributes:
        return {}
    with suppress(ValueError, RecursionError):
        notes = json.loads(str(attributes[NOTES]))
        if isinstance(notes, dict) and all(isinstance(note, str) for note in notes.values()):
            return notes
    raise ContractViolation(
        f"The attribute {NOTES} must be a JSON object of sentences, as Echocast writes it, not"
        f" {short(attributes[NOTES])!r}.",
        rule="notes",
    )
