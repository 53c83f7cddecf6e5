"""Commands on the registry: which models there are, which one serves; work on its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echocast.model.cli.help_pages import example
from echocast.model.cli.plain_options import Json, utc_time
from echocast.service.cli.keys import audit_command, user_name
from echocast.service.cli.options import Data, service_data

if TYPE_CHECKING:
    from echocast.model.registry.registry import Registry
from echocast.model.registry.history import HistoryEntry
from echocast.model.registry.manifest import ModelCard

Why = Annotated[str, typer.Option("--why", help="The reason, in a sentence; it is stored.")]
Expected = Annotated[
    str | None, typer.Option(help="The champion to replace; refused where another one serves.")
]

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only check, and print what would be written.")
]


def install(app: typer.Typer) -> None:
    """Add the commands."""
    for command, text in (
        (models, "echocast models --history"),
        (promote, "echocast promote own/1.0.0 --why 'Better above 40 dBZ' --dry-run"),
        (rollback, "echocast rollback --why 'Too much rain since yesterday'"),
    ):
        app.command(rich_help_panel="Models", epilog=example(text))(command)


def models(
    history: Annotated[
        bool, typer.Option("--history", help="Show what was done, oldest first.")
    ] = False,
    at: Annotated[
        str | None, typer.Option(help="Show the model that served at this time, ISO 8601.")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show the models and their roles, or their history, or which one served at a time."""
    registry = _registry(data)
    if (time := utc_time(at)) is not None:
        serving = registry.reader.serving_at(time)
        typer.echo(json.dumps({"at": at, "serving": serving}) if as_json else serving)
    elif history:
        entries = registry.reader.history()
        lines = [sentence(entry, registry.root) for entry in entries]
        _print([entry.to_json() for entry in entries], lines, as_json)
    else:
        cards = registry.reader.models()
        listed = [
            {"model": card.reference, "aliases": card.aliases, "manifest": card.manifest}
            for card in cards
        ]
        entries = registry.reader.history()
        lines = [line for card in cards for line in _card_lines(card, entries, registry.root)]
        _print({"models": listed, "aliases": dict(registry.reader.roles().by_role)}, lines, as_json)


def promote(
    model: Annotated[str, typer.Argument(help="name/version, or an alias such as challenger.")],
    why: Why,
    expected: Expected = None,
    despite_gate: Annotated[
        bool, typer.Option("--despite-gate", help="Even if its retraining did not let it pass.")
    ] = False,
    dry_run: DryRun = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let a model serve; workers change over by themselves."""
    registry, who = _registry(data) if dry_run else _changeable(data), user_name()
    entry = registry.promote(
        model, who=who, why=why, expected=expected, despite_gate=despite_gate, dry_run=dry_run
    )
    if not dry_run:
        audit_command(data, "promote-model", why=why, **entry.facts)
    _print_entry(entry, registry, as_json)


def rollback(
    why: Why,
    expected: Expected = None,
    dry_run: DryRun = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let the previous champion serve again; next time, the one before that."""
    registry, who = _registry(data) if dry_run else _changeable(data), user_name()
    entry = registry.rollback(who=who, why=why, expected=expected, dry_run=dry_run)
    if not dry_run:
        audit_command(data, "roll-back-model", why=why, **entry.facts)
    _print_entry(entry, registry, as_json)


def _card_lines(card: ModelCard, entries: Sequence[HistoryEntry], root: Path) -> Iterator[str]:
    """A model and its roles; below it its retraining's verdict, and who overruled that."""
    from echocast.model.registry.gate import Gate, despite_gate

    yield f"{card.reference:32} {', '.join(card.aliases)}".rstrip()
    if (gate := Gate.of_manifest(card.manifest)) is not None:
        yield f"    {gate.verdict}: {gate.why}"
        yield f"    Report: {root / gate.report}"
    if entry := despite_gate(card.reference, entries):
        yield f"    Promoted despite the gate by {entry.who}: {entry.why}"


def sentence(entry: HistoryEntry, root: Path) -> str:
    """One line of the history; of a retraining, its verdict and where its report lies below it."""
    begin = f"{entry.time:%Y-%m-%d %H:%M:%S}Z  {entry.what:8} by {entry.who}: {entry.why}"
    if "verdict" in entry.facts:
        return "\n    ".join([begin, *_verdict(entry.facts, root)])
    changed = "".join(
        f"; {role}: {change['from'] or 'none'} -> {change['to'] or 'none'}"
        for role, change in entry.facts.get("changed", {}).items()
    )
    others = {name: fact for name, fact in entry.facts.items() if name != "changed"}
    facts = "".join(f"; {name}: {json.dumps(fact)}" for name, fact in others.items())
    scores = f"; scores: {json.dumps(entry.scores)}" if entry.scores else ""
    return begin + changed + facts + scores


def _verdict(facts: Mapping[str, Any], root: Path) -> Iterator[str]:
    """What became of a retraining; one that was given up has no report."""
    because = facts.get("because") or f"Given up after {facts.get('attempts', 'some')} attempts."
    yield f"{facts['verdict']}: {because}"
    if facts.get("promoted"):
        yield f"Promoted: {facts['challenger']}"
    if "not_promoted_because" in facts:
        yield f"Not promoted: {facts['not_promoted_because']}"
    if "report" in facts:
        yield f"Report: {root / facts['report']}"


def _changeable(data: Path | None) -> Registry:
    registry = _registry(data)
    registry.take_over(user_name())
    return registry


def _print_entry(entry: HistoryEntry, registry: Registry, as_json: bool) -> None:
    typer.echo(json.dumps(entry.to_json()) if as_json else sentence(entry, registry.root))


def _registry(data: Path | None) -> Registry:
    from echocast.model.registry.registry import Registry

    return Registry(service_data(data).models_root)


def _print(value: Any, lines: Any, as_json: bool) -> None:
    typer.echo(json.dumps(value) if as_json else "\n".join(lines))
