"""Commands: score a model on whole events; choose when it forecasts an exceedance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from echocast.model.cli.help_pages import command_line, example
from echocast.model.cli.options import (
    EventPaths,
    Leads,
    ModelName,
    ModelsDir,
    Threads,
    use_threads,
)
from echocast.model.cli.plain_options import Json, Quiet
from echocast.model.cli.progress import progress
from echocast.model.cli.reading_options import (
    At,
    Bbox,
    RadiusKm,
    Reduce,
    Stated,
    Variable,
    reading_of,
)
from echocast.model.registry.reader import SHIPPED, RegistryReader

References = Annotated[
    list[str] | None,
    typer.Option(
        help="Methods of pysteps beside the model: lk, sprog, anvil, linda, steps, or none; again"
        " for each.",
        show_default="lk and sprog where pysteps is installed",
    ),
]
Stride = Annotated[int, typer.Option(help="Frames between reference times.")]

CALIBRATE = "echocast train calibrate events/*.nc --models-dir models --model own/1.0.0"

app = command_line()


@app.command("evaluate", epilog=example("echocast evaluate events/*.nc --output evaluation"))
def evaluate_command(
    paths: EventPaths,
    output: Annotated[
        Path | None, typer.Option(help="Folder for a page with plots, CSV and JSON.")
    ] = None,
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    stride: Stride = 6,
    leads: Leads = None,
    variable: Variable = None,
    at: At = None,
    radius_km: RadiusKm = None,
    bbox: Bbox = None,
    reduce: Reduce = 1,
    state: Stated = None,
    references: References = None,
    threads: Threads = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score a model beside its references on events; beside pysteps if installed.

    Of pysteps, extrapolation (lk) and S-PROG (sprog) are added where it is installed. ANVIL, LINDA
    and an ensemble of 24 members (steps) take up to some minutes a forecast: name them. LINDA needs
    scikit-image, too.

    With --leads a second table has all events together by half hour of lead time.
    """
    from echocast.model.formats.event_files import EventFiles
    from echocast.model.nowcaster import Nowcaster
    from echocast.model.plotting.report import evaluation as report
    from echocast.model.plotting.report import files
    from echocast.model.plotting.report.event import judged_event
    from echocast.model.plotting.report.lead_spans import span_table
    from echocast.model.verification import pysteps_references as pysteps
    from echocast.model.verification.evaluation import evaluate

    chosen = pysteps.chosen(references)
    reference = pysteps.reference(chosen) if chosen else None
    drawn = pysteps.reference([pysteps.Peer.SPROG]) if pysteps.Peer.SPROG in chosen else None
    use_threads(threads)
    reading = reading_of(variable, at, radius_km, bbox, reduce, state)
    nowcaster = Nowcaster.load(RegistryReader(models_dir).resolve(model))
    events, judged = [], []
    with progress(quiet=quiet) as bar:
        for path in paths:
            event = EventFiles.of([path], reading)
            events.append(evaluate(nowcaster, event, stride, bar, reference, leads))
            if output:
                shown = judged_event(nowcaster, event, stride, events[-1], drawn, leads)
                judged.append(shown)
                report.write(output, nowcaster.identity, stride, judged)
    name = f"{nowcaster.identity.name}/{nowcaster.identity.version}"
    scores = files.to_json(name, stride, events) if as_json else {}
    tables = [report.markdown(events), *([span_table(events)] if leads else [])]
    typer.echo(json.dumps(scores) if as_json else "\n\n".join(tables))


@app.command("calibrate", epilog=example(CALIBRATE))
def calibrate_command(
    paths: EventPaths,
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    stride: Stride = 6,
    variable: Variable = None,
    at: At = None,
    radius_km: RadiusKm = None,
    bbox: Bbox = None,
    reduce: Reduce = 1,
    state: Stated = None,
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Choose when exceedances are forecast, on events.

    Chosen are the probability from which on, and how far the decision leans on extrapolation. All
    lead times share the choice, because there are few samples of heavy rain. What the model then
    answers to the golden input is written down too, so that it can be published.
    """
    from echocast.model import acceptance
    from echocast.model.formats.event_files import EventFiles
    from echocast.model.nowcaster import Nowcaster
    from echocast.model.products import ExceedanceDecision
    from echocast.model.registry.manifest import amend
    from echocast.model.verification import calibration
    from echocast.model.verification.evaluation import exceedance_counts

    use_threads(threads)
    reading = reading_of(variable, at, radius_km, bbox, reduce, state)
    shown = [EventFiles.of([path], reading) for path in paths]
    directory = RegistryReader(models_dir).resolve(model)
    with progress(quiet=quiet) as bar:
        tried = exceedance_counts(Nowcaster.load(directory), shown, stride, bar)
    weights = calibration.choose_weights(tried)
    events = calibration.with_weights(tried, weights)
    probability_thresholds = calibration.choose_probability_thresholds(list(events.values()))
    decision = ExceedanceDecision(
        probability_thresholds, weights, calibration.EARLY_FACTOR
    ).to_manifest()
    amend(directory, {**decision, "cuts_chosen_on": sorted(events)})
    acceptance.describe(directory)
    leave = calibration.leave_one_out(events) if len(events) > 1 else {}
    for dbz, pixels in calibration.too_rare(list(events.values())).items():
        typer.echo(
            f"Too few pixels reached {dbz:g} dBZ to choose its probability threshold: {pixels} in"
            f" the event with most, {calibration.FEWEST_EVENTS} are needed. It gets that of the"
            " next lower threshold in dBZ, or 0.5.",
            err=True,
        )
    typer.echo(json.dumps({**decision, "leave_one_out": leave}, indent=2))
