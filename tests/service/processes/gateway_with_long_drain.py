"""A gateway that was asked to stop, and answers on until SIGINT comes, too."""

from __future__ import annotations

import math
from typing import Any

from echocast.service.processes import gateway


class LongDrain(gateway.DrainingServer):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.drain_seconds = math.inf


if __name__ == "__main__":
    gateway.DrainingServer = LongDrain  # type: ignore[misc]
    gateway.main()
