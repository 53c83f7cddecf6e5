"""Command: train a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echocast.model.cli.help_pages import command_line, example
from echocast.model.cli.options import Device, Preset, Threads, one_of, use_threads
from echocast.model.cli.plain_options import Quiet
from echocast.model.cli.progress import progress
from echocast.model.errors import ModelError
from echocast.model.network.config import CONTROL, FAMILIES, PRESETS, NetworkConfig
from echocast.model.training.config import LIMITS, PRESET_SAMPLING, SAMPLINGS, TrainingConfig

if TYPE_CHECKING:
    from echocast.model.training.windows import WindowStore

app = command_line()


def known_shares(text: str) -> str:
    """JSON of one number, 0 or more, for each event that is named."""
    try:
        shares = json.loads(text)
        good = all(type(value) in (int, float) and 0 <= value < inf for value in shares.values())
    except (ValueError, AttributeError):
        good = False
    if not good:
        raise typer.BadParameter(
            f'Shares are a JSON object like {{"event": 2.0}} of numbers from 0, not {text[:80]!r}.'
        )
    return text


def of_family(network: NetworkConfig, family: str | None) -> NetworkConfig:
    """The same network as another member of the family."""
    if family is None:
        return network
    if network.family == CONTROL:
        raise typer.BadParameter("A control is no member of the family; take another preset.")
    return replace(network, family=family)


def configured(options: TrainingConfig, file: Path | None) -> TrainingConfig:
    """The training that options describe; fields in the file override them.

    Raises:
        ModelError: The file can't be read, or names what there is not.
    """
    if file is None:
        return options
    try:
        named, plain = json.loads(file.read_text()), options.to_json()
        parts = {key: {**plain[key], **named.get(key, {})} for key in ("network", "sampling")}
        config = TrainingConfig.from_json({**plain, **named, **parts})
    except (OSError, ValueError, TypeError, AttributeError, ModelError) as error:
        reason = str(error).rstrip(".")
        raise ModelError(f"{file} is no configuration of a training: {reason}.") from error
    if config.warm_start not in ("", options.warm_start):
        raise ModelError(
            f"The configuration in {file} begins with the weights of {config.warm_start!r}:"
            " say by --warm-start where they are."
        )
    return replace(config, warm_start=options.warm_start)


def limited(name: str, text: str) -> Any:
    """The option of a number that a training has limits for."""
    least, most = LIMITS[name]
    return typer.Option(min=least, max=None if most == inf else most, help=text)


def check_windows(stores: Sequence[WindowStore], network: NetworkConfig) -> None:
    """Refuse windows that a network can't learn from, by how they were extracted, or warn of them.

    Raises:
        ModelError: Rain moves in some, and the network sees it standing still; or they hold other
            bases than it adds to.
    """
    from echocast.model.training.sampler import check_bases

    check_bases(stores, network)
    others = {info.coordinates for store in stores for info in store.infos} - {network.coordinates}
    if "eulerian" in others:
        raise ModelError(
            "This network sees the rain standing still, but some of these windows were extracted"
            " with --coordinates eulerian; extract them aligned along the motion, as by default."
        )
    if "lagrangian" in others:
        typer.echo(
            "This network will see the rain move, but these windows stand still, aligned along the"
            " motion: fit to compare networks, not to forecast with. `echocast train windows"
            " --coordinates eulerian` extracts others."
        )


Family = Annotated[
    str | None,
    typer.Option(
        help=f"In place of the preset's: {', '.join(FAMILIES)}.",
        callback=one_of("family", FAMILIES),
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", help="JSON of a training, or some of its fields; they override options."
    ),
]
Shares = Annotated[
    str, typer.Option(help="JSON: how often each event is drawn.", callback=known_shares)
]
SamplingName = Annotated[
    str | None,
    typer.Option(
        help=f"Truth fed in training: {', '.join(SAMPLINGS)}. Default: paper as its authors"
        " did, scheduled; the others free-running.",
        callback=one_of("sampling", SAMPLINGS),
    ),
]
WarmStart = Annotated[
    Path | None, typer.Option(help="Run or released checkpoint whose weights to start from.")
]


@app.command("network", epilog=example("echocast train network windows --output run"))
def train_command(
    windows: Annotated[list[Path], typer.Argument(help="Folders of windows.")],
    output: Annotated[Path, typer.Option(help="Folder of the run.")],
    preset: Preset = "radar-small",
    family: Family = None,
    file: ConfigFile = None,
    steps: Annotated[int, limited("steps", "Optimiser steps.")] = 2000,
    batch: Annotated[int, limited("batch", "Windows a step.")] = 6,
    peak_rate: Annotated[float, limited("peak_rate", "Highest learning rate.")] = 2e-3,
    balance: Annotated[float, limited("balance", "Weight heavy rain more.")] = 0.0,
    shares: Shares = "{}",
    sampling: SamplingName = None,
    bfloat16: Annotated[bool, typer.Option(help="Convolutions in bfloat16.")] = False,
    until: Annotated[int | None, typer.Option(help="Stop early, at this step.")] = None,
    warm_start: WarmStart = None,
    device: Device = "cpu",
    seed: int = 1,
    threads: Threads = 0,
    loaders: Annotated[int, typer.Option(min=0, help="Threads that draw windows ahead.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Train a network; the same command again goes on where it stopped.

    Under torchrun several processes train together:
    ``torchrun --nproc-per-node 2 -m echocast.model train network``.
    """
    from echocast.model.training.distributed import process_group
    from echocast.model.training.loop import train_on_windows
    from echocast.model.training.run import Run, trained_in
    from echocast.model.training.windows import WindowStore

    use_threads(threads)
    config = TrainingConfig(
        of_family(PRESETS[preset], family),
        steps=steps,
        batch=batch,
        peak_rate=peak_rate,
        balance=balance,
        shares=json.loads(shares),
        sampling=SAMPLINGS[sampling or PRESET_SAMPLING.get(preset, "free-running")],
        bfloat16=bfloat16,
        seed=seed,
        warm_start=warm_start.name if warm_start else "",
    )
    config = configured(config, file)
    stores = [WindowStore.load(folder) for folder in windows]
    check_windows(stores, config.network)
    with process_group(device) as group, progress(quiet=quiet) as bar:
        training = Run(config, output, device=device, group=group)
        if warm_start:
            training.start_from(trained_in(warm_start)[0])
        training.resume()
        waiting = train_on_windows(training, stores, bar, until=until, threads=loaders)
    if group.leads:
        typer.echo(
            f"Trained {training.step} steps, {waiting:.0%} of the time spent waiting for windows;"
            f" the run is in {output}."
        )
