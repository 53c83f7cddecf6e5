"""WorkerInfo: what a worker says of itself with each heartbeat."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self


@dataclass(frozen=True)
class WorkerInfo:
    """A worker that gave a sign of life within the lease time.

    Args:
        incarnation: Name of this life of the worker process.
        host: Host name.
        pid: Process id on that host.
        device: Device of the network.
        models: What is loaded, as ``name/version``.
        started: When this life began.
    """

    incarnation: str
    host: str
    pid: int
    device: str
    models: tuple[str, ...]
    started: datetime

    def to_json(self) -> str:
        """As stored in the engine."""
        values = {**self.__dict__, "started": self.started.isoformat()}
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The worker that :meth:`to_json` described, perhaps one of a newer version."""
        values = json.loads(text)
        known = {field.name: values[field.name] for field in fields(cls)}
        known["models"] = tuple(known["models"])
        known["started"] = datetime.fromisoformat(known["started"])
        return cls(**known)
