"""Work: the folder of one retraining, where every finished stage writes a file."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echocast.model.atomic_files import move_into_place, scratch_file
from echocast.model.errors import ModelError
from echocast.model.json_diff import describe_difference

LOCK = ".lock"


@dataclass(frozen=True)
class Work:
    """One retraining's folder.

    Args:
        folder: Made if need be.
    """

    folder: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """A context in which no other process works in the folder.

        Raises:
            ModelError: Another one does.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ModelError(
                    f"Another process is retraining in {self.folder}; wait for it, or give this"
                    " retraining a folder of its own."
                ) from None
            yield  # the lock ends with the handle, and with the process

    def begin(
        self, requested: Mapping[str, Any], decide_the_rest: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Write down what is to be done, or go on with it.

        Args:
            requested: What has to be the same when work goes on.
            decide_the_rest: What else holds for all of the work; called the first time only.

        Returns:
            Both.

        Raises:
            ModelError: Something else is being done here.
        """
        path = self.folder / "order.json"
        requested = json.loads(json.dumps(requested))
        if not path.exists():
            write_json(path, {**requested, **decide_the_rest()})
        order = self.read("order")
        other = sorted(key for key in requested if order.get(key) != requested[key])
        if other:
            difference = " and ".join(
                f"{key} ({describe_difference(order.get(key), requested[key])})" for key in other
            )
            raise ModelError(
                f"{self.folder} holds a retraining with another {difference}; use the earlier"
                " values to finish it, remove the folder to begin again, or name another folder."
            )
        return order

    def once(self, stage: str, act: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The result of a stage, which is run the first time only."""
        if not self.done(stage):
            write_json(self.folder / f"{stage}.json", act())
        return self.read(stage)

    def done(self, stage: str) -> bool:
        """Whether a stage was run to its end."""
        return (self.folder / f"{stage}.json").exists()

    def read(self, stage: str) -> dict[str, Any]:
        """The result of a stage that was run."""
        result: dict[str, Any] = json.loads((self.folder / f"{stage}.json").read_text())
        return result


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_file(path.parent, ".json") as new:
        new.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")
        new.chmod(0o644)
        move_into_place(new, path)
