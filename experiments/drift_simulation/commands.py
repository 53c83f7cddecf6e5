"""Simulated months, the verdicts of the control charts on them, and their page."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import typer

from echocast.model.cli.progress import progress
from echocast.model.drift.blocks import Block
from echocast.model.errors import ModelError
from experiments.drift_simulation import report
from experiments.drift_simulation.forecaster import Forecaster, train
from experiments.drift_simulation.months import months
from experiments.drift_simulation.outcomes import Months, Outcome, outcomes
from experiments.drift_simulation.scenarios import FIRST_MODEL, MODELS, SCENARIOS


def simulate(
    output: Annotated[Path, typer.Argument(help="Folder for months, page, JSON and picture.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many kinds of weather.")] = 20,
    first_seed: int = 0,
    scenario: Annotated[list[str] | None, typer.Option(help="Only these; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Try the charts of drift on made-up weather; the same command again goes on."""
    requested = checked(scenario or list(SCENARIOS))
    results = []
    with progress() as bar:
        task = bar.add_task("months", total=seeds * (len(requested) + 1))
        models = cache(partial(_models, requested))
        for seed in range(first_seed, first_seed + seeds):
            done: dict[str, list[Block]] = {}
            for name, blocks in _read_or_made(output, seed, models, requested):
                done[name] = blocks
                bar.update(task, advance=1, description=f"seed {seed}: {name}")
            results += list(outcomes(seed, done))
            write(output, results)
    text = report.markdown(results)
    typer.echo(json.dumps(report.to_json(results)) if as_json else text)


def checked(names: list[str]) -> list[str]:
    """The names of scenarios.

    Raises:
        ModelError: One is none.
    """
    if unknown := sorted(set(names) - SCENARIOS.keys()):
        raise ModelError(
            f"The scenarios are {', '.join(SCENARIOS)}; {unknown[0][:40]!r} is none of them."
        )
    return names


def _read_or_made(
    output: Path, seed: int, models: Callable[[], Mapping[str, Forecaster]], requested: list[str]
) -> Iterator[tuple[str, list[Block]]]:
    """The months of a seed: the stored ones, and the others as they are made."""
    place = output / "months" / f"{seed}.json.gz"
    stored = _read(place) if place.exists() else {}
    missing = [name for name in requested if name not in stored]
    yield from stored.items()
    made = {}
    for name, blocks in months(seed, models(), missing) if missing else ():
        made[name] = blocks
        yield name, blocks
    if made:
        _store(place, {**stored, **made})


def _read(place: Path) -> dict[str, list[Block]]:
    with gzip.open(place, "rt", encoding="utf-8") as file:
        stored = json.load(file)
    return {name: [Block.from_json(block) for block in blocks] for name, blocks in stored.items()}


def _store(place: Path, made: Months) -> None:
    """Written beside and moved into place: half a file is none."""
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_suffix(".part")
    with gzip.open(beside, "wt", encoding="utf-8") as file:
        json.dump({name: [b.to_json() for b in blocks] for name, blocks in made.items()}, file)
    beside.replace(place)


def _models(requested: list[str]) -> dict[str, Forecaster]:
    names = {FIRST_MODEL, *(SCENARIOS[name].model for name in requested)}
    return {name: train(*MODELS[name]) for name in sorted(names)}


def write(output: Path, results: list[Outcome]) -> None:
    """Write the page, its JSON and its picture."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "drift-simulation.md").write_text(report.markdown(results), encoding="utf-8")
    text = json.dumps(report.to_json(results), indent=1)
    (output / "drift-simulation.json").write_text(text + "\n", encoding="utf-8")
    report.picture(results, output / "drift-simulation.png")
