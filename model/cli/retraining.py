"""Commands: retrain from an archive; and those on archives, in ``archive.py``."""

from __future__ import annotations

import getpass
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from echocast.model.cli.archive import app as archive_app
from echocast.model.cli.help_pages import command_line, example
from echocast.model.cli.niceness import yield_to_others
from echocast.model.cli.options import Device, Threads, use_threads
from echocast.model.cli.plain_options import Json, Quiet
from echocast.model.cli.progress import progress
from echocast.model.registry.registry import Registry
from echocast.model.retraining.config import config_of, known_fields

EXAMPLE = (
    "echocast retrain echocast-data/archive --work retraining --models-dir echocast-data/models"
)

app = command_line()
app.add_typer(archive_app, name="archive")


@app.command("retrain", epilog=f"{example(EXAMPLE)}\n\n{known_fields()}")
def retrain_command(
    archive: Annotated[str, typer.Argument(help="Archive with frames of streams: folder or URL.")],
    work: Annotated[
        Path, typer.Option(help="Folder of this retraining; the same one continues it.")
    ],
    models_dir: Annotated[
        Path, typer.Option(help="Folder of your models; the challenger is added.")
    ],
    config: Annotated[str, typer.Option(help="JSON fields of the retraining, see below.")] = "{}",
    promote: Annotated[bool, typer.Option(help="A better challenger serves at once.")] = False,
    who: Annotated[str, typer.Option(help="Name for the history.")] = "",
    why: Annotated[str, typer.Option(help="Sentence for the history.")] = "Requested by hand.",
    number: Annotated[int | None, typer.Option(help="Fencing token, from the trainer.")] = None,
    niceness: Annotated[int, typer.Option(min=0, max=19, help="Yield to other processes.")] = 0,
    device: Device = "cpu",
    threads: Threads = 0,
    end_with_input: Annotated[bool, typer.Option(help="End when standard input does.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a challenger, judge it beside the champion, and record the verdict.

    The same command goes on where it was killed. Under torchrun several processes train together.
    """
    from echocast.model.retraining.frame_archive import FrameArchive
    from echocast.model.retraining.pipeline import Retraining
    from echocast.model.retraining.publish import PublishOptions
    from echocast.model.retraining.stages import Work
    from echocast.model.training.distributed import process_group

    if end_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    fields = config_of(config)
    yield_to_others(niceness)
    use_threads(threads)
    options = PublishOptions(who or getpass.getuser(), why, promote, number)
    with process_group(device) as group, progress(quiet=quiet) as bar:
        job = Retraining(
            FrameArchive(archive),
            Registry(models_dir),
            Work(work),
            fields,
            options,
            device,
            group,
            bar,
        )
        verdict = job.run()
    if group.leads:
        result = {"verdict": verdict.outcome, "because": verdict.why, **job.work.read("publish")}
        sentence = f"{verdict.outcome}: {verdict.why}\nReport: {models_dir / result['report']}"
        typer.echo(json.dumps(result) if as_json else sentence)


def _end_with_input() -> None:
    """End when standard input does: the parent was killed, and no one needs the result."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
