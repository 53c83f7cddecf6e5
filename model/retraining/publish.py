"""The last stage: the report is kept, the challenger put on the shelf, the deed written down."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echocast.model.errors import RegistryConflict
from echocast.model.registry.registry import CHALLENGER, Registry
from echocast.model.retraining import report
from echocast.model.retraining.decision import Decision
from echocast.model.retraining.fencing_token import through_the_fence
from echocast.model.retraining.paired_forecasts import Contest

REPORTS = "reports"
RETRAIN = "retrain"


@dataclass(frozen=True)
class Errand:
    """Who retrains, why, and what he may do.

    Args:
        who: Name for the history.
        why: In a sentence.
        promotes: Whether a challenger that won becomes the champion at once.
        number: Of the lock that it is done under; None without one.
    """

    who: str
    why: str
    promotes: bool = False
    number: int | None = None


def publish(
    registry: Registry,
    errand: Errand,
    found: report.Found,
    decision: Decision,
    contests: Sequence[Contest],
    checkpoint: Path,
) -> dict[str, Any]:
    """Keep the verdict and its report; put a challenger that won on the shelf.

    All of it can be done again after a kill: what stands is left as it stands.

    Args:
        registry: The models.
        errand: Who, why, and what he may do.
        found: What the earlier stages found.
        decision: The verdict.
        contests: What it rests on; may be empty.
        checkpoint: ``<name>/<version>`` folder of the challenger.

    Returns:
        The facts that stand in the history.

    Raises:
        RegistryConflict: A newer retraining has taken over.
        RegistryError: The registry can't be written.
    """
    with through_the_fence(registry.root, errand.number):
        registry.take_over(errand.who)
        place = f"{REPORTS}/{found.order['id']}"
        report.write(registry.root / place, found, decision, contests)
        facts = _facts(found, decision, f"{place}/index.html")
        if decision.verdict == "promote":
            facts |= _put_on_shelf(registry, errand, found, decision, checkpoint)
        if not any(entry.facts.get("id") == facts["id"] for entry in registry.reader.history()):
            registry.record(RETRAIN, who=errand.who, why=errand.why, facts=facts)
    return facts


def _facts(found: report.Found, decision: Decision, page: str) -> dict[str, Any]:
    return {
        "id": found.order["id"],
        "verdict": decision.verdict,
        "because": decision.why,
        "champion": found.order["champion"],
        "challenger": None if found.collected["missing"] else found.order["challenger"],
        "missing": dict(decision.missing),
        "sample": dict(decision.sample),
        "checks": {check.name: check.passed for check in decision.checks},
        "report": page,
    }


def _put_on_shelf(
    registry: Registry,
    errand: Errand,
    found: report.Found,
    decision: Decision,
    checkpoint: Path,
) -> dict[str, Any]:
    """Publish the version, make it the challenger, and the champion where that is allowed."""
    reference, champion = found.order["challenger"], found.order["champion"]
    scores = scores_of(decision)
    if not (registry.root / reference).exists():
        _publish_version(registry, reference, checkpoint, decision)
    roles = registry.reader.roles()
    if reference not in (roles.challenger, roles.champion):
        registry.set_alias(CHALLENGER, reference, who=errand.who, why=decision.why, scores=scores)
    if not errand.promotes or roles.champion == reference:
        return {"promoted": roles.champion == reference}
    try:
        registry.promote(
            reference, who=errand.who, why=decision.why, scores=scores, expected=champion
        )
    except RegistryConflict as error:  # e.g. somebody promoted another one in the meantime
        return {"promoted": False, "not_promoted_because": str(error)}
    return {"promoted": True}


def _publish_version(
    registry: Registry, reference: str, checkpoint: Path, decision: Decision
) -> None:
    name, version = reference.split("/")
    staged = registry.stage(name)
    shutil.copytree(checkpoint, staged, dirs_exist_ok=True)
    (staged / "evaluation.json").write_text(json.dumps(decision.to_json(), indent=1) + "\n")
    (staged / "card.md").write_text(report.card(reference, decision))
    registry.publish(staged, name, version)


def scores_of(decision: Decision) -> dict[str, Mapping[str, float | None]]:
    """The numbers of a decision, by check."""
    return {check.name: dict(check.numbers) for check in decision.checks if check.numbers}
