"""A batch as a file, so that the step which a training stopped at can be looked into."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from echocast.model.atomic_files import move_into_place
from echocast.model.network.network import Context
from echocast.model.training.sampler import Batch

PARTS = ("frames", "valid", "bases", "pixels")


def write_tensors(tensors: Mapping[str, Tensor], path: Path, note: Mapping[str, str]) -> None:
    """Write tensors whole or not at all; a file that was there before stays until then.

    Raises:
        OSError: They can't be written; nothing of them is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    try:
        save_file({k: v.contiguous() for k, v in tensors.items()}, new, metadata=dict(note))
        move_into_place(new, path)
    except SafetensorError as error:
        raise OSError(str(error)) from error
    finally:
        new.unlink(missing_ok=True)


def write_failed_batch(batch: Batch, path: Path, note: Mapping[str, Any]) -> None:
    """Write a batch.

    Args:
        batch: As it was trained on.
        path: Safetensors file to write.
        note: What else to write down.

    Raises:
        OSError: It can't be written.
    """
    tensors = {name: getattr(batch, name) for name in PARTS} | batch.context._asdict()
    if batch.truth_share is not None:
        tensors["truth_share"] = batch.truth_share
    facts = {**note, "inputs": batch.inputs, "windows": batch.windows}
    write_tensors(tensors, path, {"batch": json.dumps(facts)})


def read_failed_batch(path: Path) -> tuple[Batch, dict[str, Any]]:
    """The batch that :func:`write_failed_batch` wrote, and the note beside it."""
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["batch"])
    tensors = load_file(path)
    batch = Batch(
        **{name: tensors[name] for name in PARTS},
        inputs=facts["inputs"],
        context=Context(*(tensors[name] for name in Context._fields)),
        truth_share=tensors.get("truth_share"),
        windows=tuple((store, index) for store, index in facts["windows"]),
    )
    return batch, facts
