"""Gate: what its retraining decided of a model, and what lets one serve that did not pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from echocast.model.errors import RegistryConflict
from echocast.model.registry.history import HistoryEntry
from echocast.model.registry.roles import CHAMPION

GATE: Final = "gate"  # field of a manifest
DESPITE_GATE: Final = "despite_gate"  # fact of a promotion
PASSED: Final = "promote"


@dataclass(frozen=True)
class Gate:
    """The verdict of a retraining on the model that it made.

    Args:
        verdict: ``promote``, ``reject`` or ``insufficient evidence``.
        why: In a sentence.
        report: Its page, below the folder of the models.
    """

    verdict: str
    why: str
    report: str

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> Self | None:
        """The verdict on a model; None where no retraining made it."""
        value = manifest.get(GATE)
        return None if value is None else cls(**{n: value[n] for n in ("verdict", "why", "report")})

    def to_json(self) -> dict[str, str]:
        """As the manifest has it."""
        return asdict(self)


def passed_over(reference: str, manifest: Mapping[str, Any], *, despite: bool) -> dict[str, Any]:
    """What a history entry says of a promotion: the verdict that it passes over, if any.

    Args:
        reference: ``name/version`` of the model that shall serve.
        manifest: Its manifest.
        despite: Whether it may serve although it did not pass.

    Raises:
        RegistryConflict: It did not pass, and may not.
    """
    gate = Gate.of_manifest(manifest)
    if gate is None or gate.verdict == PASSED:
        return {}
    if despite:
        return {DESPITE_GATE: gate.to_json()}
    raise RegistryConflict(
        f"The retraining that made {reference} decided {gate.verdict!r}: {gate.why} Report:"
        f" {gate.report}. To let it serve all the same, promote it with --despite-gate and your"
        ' reason as --why (HTTP: "despite_gate": true).'
    )


def despite_gate(reference: str, entries: Sequence[HistoryEntry]) -> HistoryEntry | None:
    """The last promotion of a model that passed over its verdict; None where none did."""
    for entry in reversed(entries):
        champion = entry.facts.get("changed", {}).get(CHAMPION, {})
        if DESPITE_GATE in entry.facts and champion.get("to") == reference:
            return entry
    return None
