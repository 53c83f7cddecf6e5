"""The last stage: write the report, publish the challenger, and write a history entry."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echocast.model.errors import RegistryConflict
from echocast.model.registry.gate import GATE, PASSED, Gate
from echocast.model.registry.manifest import amend
from echocast.model.registry.registry import Registry
from echocast.model.registry.roles import CHALLENGER
from echocast.model.retraining import report
from echocast.model.retraining.fencing_token import fenced
from echocast.model.retraining.paired_forecasts import PairedForecasts
from echocast.model.retraining.verdict import Verdict

REPORTS = "reports"
RETRAIN = "retrain"


@dataclass(frozen=True)
class PublishOptions:
    """Who retrains, why, and whether a better challenger is promoted.

    Args:
        who: Name for the history.
        why: In a sentence.
        promotes: Whether a challenger that won becomes the champion at once.
        number: Fencing token: of the lock that it is done under; None without one.
    """

    who: str
    why: str
    promotes: bool = False
    number: int | None = None


def publish(
    registry: Registry,
    options: PublishOptions,
    results: report.StageResults,
    verdict: Verdict,
    paired: Sequence[PairedForecasts],
    checkpoint: Path | None,
) -> dict[str, Any]:
    """Write the verdict and its report; publish the challenger, which serves only if it won.

    One that lost is a version like any other, with the verdict in its manifest. All of it can be
    done again after a kill: what was written stays.

    Args:
        registry: The models.
        options: Who, why, and whether to promote.
        results: Of the earlier stages.
        verdict: The verdict.
        paired: What it rests on; may be empty.
        checkpoint: ``<name>/<version>`` folder of the challenger; None where none was made.

    Returns:
        The facts of the history entry.

    Raises:
        RegistryConflict: A newer retraining has begun.
        RegistryError: The registry can't be written.
    """
    with fenced(registry.root, options.number):
        registry.take_over(options.who)
        place = f"{REPORTS}/{results.order['id']}"
        report.write(registry.root / place, results, verdict, paired)
        page = f"{place}/index.html"
        facts = _facts(results, verdict, page)
        if checkpoint is not None:
            _publish_version(registry, results.order["challenger"], checkpoint, verdict, page)
        if verdict.outcome == PASSED:
            facts |= _appoint_challenger(registry, options, results, verdict)
        if not any(entry.facts.get("id") == facts["id"] for entry in registry.reader.history()):
            registry.record(RETRAIN, who=options.who, why=options.why, facts=facts)
    return facts


def _facts(results: report.StageResults, verdict: Verdict, page: str) -> dict[str, Any]:
    return {
        "id": results.order["id"],
        "verdict": verdict.outcome,
        "because": verdict.why,
        "champion": results.order["champion"],
        "challenger": None if results.collected["missing"] else results.order["challenger"],
        "missing": dict(verdict.missing),
        "sample": dict(verdict.sample),
        "checks": {check.name: check.passed for check in verdict.checks},
        "report": page,
    }


def _appoint_challenger(
    registry: Registry, options: PublishOptions, results: report.StageResults, verdict: Verdict
) -> dict[str, Any]:
    """Make the version the challenger, and the champion where that is allowed."""
    reference, champion = results.order["challenger"], results.order["champion"]
    scores = scores_of(verdict)
    roles = registry.reader.roles()
    if reference not in (roles.challenger, roles.champion):
        registry.set_alias(CHALLENGER, reference, who=options.who, why=verdict.why, scores=scores)
    if not options.promotes or roles.champion == reference:
        return {"promoted": roles.champion == reference}
    try:
        registry.promote(
            reference, who=options.who, why=verdict.why, scores=scores, expected=champion
        )
    except RegistryConflict as error:  # e.g. somebody promoted another one in the meantime
        return {"promoted": False, "not_promoted_because": str(error)}
    return {"promoted": True}


def _publish_version(
    registry: Registry, reference: str, checkpoint: Path, verdict: Verdict, page: str
) -> None:
    """Publish the version with the verdict on it, unless an earlier life of this process did."""
    if (registry.root / reference).exists():
        return
    name, version = reference.split("/")
    staged = registry.stage(name)
    shutil.copytree(checkpoint, staged, dirs_exist_ok=True)
    (staged / "evaluation.json").write_text(json.dumps(verdict.to_json(), indent=1) + "\n")
    (staged / "card.md").write_text(report.card(reference, verdict))
    amend(staged, {GATE: Gate(verdict.outcome, verdict.why, page).to_json()})
    registry.publish(staged, name, version)


def scores_of(verdict: Verdict) -> dict[str, Mapping[str, float | None]]:
    """The numbers of a verdict, by check."""
    return {check.name: dict(check.numbers) for check in verdict.checks if check.numbers}
