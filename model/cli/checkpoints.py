"""Commands that write checkpoints: from a run, from other checkpoints, from foreign weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from echocast.model.cli.help_pages import command_line, example
from echocast.model.cli.options import Preset, one_of
from echocast.model.network.config import PRESETS, Base

CONTINUATIONS = [base for base in get_args(Base) if base != "newest"]
Output = Annotated[Path, typer.Option(help="<name>/<version> folder to write.")]
Notes = Annotated[Path | None, typer.Option(help="JSON to add to the manifest.")]

JOIN = "echocast train join run control-run --output models/own/1.0.0"
REBASE = "echocast train rebase models/own/1.0.0 --base damped --output models/own/1.1.0"
IMPORT = "echocast train import-weights mim.pt --family mim --output models/mim/1.0.0"

app = command_line()


def _notes_in(file: Path | None) -> dict[str, Any]:
    """The JSON of a file, to be added to a manifest; empty without a file."""
    return json.loads(file.read_text()) if file else {}


@app.command("untrained", epilog=example("echocast train untrained --output models/own/0.0.0"))
def untrained_command(output: Output, preset: Preset = "radar-small", seed: int = 1) -> None:
    """Write an untrained checkpoint, to measure with: its head is zero."""
    import torch

    from echocast.model.network.network import Network
    from echocast.model.registry import checkpoint

    torch.manual_seed(seed)
    facts = {"trained_steps": 0, "seed": seed, "note": "Untrained: no better than its references."}
    checkpoint.save(Network(PRESETS[preset]), output, facts)
    typer.echo(f"Wrote {output}, untrained.")


@app.command("join", epilog=example(JOIN))
def join_command(
    network: Annotated[Path, typer.Argument(help="Run or checkpoint of a recurrent network.")],
    control: Annotated[Path, typer.Argument(help="Run or checkpoint of a control.")],
    output: Output,
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Weight of the control.")] = 0.5,
    notes: Notes = None,
) -> None:
    """Make one checkpoint of a recurrent network and a control; its forecast is their mean."""
    from echocast.model.network.ensemble import join
    from echocast.model.registry import checkpoint
    from echocast.model.training.run import trained_in

    recurrent, facts = trained_in(network)
    both = join(recurrent, trained_in(control)[0], share)
    checkpoint.save(both, output, {**facts, "control_share": share, **_notes_in(notes)})
    typer.echo(f"Wrote {output}.")


@app.command("rebase", epilog=example(REBASE))
def rebase_command(
    network: Annotated[Path, typer.Argument(help="Run or checkpoint.")],
    base: Annotated[
        str,
        typer.Option(
            help=f"One of {', '.join(CONTINUATIONS)}.", callback=one_of("base", CONTINUATIONS)
        ),
    ],
    output: Output,
    notes: Notes = None,
) -> None:
    """Put a network on another base forecast, without training it; calibrate it afterwards."""
    from echocast.model.network.network import Network
    from echocast.model.registry import checkpoint
    from echocast.model.training.run import trained_in

    before, facts = trained_in(network)
    moved = Network(replace(before.config, base=cast(Base, base)))
    moved.load_state_dict(before.state_dict())
    checkpoint.save(moved, output, {**facts, **_notes_in(notes)})
    typer.echo(f"Wrote {output}.")


@app.command("release", epilog=example("echocast train release run --output models/own/1.0.0"))
def release_command(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Of runs, or checkpoints; the last describes what is written."),
    ],
    output: Output,
    notes: Notes = None,
) -> None:
    """Write the averaged weights of a run, or the mean of several runs and checkpoints."""
    from echocast.model.registry import checkpoint
    from echocast.model.training.run import mean_network, trained_in

    networks, facts = zip(*map(trained_in, folders), strict=True)
    checkpoint.save(mean_network(networks), output, {**facts[-1], **_notes_in(notes)})
    typer.echo(f"Wrote {output}.")


@app.command("import-weights", epilog=example(IMPORT))
def import_weights_command(
    file: Annotated[Path, typer.Argument(help="A state_dict saved by PyTorch.")],
    family: Annotated[str, typer.Option(help="mim, predrnn, predrnn_plus or convlstm.")],
    output: Output,
    preset: Annotated[str, typer.Option(help="Whose patch size the weights have.")] = "paper",
) -> None:
    """Convert weights of a public PyTorch implementation into a checkpoint."""
    from echocast.model.network.network import Network
    from echocast.model.network.weight_import import infer_config, read_state_dict, translate
    from echocast.model.registry import checkpoint

    weights = read_state_dict(file)
    config = infer_config(weights, family, PRESETS[preset].patch)
    network = Network(config)
    network.load_state_dict(translate(weights, config))
    checkpoint.save(network, output, {"imported": {"file": file.name, "family": family}})
    typer.echo(f"Wrote {output}.")
